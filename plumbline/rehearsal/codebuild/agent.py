"""What runs a build's commands, inside the build's namespaces.

A script of its own, run with ``python -I -S`` by :mod:`plumbline.rehearsal.codebuild.commands`; it imports the standard
library alone. Its one argument is the path of a JSON file: ``shell``, ``phases`` (each with ``name``, ``commands``,
``finally`` and ``on_failure``) and ``exported`` (names of variables). What it tells goes to standard output, one JSON
object a line: ``line`` (of the log), ``said`` (by the agent itself, for the log), ``begun`` (a phase), ``ended`` (a
phase, with ``command`` and ``code`` of what failed), ``exported`` (variables), ``through`` (whether the artifacts are
to be uploaded).

Each command runs in a shell of its own that starts with the folder and the variables that the one before left behind,
and so they carry over from phase to phase. Source: CodeBuild user guide, "Buildspec versions" and "Build phase
transitions".
"""

import json
import os
import pathlib
import subprocess
import sys
import threading

_STEP = """cd "$(cat "$PLUMBLINE_TMP/dir.txt")" || exit
. "$PLUMBLINE_TMP/env.sh"
set -a
. "$PLUMBLINE_TMP/script.sh"
CODEBUILD_LAST_EXIT=$?
export -p > "$PLUMBLINE_TMP/env.sh"
pwd > "$PLUMBLINE_TMP/dir.txt"
exit $CODEBUILD_LAST_EXIT
"""
_READ = """. "$1"; shift; for name; do eval "printf '%s\\0' \\"\\${$name-}\\""; done"""
# A failure in one of these ends the build before there is anything to upload.
_EARLY = ("INSTALL", "PRE_BUILD")


class Output:
    """What commands write, told line by line; what is written in the background is told when it comes."""

    def __init__(self) -> None:
        self._marker = os.urandom(16).hex().encode()
        self._reading, self.handle = os.pipe()
        self._drained = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def drain(self) -> None:
        """Waits until all that was written so far has been told."""
        self._drained.clear()
        os.write(self.handle, self._marker + b"\n")
        self._drained.wait()

    def _read(self) -> None:
        with os.fdopen(self._reading, "rb") as stream:
            for line in stream:
                text, marker, _ = line.partition(self._marker)
                if text or not marker:
                    tell(line=text.decode("utf-8", "replace").rstrip("\r\n"))
                if marker:
                    self._drained.set()


def tell(**message: object) -> None:
    """Tells the service something."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Agent:
    """Runs the phases of a plan."""

    def __init__(self, plan_file: pathlib.Path) -> None:
        self._plan = json.loads(plan_file.read_text(encoding="utf-8"))
        self._folder = plan_file.parent
        os.chdir(os.environ["CODEBUILD_SRC_DIR"])
        self._output = Output()
        self._environment = {**os.environ, "PLUMBLINE_TMP": str(self._folder), "CODEBUILD_BUILD_SUCCEEDING": "1"}
        (self._folder / "dir.txt").write_text(os.environ["CODEBUILD_SRC_DIR"] + "\n")
        (self._folder / "env.sh").write_text("")

    def run(self) -> None:
        """Runs them in order, as far as they succeed or are to run all the same."""
        through = True
        for phase in self._plan["phases"]:
            failed = self._phase(phase)
            if failed and phase["on_failure"] != "CONTINUE" and (phase["on_failure"] or phase["name"] in _EARLY):
                through = False
                break
        tell(exported=self._exported())
        tell(through=through)

    def _phase(self, phase: dict[str, object]) -> bool:
        tell(begun=phase["name"])
        tell(said=f"Entering phase {phase['name']}")
        failed = self._commands(phase["commands"])
        cleaned = self._commands(phase["finally"])
        failed = failed or cleaned
        if failed:
            self._environment["CODEBUILD_BUILD_SUCCEEDING"] = "0"
        tell(ended=phase["name"], **({"command": failed[0], "code": failed[1]} if failed else {}))
        return bool(failed)

    def _commands(self, commands: object) -> "tuple[str, int] | None":
        for command in commands if isinstance(commands, list) else []:
            tell(said=f"Running command {command}")
            code = self._command(str(command))
            if code:
                tell(said=f"Command did not exit successfully {command} exit status {code}")
                return str(command), code
        return None

    def _command(self, command: str) -> int:
        (self._folder / "script.sh").write_text(command + "\n")
        # What a shell left behind has the last word, but for whether the build is succeeding.
        succeeding = f"export CODEBUILD_BUILD_SUCCEEDING={self._environment['CODEBUILD_BUILD_SUCCEEDING']}\n"
        with (self._folder / "env.sh").open("a") as file:
            file.write(succeeding)
        done = subprocess.run(
            [self._plan["shell"], "-c", _STEP],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output.handle,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self._output.drain()
        return done.returncode if done.returncode >= 0 else 128 - done.returncode

    def _exported(self) -> "dict[str, str]":
        names = self._plan["exported"]
        done = subprocess.run(
            [self._plan["shell"], "-c", _READ, "read", str(self._folder / "env.sh"), *names],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
        values = done.stdout.decode("utf-8", "replace").split("\0")
        return dict(zip(names, values))  # noqa: B905 - a text behind the last value


if __name__ == "__main__":
    Agent(pathlib.Path(sys.argv[1])).run()
