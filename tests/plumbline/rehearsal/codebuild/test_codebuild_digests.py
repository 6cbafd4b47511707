"""What is remembered of builds: when two are the same, and which results are kept."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.rehearsal.codebuild.digests import build_digest, tree_digest
from plumbline.rehearsal.codebuild.results import Result, Results


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "sub" / "b").write_text("b")
    return folder


def change_content(tree: Path) -> None:
    (tree / "a").write_text("other")


def change_mode(tree: Path) -> None:
    (tree / "a").chmod(0o755)


def rename(tree: Path) -> None:
    (tree / "a").rename(tree / "c")


def link(tree: Path) -> None:
    (tree / "a").unlink()
    (tree / "a").symlink_to("sub/b")


@pytest.mark.parametrize("change", [change_content, change_mode, rename, link])
def test_a_changed_tree_has_another_digest(tree: Path, change: Callable[[Path], None]) -> None:
    before = tree_digest(tree)
    change(tree)
    assert tree_digest(tree) != before


def test_times_and_what_git_keeps_do_not_count(tree: Path) -> None:
    before = tree_digest(tree)
    (tree / ".git").mkdir()
    (tree / ".git" / "HEAD").write_text("ref: refs/heads/main")
    os.utime(tree / "a", (0, 0))
    assert tree_digest(tree) == before


def digest(
    tree: Path,
    *,
    spec: str = "spec",
    variable: str = "1",
    image: str = "image",
    name: str = "Source",
    role: str = "role",
) -> str:
    return build_digest(
        buildspec=spec,
        place=["111111111111", "eu-west-1", role],
        image=image,
        privileged=False,
        variables={"A": variable},
        inputs={name: tree},
        primary=name,
        outputs=["Out"],
    )


def test_a_build_is_another_when_anything_that_it_finds_is(tree: Path) -> None:
    changed = [
        digest(tree, spec="other"),
        digest(tree, variable="2"),
        digest(tree, image="other"),
        digest(tree, name="Other"),
        digest(tree, role="other"),
    ]
    assert len({digest(tree), *changed}) == 6
    assert digest(tree) == digest(tree)


def result(folder: Path, text: str) -> Result:
    archive = folder / "out.zip"
    archive.write_text(text)
    return Result(build_id="p:1", log=["hello"], exported={"A": "1"}, outputs={"Out": archive})


def test_a_result_is_found_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    results.keep("aa", result(tmp_path, "content"))
    found = results.find("aa")
    assert found is not None
    assert (found.build_id, found.log, found.exported) == ("p:1", ["hello"], {"A": "1"})
    assert found.outputs["Out"].read_text() == "content"
    assert results.find("bb") is None


def test_the_newest_twenty_are_kept(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    for number in range(22):
        results.keep(f"{number:02}", result(tmp_path, "content"))
        os.utime(tmp_path / "results" / f"{number:02}", (number, number))
    results.keep("ff", result(tmp_path, "content"))
    kept = {path.name for path in (tmp_path / "results").iterdir()}
    assert len(kept) == 20
    assert {"ff", "21"} <= kept
    assert "00" not in kept
