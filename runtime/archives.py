"""Archives that come from elsewhere: `sourcedir.tar.gz`, `model.tar.gz`."""

import tarfile
from pathlib import Path

from runtime.errors import JobError


def extract(archive: Path, *, into: Path) -> Path:
    """Extracts a gzipped tar archive and returns the folder.

    Takes files and folders only, and only inside `into`: a link, a device, an absolute path or one that climbs out ends
    the extraction. Owners and set-id bits are dropped.

    Raises:
        JobError: The archive is missing, damaged, or holds something that is not taken.
    """
    if not archive.is_file():
        raise JobError(f"{archive} is missing.")
    into.mkdir(parents=True, exist_ok=True)
    try:
        # At the default error level, what the filter refuses would be left out without a word.
        with tarfile.open(archive, mode="r:gz", errorlevel=2) as opened:
            opened.extractall(into, filter=_files_and_folders)  # noqa: S202  # the filter refuses what is unsafe
    except (tarfile.TarError, EOFError, OSError) as error:
        raise JobError(f"{archive.name} cannot be extracted: {error}.") from error
    return into


def _files_and_folders(member: tarfile.TarInfo, into: str) -> tarfile.TarInfo:
    if not (member.isfile() or member.isdir()):
        raise tarfile.ExtractError(f"{member.name} is neither a file nor a folder")
    return tarfile.data_filter(member, into)
