"""`platform.toml` with the sources, and the layouts of accounts, that the repository's own does not have."""

import functools
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App

from plumbline.configuration import Platform, command_line_version, load_models
from stacks.composition import compose
from tests.house.assembly import ROOT, RUNTIME_TAG, Template, configured, read_templates

OWN = (ROOT / "platform.toml").read_text(encoding="utf-8")
_DEV, _STAGING, _PRODUCTION = "111111111111", "222222222222", "333333333333"


def with_source(source: str) -> str:
    """Another table `source`."""
    changed, count = re.subn(r"(?<=\[source\]\n)(?:\w+ = .*\n)+", source, OWN)
    assert count == 1, "platform.toml has no table source"
    return changed


def shared(**moved: str) -> str:
    """Some environments in other accounts than their own, which are then shared.

    Args:
        moved: The account of each environment that has none of its own.
    """
    text = OWN.replace("[accounts.dev]", "[accounts]\nshared = true\n\n[accounts.dev]")
    for environment, account in moved.items():
        text, count = re.subn(rf"(\[accounts\.{environment}\]\nid = )\"\d+\"", rf'\g<1>"{account}"', text)
        assert count == 1, f"platform.toml has no account of {environment}"
    return text


IN_S3 = with_source('provider = "s3"\n')
IN_CODECOMMIT = with_source('provider = "codecommit"\nrepository = "platform"\nbranch = "main"\n')
FOUR_ACCOUNTS = f'{OWN}\n[accounts.delivery]\nid = "444444444444"\n'
TWO_ACCOUNTS = shared(staging=_DEV)
ONE_ACCOUNT = shared(staging=_DEV, production=_DEV)


@functools.cache
def composed(text: str) -> tuple[Platform, Mapping[str, Template]]:
    """The platform that a `platform.toml` makes, and its templates, without a judgement."""
    platform, folder = configured(text), Path(tempfile.mkdtemp(prefix="layout-"))
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(folder), context=context, builtin_cloud_formation_validation=False)
    compose(
        app,
        platform=platform,
        models=load_models(ROOT),
        runtime_tag=RUNTIME_TAG,
        command_line_version=command_line_version(ROOT),
    )
    app.synth()
    return platform, read_templates(folder)
