"""The real CDK command line, run against a rehearsal's cloud."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from plumbline.errors import PlumblineError
from plumbline.rehearsal.session import Session
from plumbline.toolchain import CDK, tool_environment

_SAID = 12  # lines of a failed run that are worth repeating


class EndedError(PlumblineError):
    """A command did not run to its end because all were ended: what came of something else, never the cause."""

    def __init__(self) -> None:
        super().__init__("the rehearsal was ended", exit_code=1)


class CdkTool:
    """Runs the CDK command line and ends what still runs when told to.

    Args:
        root: The checkout, in which the command line runs.
        state: The rehearsal's folder, where the command line keeps its caches and this class its output.
    """

    def __init__(self, *, root: Path, state: Path) -> None:
        self._root = root
        self._state = state
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def run(self, *arguments: str, caller: Session | None, name: str) -> None:
        """Runs one command to its end.

        Args:
            arguments: The command and its options.
            caller: Who runs it; None for a command that needs nobody, without network or credentials.
            name: Names the output's file in the state folder.

        Raises:
            PlumblineError: The command fails; the message repeats what it said last.
            EndedError: ``end_all`` was called before the command was through.
        """
        log = self._state / f"cdk-{name}.log"
        with log.open("wb") as output:
            process = self._start(arguments, self._environment(caller), output.fileno())
        try:
            code = process.wait()
        finally:
            _end(process)
            with self._lock:
                self._running.discard(process)
                ended = self._ended
        if code != 0 and ended:
            raise EndedError
        if code != 0:
            lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
            said = "\n".join(lines[-_SAID:])
            if "ENOSPC" in said or "No space left" in said:
                raise PlumblineError("no space is left on the disk: free some and run it again", exit_code=1)
            raise PlumblineError(f"cdk {arguments[0]} ({name}) failed with exit code {code}:\n{said}", exit_code=1)

    def end_all(self) -> None:
        """Ends the commands that still run and refuses new ones."""
        with self._lock:
            self._ended = True
            running = list(self._running)
        for process in running:
            _end(process)

    def _start(
        self, arguments: tuple[str, ...], environment: Mapping[str, str], output: int
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise EndedError
            process = subprocess.Popen(
                [str(CDK), *arguments],
                cwd=self._root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own, so that all of it can be ended: the command line, Node.js and the app.
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _environment(self, caller: Session | None) -> dict[str, str]:
        scratch = self._state / "scratch"
        scratch.mkdir(exist_ok=True)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
        environment = tool_environment(own) | {
            "CDK_HOME": str(self._state / "cdk-home"),
            "TMPDIR": str(scratch),
            "NO_COLOR": "1",
        }
        return environment | (caller.environment() if caller else {})


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
