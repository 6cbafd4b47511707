"""What a rehearsal refuses before it starts anything."""

import shutil
from pathlib import Path

import pytest

from plumbline.configuration import code_digest, load_models
from plumbline.errors import PlumblineError
from plumbline.rehearsal.journey import Journey, rehearse
from plumbline.rehearsal.progress import Silent
from tests.plumbline.rehearsal.shared import ROOT, linked_checkout

_NAME = "pipeline_definitions/flight_delays/definition.json"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with models of its own, whose definitions name their code."""
    checkout = linked_checkout(tmp_path)
    (checkout / "pipeline_definitions").unlink()
    shutil.copytree(
        ROOT / "pipeline_definitions", checkout / "pipeline_definitions", ignore=shutil.ignore_patterns("__pycache__")
    )
    for model in load_models(checkout):
        model.definition_path.write_text(f'"{code_digest(model)}"')
    return checkout


def _refusal(checkout: Path) -> PlumblineError:
    with pytest.raises(PlumblineError) as raised:
        rehearse(checkout, progress=Silent())
    assert not (checkout / ".plumb" / "rehearsals").exists()
    return raised.value


def test_a_model_changed_and_not_rendered_is_refused(checkout: Path) -> None:
    assert Journey(root=checkout, progress=Silent()).models
    (checkout / _NAME).with_name("evaluate.py").open("a").write("\n# changed\n")
    refusal = _refusal(checkout)
    assert str(refusal) == f"{_NAME}: stale; run `./plumb render` and commit what it writes."
    assert refusal.exit_code == 2


def test_a_model_never_rendered_is_refused(checkout: Path) -> None:
    (checkout / _NAME).unlink()
    assert str(_refusal(checkout)) == f"{_NAME}: missing; run `./plumb render` and commit what it writes."


def test_a_missing_git_is_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(_refusal(checkout)).endswith("install git")
