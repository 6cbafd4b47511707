"""Processes that stand in for containers.

They find their files at /opt/ml or elsewhere below /opt, have no network unless allowed and nothing of the machine's
environment, and leave nothing when they end. In a namespace they find the checkout and the home folder read-only, if at
all, and neither credentials nor keys nor the files of another job. They do see the rest of the machine's files as its
user does, and share /tmp.
"""

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from plumbline.toolchain import ROOT

BASE = "/opt/ml"
_LAUNCHER = Path(__file__).with_name("launcher.py")
_GUARD = Path(__file__).with_name("guard")
_UNSHARE = ("--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child=SIGKILL")
# What SageMaker itself waits between SIGTERM and SIGKILL (developer guide, StopTrainingJob).
GRACE_SECONDS = 120.0
_DRAIN_SECONDS = 5.0


class Isolation(StrEnum):
    """How a container is kept from the network."""

    NAMESPACE = "user namespace"
    GUARD = "guard"


class Sight(StrEnum):
    """How a program finds a file or folder of the machine, where namespaces allow."""

    HIDDEN = "hidden"
    READ_ONLY = "read-only"
    WRITABLE = "writable"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """What a container runs.

    Attributes:
        command: The entry point with its arguments.
        environment: All the variables that it sees.
        directory: Where it starts.
        folder: A folder of its own; what it finds at /opt/ml is ``ml`` below it.
        isolated: Whether it has no network.
        port: The port that it serves HTTP on, when it serves.
        mounts: Folders that it finds elsewhere, below /opt: path → folder. What it finds at /opt/ml when left out.
        view: What it finds otherwise than the machine has it, beyond what every program does.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    folder: Path
    isolated: bool
    port: int | None = None
    mounts: Mapping[str, Path] | None = None
    view: Mapping[Path, "Sight"] = dataclasses.field(default_factory=dict)

    @property
    def shown(self) -> Mapping[str, Path]:
        """What it finds below /opt, parents first."""
        return {BASE: self.folder / "ml"} if self.mounts is None else self.mounts


@functools.cache
def isolation() -> Isolation:
    """The kind of isolation that this machine's kernel gives, found out once by trying."""
    if shutil.which("unshare") is None:
        return Isolation.GUARD
    with tempfile.TemporaryDirectory(prefix="plumb-") as name:
        folder = Path(name)
        (folder / "ml").mkdir()
        program = Program(
            command=("test", "-d", BASE),
            environment={"PATH": os.environ.get("PATH", "")},
            directory=folder,
            folder=folder,
            isolated=True,
        )
        tried = subprocess.run(
            _namespace_command(program, None),
            env=dict(program.environment),
            capture_output=True,
            check=False,
            timeout=30,
        )
    return Isolation.NAMESPACE if tried.returncode == 0 else Isolation.GUARD


class Container:
    """A running program.

    Args:
        program: What it runs.
        on_line: Called with every line that it writes, from a thread of its own.
        on_end: Called once, when it has ended.
    """

    def __init__(
        self, program: Program, *, on_line: Callable[[str], None], on_end: Callable[["Container"], None]
    ) -> None:
        self._on_line, self._on_end = on_line, on_end
        self._ending = threading.Lock()
        self._code: int | None = None
        self._sockets = _short_folder() if program.port else None
        self.socket: Path | None = None
        self.port = program.port
        if isolation() is Isolation.NAMESPACE:
            self.socket = self._sockets / "http" if self._sockets and program.isolated else None
            command, environment = _namespace_command(program, self.socket), dict(program.environment)
        else:
            command, environment = _guarded(program)
        if program.port and self.socket is None:
            # it shares the machine's loopback, where many serve
            self.port = _free_port()
            environment["SAGEMAKER_BIND_TO_PORT"] = str(self.port)
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=program.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {self._process.pid}", daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait(self, *, seconds: float | None, stop: threading.Event) -> int | None:
        """Waits for the end.

        Args:
            seconds: How long at most; without one, for ever.
            stop: Ends the waiting from another thread.

        Returns:
            The exit code as a shell reports it, or None when the time was up or ``stop`` was set.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while self._process.poll() is None:
            if stop.is_set() or (deadline is not None and time.monotonic() >= deadline):
                return None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        return self.end(grace=0)

    def end(self, *, grace: float) -> int:
        """Ends it: SIGTERM, then SIGKILL. Once it has ended, says again how.

        Args:
            grace: Seconds between the two.

        Returns:
            The exit code as a shell reports it.
        """
        with self._ending:
            if self._code is None:
                self._code = self._end(grace)
            return self._code

    def _end(self, grace: float) -> int:
        if grace and self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        self._signal(signal.SIGKILL)  # also what the program left behind in its group
        code = self._process.wait()
        self._reader.join(_DRAIN_SECONDS)
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._on_end(self)
        return 128 - code if code < 0 else code

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - told to mypy: it was opened as a pipe
        with self._process.stdout as stream:
            for line in stream:
                self._on_line(line.decode("utf-8", "replace"))


class Containers:
    """Every container of a rehearsal, so that none outlives it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Container] = set()
        self._closed = False

    def start(self, program: Program, *, on_line: Callable[[str], None]) -> Container:
        """Starts a program.

        Raises:
            RuntimeError: The rehearsal is ending.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the rehearsal is ending")
            container = Container(program, on_line=on_line, on_end=self._forget)
            self._running.add(container)
        return container

    def close(self) -> None:
        """Kills and reaps all that run, and lets no other start."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for container in running:
            container.end(grace=0)

    def _forget(self, container: Container) -> None:
        with self._lock:
            self._running.discard(container)


def _namespace_command(program: Program, unix_socket: Path | None) -> list[str]:
    scratch = program.folder / "scratch"
    scratch.mkdir(exist_ok=True)
    plan = {
        "mounts": {path: str(folder) for path, folder in program.shown.items()},
        "scratch": str(scratch),
        "view": _view(program, unix_socket),
        "network": program.isolated,
        "socket": str(unix_socket) if unix_socket else None,
        "port": program.port,
        "directory": str(program.directory),
        "command": list(program.command),
    }
    unshare = shutil.which("unshare") or "unshare"
    network = ["--net"] if program.isolated else []
    return [unshare, *_UNSHARE, *network, "--", sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(plan)]


def _view(program: Program, unix_socket: Path | None) -> dict[str, Sight]:
    """How it finds the machine's files: parents first, so that what lies deeper has the last word."""
    home = Path.home()
    view: dict[Path, Sight] = dict.fromkeys((ROOT, home), Sight.READ_ONLY)
    view |= dict.fromkeys((home / ".aws", home / ".ssh", *_rehearsals(program.folder)), Sight.HIDDEN)
    view |= program.view
    covered = [folder for folder in view if folder != folder.parent]
    trusted = program.environment.get("AWS_CA_BUNDLE")
    needed = {Path(trusted): Sight.READ_ONLY} if trusted else {}
    needed |= dict.fromkeys((program.folder, *([unix_socket.parent] if unix_socket else [])), Sight.WRITABLE)
    view |= {path: sight for path, sight in needed.items() if any(path.is_relative_to(other) for other in covered)}
    return {
        str(path): view[path]
        for path in sorted(view, key=lambda path: len(path.parts))
        if path != path.parent and (view[path] is Sight.HIDDEN or path.exists())
    }


def _rehearsals(folder: Path) -> list[Path]:
    """The folder that holds the state of all rehearsals, keys and other jobs' files among it, when a job is in one."""
    return [parent for parent in folder.parents if parent.parts[-2:] == (".plumb", "rehearsals")]


def _guarded(program: Program) -> tuple[list[str], dict[str, str]]:
    """The program without namespaces: paths below /opt become paths of its folders."""

    def rewritten(text: str) -> str:
        for path, folder in reversed(list(program.shown.items())):
            text = text.replace(path, str(folder))
        return text

    environment = {name: rewritten(value) for name, value in program.environment.items()}
    if BASE in program.shown:
        environment["SAGEMAKER_BASE_DIR"] = str(program.shown[BASE])
    if program.isolated:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_GUARD), environment.get("PYTHONPATH")]))
    command = [rewritten(part) for part in program.command]
    found = shutil.which(command[0], path=environment.get("PATH"))
    return [found or command[0], *command[1:]], environment


def _short_folder() -> Path:
    """A folder of its own whose path leaves room for the 108 bytes that a unix socket's may have."""
    return Path(tempfile.mkdtemp(prefix="plumb-", dir="/tmp"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
