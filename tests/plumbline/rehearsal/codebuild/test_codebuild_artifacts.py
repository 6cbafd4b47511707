"""Artifacts: which files an output has, and what an archive keeps of them."""

import stat
import zipfile
from pathlib import Path

import pytest

from plumbline.rehearsal.codebuild.artifacts import chosen, pack, pattern, unpack
from plumbline.rehearsal.codebuild.buildspec import Artifact
from plumbline.rehearsal.codebuild.errors import PhaseFailedError

FILES = ("a.txt", ".hidden", "b/a.txt", "b/c/d.js", "b/c/d.js.map", "dist-1/app.js")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "tree"


def names(tree: Path, *files: str, base: str = "", exclude: tuple[str, ...] = ()) -> list[str]:
    return list(chosen(Artifact(files=files, base_directory=base, exclude_paths=exclude), tree))


@pytest.mark.parametrize(
    ("text", "path", "fits"),
    [
        ("**/*", "a.txt", True),
        ("**/*", "b/c/d.js", True),
        ("**/*", ".hidden", True),
        ("*", "b/a.txt", False),
        ("b/*", "b/a.txt", True),
        ("b/*", "b/c/d.js", False),
        ("b/**/*", "b/c/d.js", True),
        ("**/d.*", "b/c/d.js", True),
        ("./a.txt", "a.txt", True),
        ("?.txt", "a.txt", True),
        ("[ab].txt", "a.txt", True),
        ("[!a].txt", "a.txt", False),
        ("a.txt", "axtxt", False),
    ],
)
def test_a_pattern_means_what_the_user_guide_says(text: str, path: str, fits: bool) -> None:
    assert bool(pattern(text).fullmatch(path)) is fits


def test_all_files_are_all_files(tree: Path) -> None:
    assert sorted(names(tree, "**/*")) == sorted(FILES)


def test_paths_are_relative_to_the_base_directory(tree: Path) -> None:
    assert names(tree, "**/*", base="b") == ["a.txt", "c/d.js", "c/d.js.map"]


def test_a_base_directory_may_be_a_pattern(tree: Path) -> None:
    assert names(tree, "**/*", base="dist-*") == ["app.js"]


def test_excluded_files_and_folders_stay_out(tree: Path) -> None:
    assert names(tree, "**/*", base="b", exclude=("**/*.map",)) == ["a.txt", "c/d.js"]
    assert names(tree, "**/*", base="b", exclude=("c",)) == ["a.txt"]


def test_discarded_paths_leave_the_name(tree: Path) -> None:
    assert list(chosen(Artifact(files=("b/c/*.js",), discard_paths=True), tree)) == ["d.js"]


def test_no_file_is_a_failure_in_the_words_of_aws(tree: Path) -> None:
    with pytest.raises(PhaseFailedError, match="no matching artifact paths found"):
        names(tree, "nothing/*")


def test_no_base_directory_is_a_failure_in_the_words_of_aws(tree: Path) -> None:
    with pytest.raises(PhaseFailedError, match="no matching base directory path found for build"):
        names(tree, "**/*", base="build")


def test_the_same_files_make_the_same_archive_at_any_time(tree: Path, tmp_path: Path) -> None:
    archives = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for archive in archives:
        (tree / "a.txt").touch()
        pack(chosen(Artifact(files=("**/*",)), tree), archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_an_archive_keeps_who_may_run_a_file(tree: Path, tmp_path: Path) -> None:
    (tree / "a.txt").chmod(0o755)
    pack(chosen(Artifact(files=("*.txt",)), tree), tmp_path / "one.zip")
    unpack(tmp_path / "one.zip", tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / "a.txt").stat().st_mode) == 0o755


def test_an_archive_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("../escaped", "x")
    with pytest.raises(PhaseFailedError, match=r"\.\./escaped leads out"):
        unpack(tmp_path / "one.zip", tmp_path / "out")
    assert not (tmp_path / "escaped").exists()


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    (tmp_path / "one.zip").write_text("no archive")
    with pytest.raises(PhaseFailedError, match="error while unpacking the source"):
        unpack(tmp_path / "one.zip", tmp_path / "out")
