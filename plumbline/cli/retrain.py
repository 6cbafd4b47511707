"""`plumb retrain`: a person asks for a model to be trained anew."""

from typing import Annotated

import typer


def retrain(
    model: Annotated[str, typer.Argument(help="Name of the model's folder, e.g. flight_delays.")],
    because: Annotated[str, typer.Option("--because", help="Why; what the run registers says it.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on if failed runs have stopped it.")] = False,
) -> None:
    """Ask the governor for a training run of record; its brakes hold for people, too."""
    from plumbline.cli.governing import governing
    from plumbline.configuration import Person
    from plumbline.retraining.requests import request

    access, deployment, chosen = governing(model, role=Person.APPROVER, which="asks for retraining")
    asked = request(access.client("events"), deployment=deployment, model=chosen, because=because, resume=resume)
    print(f"asked, with the id {asked}; what is decided: ./plumb status {model}")
