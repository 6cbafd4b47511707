"""The command line as a person calls it, without a process for each call."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from plumbline.cli import application

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a call ended."""

    code: object
    stdout: str
    stderr: str


def plumb(*words: str) -> Ended:
    """Calls `./plumb` with words, in the checkout."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(ROOT),
        patch.object(sys, "argv", ["plumb", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            application.main()
        except SystemExit as ended:
            code = ended.code
    return Ended(code=code, stdout=out.getvalue(), stderr=err.getvalue())
