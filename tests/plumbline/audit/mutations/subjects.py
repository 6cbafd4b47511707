"""What is mutated: the platform's own templates, and an app that has nothing to do with it."""

import functools
import json
import tempfile
from pathlib import Path

from plumbline.audit.templates import AuditedTemplate, read_assembly, read_files
from tests.house.assembly import ROOT, RUNTIME_TAG
from tests.reference.configuration import REFERENCE

UNRELATED = Path(__file__).with_name("unrelated.json")


@functools.cache
def platform_templates() -> tuple[AuditedTemplate, ...]:
    """The templates of every account, and of what an administrator deploys before them, which is the same in each."""
    from aws_cdk import App

    from plumbline.audit.access.bootstrapped import bootstrapped
    from plumbline.configuration import command_line_version, load_models, load_platform
    from stacks.composition import compose

    folder = Path(tempfile.mkdtemp(prefix="assembly-"))
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    # Without the rules of synth, which judge the templates as they are, and have tests of their own.
    app = App(outdir=str(folder), context=context, builtin_cloud_formation_validation=False)
    platform = load_platform(REFERENCE)
    compose(
        app,
        platform=platform,
        models=load_models(ROOT),
        runtime_tag=RUNTIME_TAG,
        command_line_version=command_line_version(ROOT),
    )
    app.synth()
    first = next(t for t in bootstrapped(ROOT, platform).templates if t.stack_name == platform.bootstrap_stack)
    return (*read_assembly(folder), first)


@functools.cache
def unrelated_templates() -> tuple[AuditedTemplate, ...]:
    """A small SageMaker app that was written for no particular platform."""
    return read_files([UNRELATED])
