"""The commits of a drill."""

from pathlib import Path

import pytest

from plumbline.errors import PlumblineError
from plumbline.rehearsal.drills.delivery import COMMITS
from plumbline.rehearsal.journey import rehearse
from plumbline.rehearsal.progress import Silent
from plumbline.rehearsal.source import SourceRepository

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.thorough(reason="a build of the drill's own commits runs the fast tests, and has those commits already")
def test_the_commits_fit_this_checkout_one_after_the_other(tmp_path: Path) -> None:
    source = SourceRepository(root=ROOT, folder=tmp_path, branch="main")
    made = {source.commit}
    for name in ("contact", "retention", "neighbours"):
        made.add(source.commit_patch(COMMITS / f"{name}.patch", name))
    assert len(made) == 1 + len(list(COMMITS.iterdir()))


def test_a_drill_that_there_is_not_is_refused_before_anything_begins(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError) as refused:
        rehearse(tmp_path, progress=Silent(), drill="fire")
    assert str(refused.value) == "rehearse: there is no drill fire; accepted: delivery."
    assert refused.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []
