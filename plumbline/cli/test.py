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
    """

    name: str
    command: tuple[str, ...]


STATIC = (
    Check(name="format", command=("ruff", "format", "--check", "--quiet", ".")),
    Check(name="lint", command=("ruff", "check", "--quiet", ".")),
    Check(name="types", command=("mypy",)),
    Check(name="definitions", command=("plumbline.cli", "render", "--check")),
)


def test(
    fast: Annotated[bool, typer.Option("--fast", help="Leave out what needs a rehearsal.")] = False,
) -> None:
    """Run format, lint, types, definitions and the tests; without --fast also those on one shared rehearsal."""
    began = time.monotonic()
    environment = tool_environment()
    # Beside the tests: most of the time either waits for something.
    running = [
        (
            check,
            subprocess.Popen(
                [sys.executable, "-m", *check.command],
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ),
        )
        for check in STATIC
    ]
    selection = ["-m", "not rehearsal"] if fast else []
    shared_out = ["--numprocesses", "2", "--dist", "loadgroup"]
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", *shared_out, *selection], cwd=ROOT, env=environment, check=False
    )
    failed = [] if tests.returncode == 0 else ["tests"]
    for check, process in running:
        output, _ = process.communicate()
        if process.returncode != 0:
            failed.append(check.name)
            print(f"\n--- {check.name}\n{output.rstrip()}")
    took = f"{time.monotonic() - began:.0f} s"
    print(f"\n{'failed: ' + ', '.join(failed) if failed else 'all checks passed'} ({took})")
    if failed:
        raise typer.Exit(1)
