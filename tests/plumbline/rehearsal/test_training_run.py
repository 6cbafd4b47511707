"""What is recorded of a run, and what is said of one that failed."""

from pathlib import Path

import pytest

from plumbline.errors import PlumblineError
from plumbline.rehearsal.training_run import Run, RunStep, commit_id, failure


def run(*steps: RunStep, reason: str = "") -> Run:
    return Run(
        arn="arn:aws:sagemaker:eu-west-1:222222222222:pipeline/p/execution/e",
        status="Failed",
        steps=steps,
        failure=reason,
        model_package_arn="",
        seconds=1.0,
    )


def test_the_failed_step_speaks() -> None:
    step = RunStep(name="Train", status="Failed", seconds=1.0, cached=False, failure="AlgorithmError: no rows")
    assert str(failure(run(step))) == "the training run ended as Failed. Train: AlgorithmError: no rows"


def test_a_run_without_a_failed_step_gives_its_own_reason() -> None:
    assert "stopped by somebody" in str(failure(run(reason="stopped by somebody")))


def test_a_folder_without_commits_is_uncommitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_id(tmp_path) == "uncommitted"


def test_a_missing_git_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlumblineError, match=r"git is not installed, .*: install git"):
        commit_id(tmp_path)
