"""`plumb review`: what a pull request is judged by."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plumbline.cli.rehearse import ConsoleProgress
from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT, tool_environment

_STANDARD_ERROR = 2  # its descriptor in every process


def review(
    against: Annotated[
        str, typer.Option("--against", metavar="REF", help="What the change is compared with.")
    ] = "main",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the Markdown there too.")
    ] = None,
) -> None:
    """Lint, test and audit this checkout against a commit, and say as Markdown what changes; exit 1 if it may not."""
    if output is not None:
        _write(output, "")  # before minutes are spent on what could then not be kept
    # What is said last is the Markdown, on standard output; all else is beside it.
    tested = subprocess.run(
        [sys.executable, "-m", "plumbline.cli", "test", "--fast"],
        cwd=ROOT,
        env=tool_environment(),
        stdout=_STANDARD_ERROR,
        check=False,
    )
    from plumbline.audit.comparison import compare
    from plumbline.rehearsal.progress import Steps

    passed = tested.returncode == 0
    said = [f"**Lint and tests**: {'all checks passed' if passed else 'failed, the log has what'}."]
    may = passed
    try:
        steps = Steps(ConsoleProgress(Console(soft_wrap=True, stderr=True)))
        comparison = compare(ROOT, against, today=datetime.now(tz=UTC).date(), step=steps.step)
        said.append(comparison.markdown())
        may = may and not comparison.opens
    except PlumblineError as refusal:
        said.append(f"**Audit**: {refusal}")
        may = False
    text = "\n\n".join(said)
    if output is not None:
        _write(output, text)
    print(text)
    if not may:
        raise typer.Exit(1)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlumblineError(f"{path}: cannot be written: {error.strerror}; accepted: a file in a folder.") from None
