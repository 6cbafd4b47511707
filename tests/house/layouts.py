"""A `platform.toml` for each source and each layout of accounts, whatever the repository's own says."""

import functools
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App

from plumbline.configuration import Platform, command_line_version
from stacks.composition import compose
from tests.house.assembly import ROOT, RUNTIME_TAG, Template, configured, models_of, read_templates

_DEV, _STAGING, _PRODUCTION, _DELIVERY = "111111111111", "222222222222", "333333333333", "444444444444"
_TAGS = '[tags]\napplication = "plumbline"\n'
_CONNECTION = """\
provider = "codeconnections"
repository = "example/plumbline"
branch = "main"
connection = "00000000-0000-0000-0000-000000000000"
"""


def written(
    *,
    source: str = _CONNECTION,
    staging: str = _STAGING,
    production: str = _PRODUCTION,
    delivery: str = "",
    shared: bool = False,
    more: str = "",
) -> str:
    """A `platform.toml`, with dev in the account 111111111111.

    Args:
        source: The lines of the table `source`.
        staging: Account of staging.
        production: Account of production.
        delivery: Account of delivery; left out, staging delivers.
        shared: Whether accounts may play several parts.
        more: Further tables.
    """
    accounts = {"dev": _DEV, "staging": staging, "production": production}
    tables = [f'[accounts.{name}]\nid = "{one}"\ncidr = "10.10.0.0/20"\n' for name, one in accounts.items()]
    tables += [f'[accounts.delivery]\nid = "{delivery}"\n'] if delivery else []
    tables += ["[accounts]\nshared = true\n"] if shared else []
    tables += [f"[source]\n{source}", '[workbench]\nprofiles = ["data-science"]\n', more]
    return "\n".join(['name = "plumbline"\nregion = "eu-west-1"\nzones = ["a", "b"]\n', _TAGS, *tables])


THREE_ACCOUNTS = written()
IN_S3 = written(source='provider = "s3"\n')
IN_CODECOMMIT = written(source='provider = "codecommit"\nrepository = "platform"\nbranch = "main"\n')
FOUR_ACCOUNTS = written(delivery=_DELIVERY)
TWO_ACCOUNTS = written(staging=_DEV, shared=True)
ONE_ACCOUNT = written(staging=_DEV, production=_DEV, shared=True)
MODEL_MONITOR = written(more='[monitoring]\nbackend = "managed"\n')
ONE_ACCOUNT_AND_DELIVERY = written(staging=_DEV, production=_DEV, delivery=_DELIVERY, shared=True)


@functools.cache
def composed(text: str) -> tuple[Platform, Mapping[str, Template]]:
    """The platform that a `platform.toml` makes, and its templates, without a judgement."""
    platform, folder = configured(text), Path(tempfile.mkdtemp(prefix="layout-"))
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(folder), context=context, builtin_cloud_formation_validation=False)
    compose(
        app,
        platform=platform,
        models=models_of(platform),
        runtime_tag=RUNTIME_TAG,
        command_line_version=command_line_version(ROOT),
    )
    app.synth()
    return platform, read_templates(folder)
