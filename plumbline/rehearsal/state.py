"""The folder of one rehearsal: who holds it, what became of it, and which folders nobody needs any more."""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from plumbline.errors import PlumblineError

_FOLDERS = Path(".plumb") / "rehearsals"
_HOLD = "hold"
_KEPT = "kept"
_FAILED = "failed"


class StateFolder:
    """A new folder below ``.plumb/rehearsals`` of a checkout, held by this process and by whom it passes the hold to.

    The hold is a lock that the system takes away when the last of its holders ends, however that ends: a folder whose
    lock can be had is nobody's.

    Args:
        root: The checkout.

    Attributes:
        path: The folder.

    Raises:
        PlumblineError: The folder cannot be made, for example because the disk is full.
    """

    def __init__(self, *, root: Path) -> None:
        folders = root / _FOLDERS
        self.path = folders / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        try:
            with _alone(folders):
                self.path.mkdir()
                self._hold: int | None = os.open(self.path / _HOLD, os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise unwritable(error, self.path) from error

    @property
    def hold(self) -> int:
        """The descriptor of the lock; a process that is given it holds the folder, too.

        Raises:
            ValueError: This process has let go.
        """
        if self._hold is None:
            raise ValueError(f"{self.path} is not held by this process any more")
        return self._hold

    def let_go(self) -> None:
        """Gives up this process's own hold; may be called again."""
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def keep(self) -> None:
        """Marks the folder as that of a cloud that outlives its rehearsal."""
        (self.path / _KEPT).touch()

    def clear(self) -> None:
        """Removes the folder."""
        self.let_go()
        shutil.rmtree(self.path, ignore_errors=True)


def is_kept(path: Path) -> bool:
    """Whether a folder is that of a cloud that was kept."""
    return (path / _KEPT).exists()


def mark_failed(path: Path) -> None:
    """Marks the folder of a rehearsal that failed and has ended, whose logs are wanted; does what a full disk lets it.

    The mark of a kept cloud, if there is one, goes.
    """
    with contextlib.suppress(OSError):
        (path / _KEPT).unlink(missing_ok=True)
        (path / _FAILED).touch()


def folders(root: Path) -> list[Path]:
    """The folders of a checkout's rehearsals, oldest first."""
    return sorted(path for path in (root / _FOLDERS).glob("*") if path.is_dir())


def remove_failed(root: Path) -> None:
    """Removes the folders of the rehearsals that failed."""
    for path in folders(root):
        if (path / _FAILED).exists():
            shutil.rmtree(path, ignore_errors=True)


def abandoned(root: Path) -> Iterator[Path]:
    """The folders that no living process holds and whose logs nobody waits for; none can be taken up meanwhile.

    A rehearsal that was killed leaves such a folder, and so does a kept cloud that went down with the machine.
    """
    if not (root / _FOLDERS).is_dir():
        return
    with _alone(root / _FOLDERS):
        for path in folders(root):
            if not (path / _FAILED).exists() and not _is_held(path):
                yield path


def unwritable(error: OSError, path: Path) -> PlumblineError:
    """What to say of a file or folder that cannot be written."""
    if error.errno == errno.ENOSPC:
        return PlumblineError(f"no space is left on the disk for {path}: free some and run it again", exit_code=1)
    return PlumblineError(f"{path} cannot be written: {error.strerror}", exit_code=1)


def _is_held(path: Path) -> bool:
    try:
        hold = os.open(path / _HOLD, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(hold)
    return False


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lets one process at a time make folders, or look for abandoned ones: a new one is held before it is seen."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
