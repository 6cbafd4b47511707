"""`plumb release`: what a person does with the releases of a model."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT

if TYPE_CHECKING:
    from plumbline.releasing.releases import Releases, Waiting


class Action(StrEnum):
    """What is done."""

    APPROVE = "approve"
    REJECT = "reject"
    ROLLBACK = "rollback"


def release(
    model: Annotated[str, typer.Argument(help="Name of the model's folder, e.g. flight_delays.")],
    action: Annotated[Action, typer.Argument(help="Answer the release that waits, or start one at an earlier record.")],
    because: Annotated[str, typer.Option("--because", help="Why; kept with the release.")] = "",
    to: Annotated[
        int | None, typer.Option("--to", help="Of rollback: the version; left out, the one before.", min=1)
    ] = None,
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Of rollback: answer the approval, too; the record says so.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether this release is meant.")] = False,
) -> None:
    """Approve or reject the release of a model that waits, or go back to an earlier one; exit 1 if that fails."""
    from plumbline.accounts.access import Access, identify
    from plumbline.configuration import Person, load_models, load_platform, named_model
    from plumbline.releasing.releases import Releases

    _refuse_misuse(action, because, to, break_glass)
    platform = load_platform(ROOT)
    chosen = named_model(load_models(ROOT), model)
    access = Access(platform)
    caller = identify(access, region=platform.region)
    names = platform.release(chosen)
    if caller.account != names.account:
        approver = platform.delivery.person_role_arn(Person.APPROVER)
        raise PlumblineError(f"the credentials are of {caller.arn}; accepted: {approver}, which answers releases.")
    releases = Releases(access, names)
    console = Console(soft_wrap=True, highlight=False)
    if action is Action.ROLLBACK:
        _roll_back(console, releases, model, to=to, because=because, break_glass=break_glass, who=caller.arn)
        return
    waiting = releases.waiting()
    _show(console, waiting)
    approved = action is Action.APPROVE
    if not yes:
        _ask(f"{action.value.capitalize()} it?")
    releases.answer(waiting, approved=approved, because=because or f"{action.value} by {caller.arn}")
    console.print("approved: it goes on to production" if approved else "rejected: nothing of it reaches production")


def _roll_back(
    console: Console, releases: "Releases", model: str, *, to: int | None, because: str, break_glass: bool, who: str
) -> None:
    from plumbline.releasing.releases import BREAK_GLASS, refuse_long

    said = f"{BREAK_GLASS} by {who}: {because}"
    if break_glass:
        refuse_long(said)  # before staging is changed, and not after
    version, execution = releases.roll_back(to)
    console.print(f"version {version} of {model} is on its way again: execution {execution}", markup=False)
    if not break_glass:
        console.print(f"it waits for an answer after staging: ./plumb release {model} approve", markup=False)
        return
    waiting = releases.wait_for_question(execution, tell=lambda status: console.print(status, style="dim"))
    _show(console, waiting)
    releases.answer(waiting, approved=True, because=said)
    console.print("approved with --break-glass, which its record says: it goes on to production")
    releases.wait_for_end(execution, tell=lambda status: console.print(status, style="dim"))
    console.print(f"production serves version {version} of {model}", markup=False)


def _refuse_misuse(action: Action, because: str, to: int | None, break_glass: bool) -> None:
    if action is not Action.ROLLBACK and (to is not None or break_glass):
        raise PlumblineError(f"release {action}: --to and --break-glass belong to rollback; leave them out.")
    if break_glass and to is None:
        # The version before the present one is another after each rollback, and nobody else looks at which it is.
        raise PlumblineError("release rollback --break-glass: say with --to which version is meant.")
    if break_glass and not because.strip():
        raise PlumblineError("release rollback --break-glass: say with --because why nobody else is asked.")
    if action is Action.REJECT and not because.strip():
        raise PlumblineError("release reject: say with --because why; whoever trained the model will ask.")


def _show(console: Console, waiting: "Waiting") -> None:
    console.print(f"{waiting.says}\n{waiting.link}", markup=False)


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise PlumblineError("nobody is there to ask; say --yes if this release is meant.")
    typer.confirm(question, abort=True)
