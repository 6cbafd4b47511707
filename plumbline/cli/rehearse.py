"""`plumb rehearse`: the whole platform on this machine."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT

if TYPE_CHECKING:
    from plumbline.rehearsal.summary import Summary


_TABLE_WIDTH = 120  # columns: the longest label and the longest value of a summary


class ConsoleProgress:
    """Shows each step on a line: while it runs on a terminal, and when it has ended everywhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._step = ""

    def start(self, step: str) -> None:
        """A step begins."""
        self._step = step
        if self._console.is_terminal:
            self._status = self._console.status(step)
            self._status.start()

    def detail(self, text: str) -> None:
        """Something about the step under way."""
        if self._status is not None:
            self._status.update(f"{self._step}: {text}")

    def done(self, outcome: str, *, seconds: float) -> None:
        """The step has ended well."""
        self._end("[green]✓[/green]", outcome, seconds)

    def fail(self, reason: str, *, seconds: float) -> None:  # noqa: ARG002 - it follows on standard error
        """The step has ended badly."""
        self._end("[red]✗[/red]", "", seconds)

    def _end(self, mark: str, outcome: str, seconds: float) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        self._console.print(f"{mark} {seconds:6.1f} s  {self._step}", end="", highlight=False)
        self._console.print(f": {outcome}" if outcome else "", style="dim", highlight=False, markup=False)


def rehearse(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cloud up and print how to reach it.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the clouds that --keep left up.")] = False,
    drill: Annotated[
        str, typer.Option("--drill", metavar="NAME", help="Play a drill after all of it; there is: delivery.")
    ] = "",
    year: Annotated[
        bool, typer.Option("--year", help="Let April to December pass in production, with retraining; see year.html.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print rehearsal.json in the place of the table.")] = False,
) -> None:
    """Deploy the platform into three emulated accounts, train, approve, release and answer requests; no AWS account."""
    from plumbline.rehearsal import journey  # loads the clients and the tables, which other commands do not need

    if stop and (keep or drill or year or as_json):
        other = "--keep" if keep else "--drill" if drill else "--year" if year else "--json"
        raise PlumblineError(f"rehearse: {other} and --stop exclude each other; give one of them.")
    # Standard output belongs to what a script reads.
    console = Console(soft_wrap=True, stderr=as_json)
    if stop:
        stopped = journey.stop(ROOT)
        console.print(f"ended {len(stopped)} kept rehearsal(s)" if stopped else "no rehearsal is kept here")
        return
    summary = journey.rehearse(ROOT, progress=ConsoleProgress(console), keep=keep, drill=drill, year=year)
    if as_json:
        print(summary.text())
        return
    _print_summary(console, summary)
    if keep:
        _print_way_in(console, summary)


def _print_summary(console: Console, summary: "Summary") -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    for what, value in summary.rows():
        table.add_row(what, value)
    console.print()
    # A row is a line, also in a log or a pipe, for which Rich assumes 80 columns.
    Console(width=max(_TABLE_WIDTH, console.width)).print(table)
    years = " and, with plots, in year.html" if summary.years else ""
    console.print(f"\nAll of it is in rehearsal.json{years}.")


def _print_way_in(console: Console, summary: "Summary") -> None:
    """Prints the variables with which `aws` and `boto3` reach the kept cloud as an account's administrator."""
    from plumbline.rehearsal.cloud import administrator_of, kept_clouds

    kept = next(options for options in kept_clouds(ROOT) if str(options.state) == summary.state)
    staging = summary.accounts["staging"]
    console.print("\nThe cloud stays up. In a shell, `aws` and `boto3` reach it as staging's administrator with")
    for name, value in administrator_of(kept, staging).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    others = ", ".join(f"{account} is {name}" for name, account in summary.accounts.items() if account != staging)
    console.print(f"Another account's administrator has its id as the access key: {others}.")
    console.print("`./plumb rehearse --stop` ends it.")
