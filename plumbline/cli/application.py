"""The command line: one module a command, each of which imports what it needs only when it is called."""

import signal
import sys
from typing import NoReturn

import typer
from typer.rich_utils import rich_format_error

from plumbline.cli import (
    audit,
    bootstrap,
    cdk,
    deliver,
    doctor,
    monitor,
    rehearse,
    release,
    render,
    replay,
    retrain,
    review,
    smoke,
    status,
    test,
)
from plumbline.errors import PlumblineError

# What a shell gives for a program that Ctrl-C ended; Typer returns it in the place of the KeyboardInterrupt.
_INTERRUPTED = 130

app = typer.Typer(
    name="plumb",
    help="A three-account machine-learning platform on Amazon SageMaker that can be rehearsed on a laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="rehearse")(rehearse.rehearse)
app.command(name="test")(test.test)
app.command(name="audit")(audit.audit)
app.command(name="deliver", hidden=True)(deliver.deliver)
app.command(name="review")(review.review)
app.command(name="render")(render.render)
app.command(name="release")(release.release)
app.command(name="monitor")(monitor.monitor)
app.command(name="retrain")(retrain.retrain)
app.command(name="replay")(replay.replay)
app.command(name="status")(status.status)
app.command(name="smoke")(smoke.smoke)
app.command(name="bootstrap")(bootstrap.bootstrap)
app.command(name="doctor")(doctor.doctor)
app.command(
    name="cdk",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)(cdk.cdk)


def main() -> NoReturn:
    """Runs the command line and exits.

    A refusal is one sentence on standard error, wrong usage is Typer's own message with exit code 2, and an interrupt
    exits with 130.
    """
    code: object = _INTERRUPTED
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            # As Python begins; the entry has set it aside while all this was imported.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = app(prog_name="plumb", standalone_mode=False)
    except PlumblineError as refusal:
        print(f"plumb: {refusal}", file=sys.stderr)
        sys.exit(refusal.exit_code)
    except typer.TyperException as misuse:
        rich_format_error(misuse)  # type: ignore[arg-type]  # of its own base class it asks no more than this
        sys.exit(misuse.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        pass
    if code == _INTERRUPTED:
        print("plumb: interrupted.", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)
