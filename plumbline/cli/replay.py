"""`plumb replay`: calls functions with the events that they could not handle."""

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from plumbline.configuration import Environment
from plumbline.errors import PlumblineError


def replay(
    environment: Annotated[Environment, typer.Option("--environment", help="Whose events.")] = Environment.STAGING,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what lies in the queue; call nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Call each function anew with the events that lie in the queue of failed ones; exit 1 if some stay there."""
    from plumbline.accounts import access
    from plumbline.configuration import load_platform
    from plumbline.replaying.replay import CALL_SECONDS, Clients
    from plumbline.replaying.replay import replay as go_through
    from plumbline.toolchain import ROOT

    platform = load_platform(ROOT)
    deployment = platform.deployment(environment)
    signed = access.Access(platform)
    caller = access.identify(signed, region=platform.region)
    if caller.account != deployment.account:
        wanted = deployment.iam_arn(f"role/{deployment.prefix}-on-call")
        raise PlumblineError(f"the credentials are of {caller.arn}; accepted: {wanted}, which replays events.")
    clients = Clients(
        sqs=signed.client("sqs"),
        events=signed.client("events"),
        functions=signed.client("lambda", wait_seconds=CALL_SECONDS),
    )
    console = Console(soft_wrap=True, width=200, highlight=False, stderr=as_json)
    found = go_through(
        clients,
        deployment=deployment,
        dry=dry_run,
        tell=lambda one: console.print(f"{one.target or 'nobody'}: {one.said}", style="dim", markup=False),
    )
    if as_json:
        print(json.dumps([dataclasses.asdict(one) for one in found], indent=2))
    elif not found:
        queue, minutes = deployment.dead_letter_queue("events"), CALL_SECONDS // 60
        console.print(f"nothing lies in {queue}; what has just failed again comes back within {minutes} minutes")
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("when", "rule", "target", "error", "now"):
            table.add_column(title)
        for one in found:
            table.add_row(*map(Text, (one.sent[:19], one.rule or "-", one.target or "-", one.error, one.said)))
        console.print(table)
    if not dry_run and not all(one.done for one in found):
        raise typer.Exit(1)
