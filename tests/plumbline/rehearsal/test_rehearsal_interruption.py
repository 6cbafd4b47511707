"""A rehearsal that is interrupted leaves no process and no half-written file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plumbline.rehearsal.processes import command_line
from plumbline.toolchain import tool_environment
from tests.plumbline.rehearsal.shared import linked_checkout

pytestmark = pytest.mark.rehearsal

_REHEARSE = """
import sys
from pathlib import Path
from plumbline.rehearsal.journey import rehearse
from plumbline.rehearsal.progress import Silent
class Told(Silent):
    def start(self, step):
        print(step, flush=True)
try:
    rehearse(Path(sys.argv[1]), progress=Told())
except KeyboardInterrupt:
    sys.exit(130)
"""


def _processes_naming(folder: str) -> list[str]:
    found = [command_line(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")]
    return [line for line in found if folder in line]


@pytest.mark.parametrize(
    ("number", "step", "seconds"),
    [
        (signal.SIGINT, "Start", 0.0),
        (signal.SIGINT, "Start", 0.03),
        (signal.SIGTERM, "Start", 0.2),
        (signal.SIGINT, "Bootstrap", 2.0),
        (signal.SIGTERM, "Deploy", 2.0),
        (signal.SIGHUP, "Deliver", 8.0),
    ],
    ids=[
        "Ctrl-C at once",
        "Ctrl-C while the server is spawned",
        "SIGTERM while it starts",
        "Ctrl-C while synthesizing",
        "SIGTERM while deploying",
        "a closed terminal while a build runs",
    ],
)
def test_an_interrupted_rehearsal_leaves_nothing(
    tmp_path: Path, number: signal.Signals, step: str, seconds: float
) -> None:
    checkout = linked_checkout(tmp_path)
    rehearsal = subprocess.Popen(
        [sys.executable, "-c", _REHEARSE, str(checkout)],
        cwd=checkout,
        env=tool_environment() | {"PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert rehearsal.stdout is not None
    for line in rehearsal.stdout:
        if line.startswith(step):
            break
    time.sleep(seconds)
    states = checkout / ".plumb" / "rehearsals"
    assert step == "Start" or _processes_naming(str(states))
    # A terminal sends Ctrl-C to the whole group in front, not to the server and the tools, which lead their own.
    os.killpg(rehearsal.pid, number) if number is signal.SIGINT else rehearsal.send_signal(number)
    assert rehearsal.wait(30) == 130
    assert _processes_naming(str(states)) == []
    assert not list(states.glob("*"))
    assert not list(checkout.glob("*rehearsal.json*"))
