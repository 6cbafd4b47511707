"""The files that become an output, and archives on their way in and out.

Source: CodeBuild user guide, "Build specification reference for CodeBuild", artifacts: paths are relative to the source
or to the base directory; ``*`` stays within a folder, ``**`` goes through all of them; a base directory may be a
pattern, too. Names that begin with a dot are names like others.
"""

import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from plumbline.rehearsal.codebuild.buildspec import Artifact
from plumbline.rehearsal.codebuild.errors import client_error

# The same content gives the same bytes: ZIP knows no time before this one.
_TIME = (1980, 1, 1, 0, 0, 0)
_TOKENS = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|[^*?\[]+|\[")


def chosen(artifact: Artifact, source: Path) -> Mapping[str, Path]:
    """The files of an output: name in the archive → file.

    Raises:
        PhaseFailedError: There is no such base directory, or no file.
    """
    base = _base(artifact.base_directory, source)
    wanted = [pattern(text) for text in artifact.files]
    unwanted = [pattern(text) for text in artifact.exclude_paths]
    found = {
        name: base / name
        for name in sorted(_files(base))
        if any(one.fullmatch(name) for one in wanted) and not any(_covers(one, name) for one in unwanted)
    }
    if not found:
        raise client_error("no matching artifact paths found")
    if artifact.discard_paths:
        return {Path(name).name: path for name, path in found.items()}
    return found


def pattern(text: str) -> re.Pattern[str]:
    """A path with ``*``, ``**``, ``?`` and ``[…]`` as a regular expression."""
    parts: list[str] = []
    for token in _TOKENS.findall(text.removeprefix("./").removesuffix("/")):
        match token:
            case "**/":
                parts.append("(?:.*/)?")
            case "**":
                parts.append(".*")
            case "*":
                parts.append("[^/]*")
            case "?":
                parts.append("[^/]")
            case _ if token.startswith("[") and len(token) > 1:
                parts.append(token.replace("[!", "[^", 1))
            case _:
                parts.append(re.escape(token))
    return re.compile("".join(parts), re.DOTALL)


def pack(files: Mapping[str, Path], archive: Path) -> None:
    """Writes a ZIP archive of files: names, contents and modes, nothing that time changes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, path in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | stat.S_IMODE(path.stat().st_mode)) << 16
            packed.writestr(entry, path.read_bytes())


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a ZIP archive with the modes and symbolic links that it holds.

    Raises:
        PhaseFailedError: It is no ZIP archive, or one of its paths leads out of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                _unpack(packed, entry, folder)
    except zipfile.BadZipFile as error:
        raise client_error(f"error while unpacking the source: {error}") from error


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / entry.filename
    if not target.resolve().is_relative_to(folder.resolve()):
        raise client_error(f"error while unpacking the source: {entry.filename} leads out of it")
    mode = entry.external_attr >> 16
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        target.symlink_to(packed.read(entry).decode())
        return
    target.write_bytes(packed.read(entry))
    # What was packed without modes is a file that its owner may write.
    target.chmod(stat.S_IMODE(mode) | stat.S_IRUSR | stat.S_IWUSR if mode else 0o644)


def _base(text: str, source: Path) -> Path:
    if text in ("", ".", "./"):
        return source
    base = source / text
    if re.search(r"[*?\[]", text):
        wanted = pattern(text)
        base = next((source / name for name in sorted(_folders(source)) if wanted.fullmatch(name)), base)
    if not base.is_dir():
        raise client_error(f"no matching base directory path found for {text}")
    return base


def _files(base: Path) -> Iterator[str]:
    for folder, _, names in os.walk(base):
        for name in names:
            path = Path(folder, name)
            if path.is_file():  # neither a socket nor a link that leads nowhere
                yield path.relative_to(base).as_posix()


def _folders(base: Path) -> Iterator[str]:
    for folder, names, _ in os.walk(base):
        yield from (Path(folder, name).relative_to(base).as_posix() for name in names)


def _covers(excluded: re.Pattern[str], name: str) -> bool:
    """Whether a pattern excludes a file, itself or by one of its folders."""
    return any(excluded.fullmatch(str(path)) for path in (Path(name), *Path(name).parents))
