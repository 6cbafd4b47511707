"""Processes of this machine: who descends from whom, and how one was started."""

import subprocess
from pathlib import Path

_PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """Every living process that descends from one, zombies left out."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        offspring = children.get(waiting.pop(), [])
        found += offspring
        waiting += offspring
    return found


def command_line(pid: int) -> str:
    """How a process was started, its arguments joined by blanks; empty when there is no such process."""
    if _PROC.is_dir():
        try:
            raw = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return ""
        return raw.replace(b"\0", b" ").decode(errors="replace").strip()
    return _ps("-o", "args=", "-p", str(pid)).strip()


def _parents() -> list[tuple[int, int]]:
    if not _PROC.is_dir():
        lines = [line.split() for line in _ps("-A", "-o", "pid=,ppid=,stat=").splitlines()]
        return [(int(pid), int(parent)) for pid, parent, state in lines if not state.startswith("Z")]
    pairs = []
    for entry in _PROC.glob("[0-9]*/stat"):
        try:
            # the command's name stands in parentheses and may hold blanks itself
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it ended meanwhile
            continue
        if state != "Z":
            pairs.append((int(entry.parent.name), int(parent)))
    return pairs


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
