"""The rehearsal's Git repositories."""

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from plumbline.rehearsal.codepipeline.repositories import FILE, NoRepositoryError, Repositories
from tests.plumbline.rehearsal.codepipeline.world import FILES, bare_repository, git


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_repository(tmp_path / "git", FILES)


@pytest.fixture
def repositories(tmp_path: Path, bare: Path) -> Repositories:
    (tmp_path / FILE).write_text(json.dumps({"team/platform": str(bare)}))
    return Repositories(tmp_path)


def test_a_branchs_head_is_found(repositories: Repositories, bare: Path) -> None:
    assert repositories.head("team/platform", "main") == git(bare, "rev-parse", "main").strip()


@pytest.mark.parametrize(("repository", "branch"), [("team/other", "main"), ("team/platform", "other")])
def test_what_is_not_there_is_not_found(repositories: Repositories, repository: str, branch: str) -> None:
    with pytest.raises(NoRepositoryError):
        repositories.head(repository, branch)


def test_a_commit_is_told_in_full(repositories: Repositories) -> None:
    commit = repositories.commit("team/platform", repositories.head("team/platform", "main"))
    assert commit.message == "Begin the platform\n\nWith all of it."
    assert commit.author[:2] == ("An Author", "author@example.com")
    assert commit.committer[:2] == ("A Committer", "committer@example.com")
    assert commit.parents == ()


def test_an_archive_holds_the_files_and_no_history(repositories: Repositories) -> None:
    content = repositories.archive("team/platform", repositories.head("team/platform", "main"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == FILES


def test_a_clone_is_a_repository_of_its_own(repositories: Repositories, tmp_path: Path) -> None:
    head = repositories.head("team/platform", "main")
    folder = tmp_path / "clone"
    with zipfile.ZipFile(io.BytesIO(repositories.clone("team/platform", head, "main"))) as archive:
        archive.extractall(folder)
    told = subprocess.run(["git", "log", "--format=%H %D"], cwd=folder, capture_output=True, text=True, check=True)
    assert told.stdout.startswith(f"{head} HEAD -> main")
    assert (folder / "readme.txt").read_text() == "hello"


def test_a_repository_is_added_while_the_rehearsal_runs(tmp_path: Path, repositories: Repositories, bare: Path) -> None:
    repositories.add("team/second", bare)
    assert Repositories(tmp_path).head("team/second", "main") == repositories.head("team/platform", "main")
