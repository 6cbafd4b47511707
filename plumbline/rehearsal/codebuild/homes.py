"""Homes of builds: they outlive a build, so that what its tools have fetched need not be fetched again."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def home(folder: Path) -> Iterator[Path]:
    """A home that no other build has, of this rehearsal or of another one in the same checkout.

    Args:
        folder: Where the homes are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (lock := _lock(folder / f"{number}.lock")) is None:
        number += 1
    try:
        found = folder / str(number)
        found.mkdir(exist_ok=True)
        yield found
    finally:
        os.close(lock)


def _lock(path: Path) -> int | None:
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
