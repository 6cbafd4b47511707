"""The commit that a rehearsal delivers."""

import subprocess
from pathlib import Path

import pytest

from plumbline.errors import PlumblineError
from plumbline.rehearsal.source import SourceRepository


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "app.py").write_text("one\n")
    (root / ".gitignore").write_text("ignored\n")
    _git(root, "init", "--quiet", "--initial-branch=trunk")
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message=one")
    return root


def test_a_checkout_without_changes_is_delivered_as_its_own_commit(checkout: Path, tmp_path: Path) -> None:
    source = SourceRepository(root=checkout, folder=tmp_path / "source", branch="main")
    assert source.commit == _git(checkout, "rev-parse", "HEAD")
    assert (source.tree / "app.py").read_text() == "one\n"


def test_what_is_not_committed_is_delivered_too_and_the_checkout_is_left_as_it_is(
    checkout: Path, tmp_path: Path
) -> None:
    (checkout / "app.py").write_text("two\n")
    (checkout / "new.py").write_text("new\n")
    (checkout / "ignored").write_text("secret\n")
    before = _git(checkout, "status", "--porcelain")
    source = SourceRepository(root=checkout, folder=tmp_path / "source", branch="main")
    assert source.commit != _git(checkout, "rev-parse", "HEAD")
    assert sorted(path.name for path in source.tree.iterdir()) == [".gitignore", "app.py", "new.py"]
    assert _git(checkout, "status", "--porcelain") == before


def test_a_folder_that_is_no_repository_is_delivered(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    (root / "app.py").write_text("one\n")
    source = SourceRepository(root=root, folder=tmp_path / "source", branch="main")
    assert len(source.commit) == 40
    assert not (root / ".git").exists()


def test_a_commit_is_made_of_what_was_changed(checkout: Path, tmp_path: Path) -> None:
    source = SourceRepository(root=checkout, folder=tmp_path / "source", branch="main")
    before = source.commit
    (source.tree / "app.py").unlink()
    after = source.commit_all("without it")
    assert (after, after != before) == (source.commit, True)
    with pytest.raises(PlumblineError, match="there is nothing to commit for: again"):
        source.commit_all("again")


_PATCH = """diff --git a/app.py b/app.py
--- a/app.py
+++ b/app.py
@@ -1 +1,2 @@
 one
+two
"""


def test_a_patch_becomes_a_commit_and_reverting_takes_it_back(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "add.patch").write_text(_PATCH)
    source = SourceRepository(root=checkout, folder=tmp_path / "source", branch="main")
    before = source.commit
    patched = source.commit_patch(tmp_path / "add.patch", "add two")
    assert (patched, patched != before) == (source.commit, True)
    assert (source.tree / "app.py").read_text() == "one\ntwo\n"
    reverted = source.revert()
    assert (reverted, reverted not in {before, patched}) == (source.commit, True)
    assert (source.tree / "app.py").read_text() == "one\n"


def test_a_patch_that_does_not_fit_is_told_by_its_name(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "add.patch").write_text(_PATCH.replace(" one", " none"))
    source = SourceRepository(root=checkout, folder=tmp_path / "source", branch="main")
    with pytest.raises(PlumblineError, match=r"add\.patch does not fit this checkout: .*app\.py"):
        source.commit_patch(tmp_path / "add.patch", "add two")
