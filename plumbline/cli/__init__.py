"""The command line: one module a command, each imported only when it is called."""

import sys
from typing import NoReturn

import typer

from plumbline.cli import cdk, rehearse, render, test
from plumbline.errors import PlumblineError

app = typer.Typer(
    name="plumb",
    help="A three-account machine-learning platform on Amazon SageMaker that can be rehearsed on a laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="rehearse")(rehearse.rehearse)
app.command(name="test")(test.test)
app.command(name="render")(render.render)
app.command(
    name="cdk",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)(cdk.cdk)


def main() -> NoReturn:
    """Runs the command line; a refusal is one sentence on standard error, and an interrupt exits with 130."""
    try:
        app(prog_name="plumb")
    except PlumblineError as refusal:
        print(f"plumb: {refusal}", file=sys.stderr)
        sys.exit(refusal.exit_code)
    except KeyboardInterrupt:
        print("plumb: interrupted.", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
