"""`plumb review`, as a person calls it, and as a pull request does."""

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from plumbline.audit import comparison
from plumbline.audit.comparison import Comparison
from plumbline.errors import PlumblineError
from tests.plumbline.audit.test_comparison import NO_CHANGE
from tests.plumbline.cli.calling import plumb

OPENS = dataclasses.replace(NO_CHANGE, problems=("platform.toml: a waiver has ended",))


class Review:
    """What the tests and the audit say to a review, and how it calls them."""

    def __init__(self) -> None:
        self.tests = 0
        self.audit: Comparison | PlumblineError = NO_CHANGE
        self.commands: list[list[str]] = []
        self.references: list[str] = []

    def run(self, command: Sequence[str], **_options: object) -> subprocess.CompletedProcess[bytes]:
        self.commands.append(list(command[1:]))
        return subprocess.CompletedProcess(command, self.tests)

    def compare(self, _root: Path, reference: str, **_options: object) -> Comparison:
        self.references.append(reference)
        if isinstance(self.audit, PlumblineError):
            raise self.audit
        return self.audit


@pytest.fixture
def review(monkeypatch: pytest.MonkeyPatch) -> Review:
    one = Review()
    monkeypatch.setattr(subprocess, "run", one.run)
    monkeypatch.setattr(comparison, "compare", one.compare)
    return one


def test_a_change_that_passes_and_opens_nothing_may_land(review: Review, tmp_path: Path) -> None:
    ended = plumb("review", "--output", str(tmp_path / "review.md"))
    assert ended.code in (0, None)
    assert ended.stdout.startswith("**Lint and tests**: all checks passed.\n\n")
    assert (tmp_path / "review.md").read_text() + "\n" == ended.stdout
    assert review.commands == [["-m", "plumbline.cli", "test", "--fast"]]
    assert review.references == ["main"]


def test_a_test_that_fails_is_said_and_the_audit_still_made(review: Review) -> None:
    review.tests = 1
    ended = plumb("review", "--against", "HEAD~1")
    assert (ended.code, review.references) == (1, ["HEAD~1"])
    assert ended.stdout.startswith("**Lint and tests**: failed, the log has what.\n\n")
    assert NO_CHANGE.markdown() in ended.stdout


def test_what_opens_asks_for_a_person(review: Review) -> None:
    review.audit = OPENS
    ended = plumb("review")
    assert ended.code == 1
    assert "a waiver has ended" in ended.stdout


def test_an_audit_that_cannot_be_made_is_said_in_the_comment(review: Review) -> None:
    review.audit = PlumblineError("nowhere: there is no such commit.")
    ended = plumb("review", "--against", "nowhere")
    assert ended.code == 1
    assert "**Audit**: nowhere: there is no such commit." in ended.stdout


def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(review: Review, tmp_path: Path) -> None:
    ended = plumb("review", "--output", str(tmp_path / "none" / "review.md"))
    assert (ended.code, ended.stdout, review.commands) == (2, "", [])
    assert "review.md: cannot be written: No such file or directory; accepted: a file in a folder." in ended.stderr
