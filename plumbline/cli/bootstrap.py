"""`plumb bootstrap`: the account of the current credentials made ready for the platform."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT

if TYPE_CHECKING:
    from plumbline.accounts.bootstrapping import Plan
    from plumbline.configuration import Platform


def bootstrap(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and say what would change.")] = False,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the commands that do the same, for every account; no credentials.")
    ] = False,
) -> None:
    """Make the account of the current credentials ready: permission boundary, execution policies, CDK bootstrap."""
    from plumbline.configuration import bootstrap_template, load_platform

    if dry_run and print_only:
        raise PlumblineError("bootstrap: --dry-run and --print exclude each other; give one of them.")
    platform = load_platform(ROOT)
    if print_only:
        _print_commands(platform)
        return
    template = _text(bootstrap_template(ROOT))
    from plumbline.accounts.access import Access, identify
    from plumbline.accounts.parts import part_of

    console = Console(soft_wrap=True, highlight=False)
    access = Access(platform)
    caller = identify(access, region=platform.region)
    console.print(
        f"account {caller.account} ({part_of(platform, caller)}) in {platform.region}, as {caller.arn}", markup=False
    )
    if dry_run:
        from plumbline.accounts.bootstrapping import plan

        _print_plan(
            console, platform, plan(clients=access, platform=platform, account=caller.account, template=template)
        )
        return
    from plumbline.accounts import bootstrapping
    from plumbline.accounts.cdk_tool import run_cdk
    from plumbline.accounts.changes import counted

    reached = f"stack {platform.bootstrap_stack} is not known to be ready"

    def tool(arguments: tuple[str, ...]) -> None:
        nonlocal reached
        reached = f"stack {platform.bootstrap_stack} is ready, `cdk bootstrap` is not known to be"
        console.print(f"stack {platform.bootstrap_stack} is ready; now `cdk bootstrap`", markup=False)
        run_cdk(arguments, root=ROOT, credentials=access.environment())

    try:
        changes = bootstrapping.bootstrap(
            clients=access,
            platform=platform,
            account=caller.account,
            template=template,
            run_tool=tool,
            tell=lambda text: console.print(text, style="dim", markup=False),
        )
    except KeyboardInterrupt:
        print(f"plumb: {reached}: what has begun goes on in AWS; run this again to finish.", file=sys.stderr)
        raise
    except PlumblineError as refusal:
        raise PlumblineError(
            f"bootstrap of {caller.account}: {refusal}\n({reached}; running this again is safe)",
            exit_code=refusal.exit_code,
        ) from refusal
    console.print(f"account {caller.account} is ready; {platform.bootstrap_stack} had {counted(changes)}", markup=False)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlumblineError(f"{path}: cannot be read: {error.strerror}; restore the file from git.") from None


def _print_commands(platform: "Platform") -> None:
    from plumbline.accounts.bootstrapping import commands
    from plumbline.accounts.parts import parts

    for account, played in parts(platform).items():
        print(f"# {played}: as an administrator of account {account}")
        print("\n".join(commands(platform, account)))
        print()


def _print_plan(console: Console, platform: "Platform", planned: "Plan") -> None:
    from plumbline.accounts.changes import counted

    console.print(f"stack {platform.bootstrap_stack}: {counted(planned.changes)}", markup=False)
    if planned.changes:
        table = Table(box=None, pad_edge=False)
        for heading in ("action", "resource", "type", "replacement"):
            table.add_column(heading, no_wrap=True)
        for change in planned.changes:
            table.add_row(change.action, change.logical_id, change.resource_type, change.replacement)
        Console(width=max(120, console.width)).print(table)
    console.print("then: " + shlex.join(("./plumb", "cdk", *planned.command)), markup=False)
    console.print("Nothing was changed.")
