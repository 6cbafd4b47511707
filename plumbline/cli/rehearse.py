"""`plumb rehearse`: the whole platform on this machine."""

from typing import Annotated

import typer


def rehearse(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cloud up and print how to reach it.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the clouds that --keep left up.")] = False,
) -> None:
    """Deploy the platform into three emulated accounts, train, approve, release and answer requests; no AWS account."""
    raise typer.Exit(int(keep or stop))
