"""`plumb retrain`: a person asks for a model to be trained anew."""

from typing import Annotated

import typer

from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT


def retrain(
    model: Annotated[str, typer.Argument(help="Name of the model's folder, e.g. flight_delays.")],
    because: Annotated[str, typer.Option("--because", help="Why; what the run registers says it.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on if failed runs have stopped it.")] = False,
) -> None:
    """Ask the governor for a training run of record; its brakes hold for people, too."""
    from plumbline.accounts.access import Access, identify
    from plumbline.configuration import Person, load_models, load_platform, named_model
    from plumbline.retraining.requests import request

    platform = load_platform(ROOT)
    chosen = named_model(load_models(ROOT), model)
    governing = platform.governing
    access = Access(platform)
    caller = identify(access, region=platform.region)
    if caller.account != governing.account:
        approver = governing.person_role_arn(Person.APPROVER)
        raise PlumblineError(f"the credentials are of {caller.arn}; accepted: {approver}, which asks for retraining.")
    asked = request(access.client("events"), deployment=governing, model=chosen, because=because, resume=resume)
    print(f"asked, with the id {asked}; what is decided: ./plumb status {model}")
