"""`plumb deliver`: what the builds of the delivery pipeline run, one step each."""

import os
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plumbline.cli.rehearse import ConsoleProgress
from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT


class Step(StrEnum):
    """The steps that run the repository's own code."""

    BUILD = "build"
    ASSETS = "assets"
    PRODUCTION_ASSETS = "production-assets"
    IMAGE = "image"
    CODE = "code"
    CHECK = "check"
    COMPARE = "compare"


def _input(name: str) -> str:
    """The folder of a further input (CodeBuild user guide, "Environment variables in build environments")."""
    folder = os.environ.get(f"CODEBUILD_SRC_DIR_{name}")
    if not folder:
        raise PlumblineError(f"deliver: CODEBUILD_SRC_DIR_{name} is missing; accepted: the folder of that artifact.")
    return folder


def deliver(step: Annotated[Step, typer.Argument(help="What to do.")]) -> None:
    """Do one step of the delivery pipeline, in the role of whoever runs it."""
    from plumbline.configuration import load_models, load_platform
    from plumbline.rehearsal.progress import Steps

    console = Console(soft_wrap=True)
    steps = Steps(ConsoleProgress(console))
    today = datetime.now(tz=UTC).date()
    platform, models = load_platform(ROOT), load_models(ROOT)
    if step is Step.BUILD:
        from plumbline.delivery.build import build

        build(ROOT, today=today, step=steps.step)
        return
    if step in (Step.ASSETS, Step.PRODUCTION_ASSETS):
        from plumbline.delivery.assets import publish_assets

        production = step is Step.PRODUCTION_ASSETS
        console.print(publish_assets(platform, Path(_input("Build_Output")), production=production))
        return
    from plumbline.delivery.access import own_session

    session = own_session(platform)
    if step is Step.IMAGE:
        from plumbline.delivery.image import deliver_image

        said = [deliver_image(ROOT, platform, session)]
    elif step is Step.CODE:
        from plumbline.delivery.code import deliver_code

        said = deliver_code(platform, models, session)
    elif step is Step.CHECK:
        from plumbline.delivery.check import check_staging

        said = check_staging(platform, models, session)
    else:
        from plumbline.delivery.compare import keep_evidence

        execution = os.environ.get("PLUMB_EXECUTION")
        if not execution:
            raise PlumblineError("deliver compare: PLUMB_EXECUTION is missing; accepted: the id of an execution.")
        left = ROOT / ".plumb" / "delivery"
        said = [
            keep_evidence(
                delivery=platform.delivery,
                execution=execution,
                assembly=left / "assembly",
                audit=left / "audit",
                session=session,
                today=today,
                step=steps.step,
            )
        ]
    for line in said:
        console.print(line, markup=False, highlight=False)
