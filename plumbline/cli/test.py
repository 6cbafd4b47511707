"""`plumb test`: what must hold before a change lands."""

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Annotated

import typer

from plumbline.toolchain import ROOT, tool_environment


@dataclass(frozen=True, kw_only=True)
class Check:
    """One tool run over the whole checkout.

    Attributes:
        name: What the summary calls it.
        command: Words after the interpreter's own `-m`.
        shown: Whether its output is shown when it passes, too.
    """

    name: str
    command: tuple[str, ...]
    shown: bool = False


STATIC = (
    Check(name="format", command=("ruff", "format", "--check", "--quiet", ".")),
    Check(name="lint", command=("ruff", "check", "--quiet", ".")),
    Check(name="types", command=("mypy",)),
    Check(name="definitions", command=("plumbline.cli", "render", "--check")),
)
# One process has the rehearsal that its tests share, the other small clouds of its own: both wait often.
REHEARSALS = (
    Check(name="rehearsal", command=("pytest", "-m", "rehearsal and shares", "--durations", "12"), shown=True),
    Check(name="clouds", command=("pytest", "-m", "rehearsal and not shares", "--durations", "12"), shown=True),
)
ALONE = Check(name="tests", command=("pytest", "-m", "not rehearsal"), shown=True)
FAST = Check(
    name="tests",
    command=("pytest", "-m", "not rehearsal and not thorough", "--numprocesses", "2", "--dist", "loadfile"),
    shown=True,
)


def test(
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out what needs a rehearsal, or takes long by nature.")
    ] = False,
    exit_first: Annotated[
        bool, typer.Option("--exitfirst", help="Stop at the first test that fails, and end what still runs.")
    ] = False,
) -> None:
    """Run format, lint, types, definitions and the tests; without --fast also the thorough ones and the rehearsal's."""
    began = time.monotonic()
    failed: list[str] = []
    running = [(check, _start(check)) for check in (STATIC if fast else (*REHEARSALS, *STATIC))]
    tests = FAST if fast else ALONE
    try:
        command = [*_command(tests), *(["--exitfirst"] if exit_first else [])]
        if subprocess.run(command, cwd=ROOT, env=tool_environment(), check=False).returncode != 0:
            failed.append(tests.name)
        if not (exit_first and failed):
            _await(running, failed)
    finally:
        for _, process in running:
            if process.poll() is None:
                process.terminate()
                process.wait()
    outcome = f"failed: {', '.join(failed)}" if failed else "all checks passed"
    print(f"\n{outcome} ({time.monotonic() - began:.0f} s)")
    if failed:
        raise typer.Exit(1)


def _await(running: list[tuple[Check, subprocess.Popen[str]]], failed: list[str]) -> None:
    """Waits for checks, shows what they have to say, and names those that fail."""
    for check, process in running:
        output, _ = process.communicate()
        if process.returncode != 0:
            failed.append(check.name)
        if process.returncode != 0 or check.shown:
            print(f"\n--- {check.name}\n{output.rstrip()}", flush=True)


def _command(check: Check) -> list[str]:
    return [sys.executable, "-m", *check.command]


def _start(check: Check) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _command(check),
        cwd=ROOT,
        env=tool_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
