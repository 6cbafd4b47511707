"""`plumb doctor`: what the account of the current credentials still lacks."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from plumbline.toolchain import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plumbline.accounts.findings import Finding

_COLOURS = {"ok": "green", "missing": "red", "cannot tell": "yellow"}


def doctor(
    every: Annotated[bool, typer.Option("--all", help="Name the accounts that these credentials do not show.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at the account of the current credentials, change nothing, and say what it lacks; exit 1 if deploys fail."""
    from plumbline.accounts import doctor as doctoring
    from plumbline.accounts.access import Access, identify
    from plumbline.accounts.looking import Look
    from plumbline.accounts.parts import part_of
    from plumbline.configuration import load_platform

    platform = load_platform(ROOT)
    access = Access(platform)
    caller = identify(access, region=platform.region)
    played = part_of(platform, caller)
    look = Look(
        clients=access,
        caller=caller,
        platform=platform,
        root=ROOT,
        usual_region=access.usual_region,
        now=datetime.now(tz=UTC),
    )
    console = Console(soft_wrap=True, highlight=False, stderr=as_json)
    with console.status(f"looking at {caller.account}"):
        findings = doctoring.examine(look)
    if every:
        findings += doctoring.unseen(platform, caller.account)
    if as_json:
        print(doctoring.report(look, findings))
    else:
        console.print(f"account {caller.account} ({played}) in {platform.region}, as {caller.arn}\n", markup=False)
        _print(console, findings)
    if not doctoring.is_ready(findings):
        raise typer.Exit(1)


def _print(console: Console, findings: "Sequence[Finding]") -> None:
    name_width = max(len(finding.check) for finding in findings)
    state_width = max(map(len, _COLOURS))
    for finding in findings:
        way_out = f" → {finding.way_out}" if finding.way_out else ""
        later = " (not for the first deployment)" if finding.state.value == "missing" and not finding.needed else ""
        # A finding is a line, however narrow the terminal: a script, or a person, copies the way out of it.
        line = Text(f"{finding.state.value:<{state_width}}", style=_COLOURS[finding.state.value])
        line.append(f"  {finding.check:<{name_width}}  {finding.said}{later}{way_out}", style="default")
        console.print(line)
    blocking = sum(finding.blocks for finding in findings)
    console.print(
        f"\n{blocking} missing for the first deployment"
        if blocking
        else "\nnothing is missing for the first deployment"
    )
