import io
import tarfile
from pathlib import Path

import pytest

from runtime.archives import extract
from runtime.errors import JobError


def archive(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for entry in entries:
            opened.addfile(entry, io.BytesIO(b"x" * entry.size))
    return path


def entry(name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    made.size = 1 if kind == tarfile.REGTYPE else 0
    return made


def test_files_in_folders_are_extracted(tmp_path: Path) -> None:
    folder = extract(archive(tmp_path / "a.tar.gz", entry("code/train.py")), into=tmp_path / "out")
    assert (folder / "code/train.py").read_bytes() == b"x"


@pytest.mark.parametrize(
    "member",
    [
        entry("../outside"),
        entry("inside/../../outside"),
        entry("link", kind=tarfile.SYMTYPE, target="/etc/passwd"),
        entry("hard", kind=tarfile.LNKTYPE, target="../outside"),
        entry("fifo", kind=tarfile.FIFOTYPE),
    ],
    ids=lambda member: member.name,
)
def test_what_reaches_outside_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    with pytest.raises(JobError, match=r"a\.tar\.gz cannot be extracted"):
        extract(archive(tmp_path / "a.tar.gz", member), into=tmp_path / "deep" / "out")
    assert not (tmp_path / "deep" / "outside").exists()


def test_an_absolute_path_stays_inside(tmp_path: Path) -> None:
    folder = extract(archive(tmp_path / "a.tar.gz", entry("/absolute")), into=tmp_path / "out")
    assert (folder / "absolute").exists()


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", entry("train.py"))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(JobError, match="cannot be extracted"):
        extract(path, into=tmp_path / "out")


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"model\.tar\.gz is missing"):
        extract(tmp_path / "model.tar.gz", into=tmp_path / "out")
