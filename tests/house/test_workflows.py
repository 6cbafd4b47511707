"""The workflows of pull requests: pinned, without keys, and nothing proposed runs where something can be written."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
Json = dict[Any, Any]


def _read(path: Path) -> Json:
    # A bare `on` is true in YAML 1.1.
    document: Json = yaml.safe_load(path.read_text().replace("\non:", '\n"on":'))
    return document


def _steps(document: Json) -> list[Json]:
    return [step for job in document["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_their_commit(path: Path) -> None:
    used = [step["uses"] for step in _steps(_read(path)) if "uses" in step]
    assert used
    assert not [action for action in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_workflow_has_a_secret_or_a_key(path: Path) -> None:
    assert not re.search(r"secrets\.|AWS_ACCESS_KEY|AWS_SECRET", path.read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_script_is_made_of_what_somebody_else_has_written(path: Path) -> None:
    assert not [step["run"] for step in _steps(_read(path)) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_ends_and_has_no_more_rights_than_it_says(path: Path) -> None:
    document = _read(path)
    assert "permissions" in document
    assert all(job["timeout-minutes"] <= 60 for job in document["jobs"].values())


def test_what_runs_a_proposal_writes_nothing() -> None:
    document = _read(ROOT / ".github" / "workflows" / "review.yml")
    assert document["on"] == {"pull_request": None}
    assert document["permissions"] == {"contents": "read"}
    assert not [job for job in document["jobs"].values() if "permissions" in job]


def test_what_writes_runs_no_proposal() -> None:
    document = _read(ROOT / ".github" / "workflows" / "comment.yml")
    assert list(document["on"]) == ["workflow_run"]
    assert not [
        step for step in _steps(document) if "checkout" in step.get("uses", "") or "plumb" in step.get("run", "")
    ]


def test_a_pull_request_is_judged_by_the_command_that_people_run() -> None:
    (judged,) = [
        s["run"] for s in _steps(_read(ROOT / ".github" / "workflows" / "review.yml")) if "plumb" in s.get("run", "")
    ]
    assert judged.startswith("./plumb review --against ")
