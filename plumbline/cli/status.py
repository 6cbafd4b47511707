"""`plumb status`: what was decided on the retraining of a model, and why."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from plumbline.retraining.decisions import Decision


def status(
    model: Annotated[str, typer.Argument(help="Name of the model's folder, e.g. flight_delays.")],
    most: Annotated[int, typer.Option("--last", help="How many decisions.", min=1, max=1_000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Show whether a model is being trained anew, and what was decided on each signal, with its reason."""
    from plumbline.cli.governing import governing
    from plumbline.configuration import Person
    from plumbline.retraining.decisions import standing

    access, deployment, chosen = governing(model, role=Person.DATA_SCIENTIST, which="reads decisions")
    found = standing(access.client("dynamodb"), deployment=deployment, model=chosen, most=most)
    if as_json:
        print(json.dumps(dataclasses.asdict(found), indent=2))
        return
    console = Console(soft_wrap=True, width=160, highlight=False)
    console.print(f"in flight: {found.in_flight or 'no run'}; failed in a row: {found.failures}", markup=False)
    if found.stopped:
        console.print(f"stopped since {found.stopped}: a person has to resume it", markup=False)
    if not found.decisions:
        console.print("nothing was decided yet")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("time", "signal", "decision", "trains on", "because"):
        table.add_column(title)
    for one in found.decisions:
        table.add_row(*map(Text, (one.time[:19], one.kind, one.brake or one.verdict, _given(one), _because(one))))
    console.print(table)


def _given(decision: "Decision") -> str:
    if not decision.dataset:
        return ""
    if not decision.windows:
        return decision.dataset
    return f"{decision.dataset}, {decision.windows} labelled windows to {decision.newest_window}"


def _because(decision: "Decision") -> str:
    said = decision.why or decision.reason
    return f"{said}; left out: {decision.left_out}" if decision.left_out else said
