"""The commands of the audit's page do what the page says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plumbline.cli.calling import plumb

ROOT = Path(__file__).parents[2]
_COMMANDS = re.findall(r"^\$ \./plumb (audit.*)$", (ROOT / "docs" / "audit.md").read_text(), flags=re.MULTILINE)


def test_the_page_has_commands() -> None:
    assert len(_COMMANDS) == 4


# The whole audit takes long; the one test of it is among those of the command line.
@pytest.mark.parametrize("command", [command for command in _COMMANDS if "--template" in command])
def test_a_command_of_the_page_passes(command: str, tmp_path: Path) -> None:
    words = [*shlex.split(command), *([] if "--json" in command else ["--output", str(tmp_path)])]
    done = plumb(*words)
    assert done.code == 0, done.stdout + done.stderr


@pytest.mark.rehearsal
def test_a_checkout_compares_with_its_own_commit() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "plumbline.cli", "audit", "--against", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.startswith("## Audit against `HEAD`\n")
