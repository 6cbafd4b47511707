"""Content hashes: the same files give the same name, so that caches hit and nothing is built twice."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from plumbline.configuration.model import Model

_DIGEST_LENGTH = 16  # hexadecimal digits: 64 bits, and short enough to read in a console

# Files that never run in a job: the definition is rendered from one, datasets are made by the other.
_NOT_SHIPPED = frozenset({"pipeline.py", "data.py", "year.py", "__init__.py"})


def runtime_tag(root: Path) -> str:
    """Tag of the runtime image: 16 hexadecimal digits over every file below `runtime/`, the lock included."""
    folder = root / "runtime"
    return _digest(folder, (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts))


def code_digest(model: Model) -> str:
    """Name of the code a model's jobs run: 16 hexadecimal digits over its shipped modules."""
    return _digest(model.folder, _shipped(model))


def code_archive(model: Model) -> bytes:
    """The shipped modules as `sourcedir.tar.gz`: no times, owners or modes, so the same code gives the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path in _shipped(model):
            entry = tarfile.TarInfo(path.name)
            content = path.read_bytes()
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _shipped(model: Model) -> list[Path]:
    return sorted(path for path in model.folder.glob("*.py") if path.name not in _NOT_SHIPPED)


def _digest(folder: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:_DIGEST_LENGTH]
