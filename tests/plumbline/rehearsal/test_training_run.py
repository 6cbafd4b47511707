"""What is recorded of a run, and what is said of one that failed."""

from plumbline.rehearsal.training_run import Run, RunStep, failure


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
