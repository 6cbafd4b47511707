"""`plumb smoke`: one model through real accounts."""

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT

_BUDGET = "5"
_TABLE_WIDTH = 120  # columns: two sides, each with a digest


def smoke(
    aws: Annotated[bool, typer.Option("--aws", help="Said by whoever knows that this costs money.")] = False,
    model: Annotated[str, typer.Option("--model", help="The model; left out, the first one.")] = "",
    budget: Annotated[
        str, typer.Option("--budget", metavar="USD", help="The most that it may cost, or it does not begin.")
    ] = _BUDGET,
) -> None:
    """Train one model in the real dev account, within a budget, and set it beside a rehearsal; exit 1 if that fails."""
    from plumbline.accounts.access import Access, identify, is_session_of
    from plumbline.audit.auditing import commit_of
    from plumbline.cli.rehearse import ConsoleProgress
    from plumbline.configuration import Environment, Person, load_models, load_platform, named_model
    from plumbline.rehearsal.summary import FILE as REHEARSED
    from plumbline.smoke.prices import REGION, Prices
    from plumbline.smoke.smoke import FILE, Smoke

    if not aws:
        raise PlumblineError("smoke: this runs jobs in a real account, which costs money; say so with --aws.")
    most = _amount(budget)
    platform = load_platform(ROOT)
    models = load_models(ROOT)
    chosen = named_model(models, model) if model else models[0]
    access = Access(platform)
    caller = identify(access, region=platform.region)
    role = platform.deployment(Environment.DEV).person_role_arn(Person.DATA_SCIENTIST)
    if not is_session_of(caller.arn, role):
        raise PlumblineError(f"smoke: the credentials are of {caller.arn}; accepted: a session of {role}.")
    commit = commit_of(ROOT)
    if not commit.isalnum():
        raise PlumblineError(
            f"smoke: the checkout is {commit or 'no checkout of git'}; accepted: a commit that was delivered to dev."
        )
    console = Console(soft_wrap=True, highlight=False)
    smoked = Smoke(
        platform=platform,
        model=chosen,
        commit=commit,
        access=access,
        prices=Prices(access.client("pricing", region=REGION), region=platform.region),
        budget=most,
        progress=ConsoleProgress(console),
    ).go()
    written = smoked.write(ROOT)
    console.print()
    console.print(f"All of it is in {FILE}.\n")
    if (ROOT / REHEARSED).exists():
        _print_beside(console, written, ROOT / REHEARSED)


def _amount(budget: str) -> Decimal:
    try:
        found = Decimal(budget)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found <= 0:
        raise PlumblineError(
            f"smoke: --budget {budget}: accepted is an amount of US dollars above 0, such as {_BUDGET}."
        )
    return found


def _print_beside(console: Console, smoked: Path, rehearsed: Path) -> None:
    from plumbline.smoke.comparison import compare

    try:
        rows = compare(*(json.loads(path.read_text(encoding="utf-8")) for path in (smoked, rehearsed)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlumblineError(
            f"smoke: {rehearsed.name} cannot be set beside it; accepted: what this version's ./plumb rehearse writes.",
            exit_code=1,
        ) from error
    table = Table("", "rehearsed", "on AWS", "", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row.what, row.rehearsed, row.on_aws, "differs" if row.differs else "")
    Console(width=max(_TABLE_WIDTH, console.width)).print(table)
