"""Further runs of the rehearsal's pipeline: the cache, a champion, and a script that fails."""

import dataclasses
import hashlib

import pytest

from plumbline.configuration import Person
from plumbline.rehearsal import training, training_run
from plumbline.rehearsal.training_run import Inputs, Run
from tests.plumbline.rehearsal.shared import Rehearsed

pytestmark = pytest.mark.rehearsal


def _run(rehearsal: Rehearsed, inputs: Inputs, *, commit: str, champion_uri: str | None = None) -> Run:
    caller = rehearsal.journey.delivery.model_session(rehearsal.model)
    arn = training_run.start(
        deployment=rehearsal.staging,
        model=rehearsal.model,
        inputs=inputs,
        commit=commit,
        reason="test",
        caller=caller,
        champion_uri=champion_uri,
    )
    return training_run.follow(arn=arn, caller=caller, tell=lambda _: None)


def _versions(rehearsal: Rehearsed) -> list[str]:
    listed = rehearsal.client(rehearsal.staging, "sagemaker").list_model_packages(
        ModelPackageGroupName=rehearsal.staging.model_package_group(rehearsal.model)
    )
    return [package["ModelPackageArn"] for package in listed["ModelPackageSummaryList"]]


@pytest.fixture(scope="module")
def inputs(rehearsal: Rehearsed) -> Inputs:
    return training.upload(
        rehearsal.model,
        deployment=rehearsal.journey.staging,
        caller=rehearsal.journey.delivery.model_session(rehearsal.model),
    )


@pytest.fixture(scope="module")
def again(rehearsal: Rehearsed, inputs: Inputs) -> Run:
    """A second run: the same code, the same data, a new commit."""
    return _run(rehearsal, inputs, commit="c" * 40)


def test_the_same_dataset_gets_the_same_identifier(rehearsal: Rehearsed, inputs: Inputs) -> None:
    assert inputs.dataset_id == rehearsal.way.dataset_id
    assert inputs.code_digest == rehearsal.way.code_digest


def test_a_new_commit_with_the_same_code_and_data_hits_the_cache(again: Run) -> None:
    assert again.status == "Succeeded", again.failure
    assert {step.name: step.cached for step in again.steps if step.name in {"Prepare", "Train", "Evaluate"}} == {
        "Prepare": True,
        "Train": True,
        "Evaluate": False,
    }


def test_the_second_run_registers_a_version_of_its_own_commit(rehearsal: Rehearsed, again: Run) -> None:
    assert again.model_package_arn != rehearsal.way.model_package_arn
    package = rehearsal.client(rehearsal.staging, "sagemaker").describe_model_package(
        ModelPackageName=again.model_package_arn
    )
    assert "c" * 40 in package["CustomerMetadataProperties"].values()


@pytest.fixture(scope="module")
def challenge(rehearsal: Rehearsed, inputs: Inputs) -> tuple[Run, list[str], list[str]]:
    """A run whose model meets its own twin as the champion; the versions before and after it."""
    registered = rehearsal.client(rehearsal.staging, "sagemaker").describe_model_package(
        ModelPackageName=rehearsal.way.model_package_arn
    )
    (container,) = registered["InferenceSpecification"]["Containers"]
    before = _versions(rehearsal)
    run = _run(rehearsal, inputs, commit="e" * 40, champion_uri=container["ModelDataUrl"])
    return run, before, _versions(rehearsal)


def test_a_model_no_better_than_the_champion_fails_at_the_gate(challenge: tuple[Run, list[str], list[str]]) -> None:
    run, _, _ = challenge
    assert run.status == "Failed"
    assert {step.name: step.status for step in run.steps if step.name in {"Evaluate", "Gate", "Fail"}} == {
        "Evaluate": "Succeeded",
        "Gate": "Succeeded",
        "Fail": "Failed",
    }


def test_the_report_names_the_champion_as_the_reference_that_was_not_beaten(
    rehearsal: Rehearsed, challenge: tuple[Run, list[str], list[str]]
) -> None:
    run, _, _ = challenge
    report = training_run.evaluation(
        run=run,
        deployment=rehearsal.staging,
        model=rehearsal.model,
        caller=rehearsal.journey.people.take(Person.DATA_SCIENTIST, rehearsal.staging),
    )
    gate = report["gate"]
    assert isinstance(gate, dict)
    assert (gate["average_precision_gain_lower"], gate["log_loss_gain_lower"]) == (0.0, 0.0)


def test_a_model_no_better_than_the_champion_is_not_registered(challenge: tuple[Run, list[str], list[str]]) -> None:
    run, before, after = challenge
    assert run.model_package_arn == ""
    assert before == after


@pytest.fixture(scope="module")
def broken(rehearsal: Rehearsed, inputs: Inputs) -> tuple[Run, list[str], list[str]]:
    """A run whose script fails, on a dataset without flights; the versions before and after it."""
    looking = rehearsal.journey.people.take(Person.DATA_SCIENTIST, rehearsal.staging).client("s3")
    s3 = rehearsal.journey.delivery.model_session(rehearsal.model).client("s3")
    prefix = f"{rehearsal.model.name}/datasets"
    whole = f"{prefix}/{inputs.dataset_id}/dataset.json"
    # One byte more than the whole one's, so that it has an identifier of its own.
    description = looking.get_object(Bucket=rehearsal.staging.data_bucket, Key=whole)["Body"].read() + b" "
    identifier = hashlib.sha256(description).hexdigest()[:16]
    key = f"{prefix}/{identifier}/dataset.json"
    s3.put_object(Bucket=rehearsal.staging.data_bucket, Key=key, Body=description)
    before = _versions(rehearsal)
    run = _run(rehearsal, dataclasses.replace(inputs, dataset_id=identifier), commit="d" * 40)
    # The governor would take it for the newest dataset.
    rehearsal.client(rehearsal.staging, "s3").delete_object(Bucket=rehearsal.staging.data_bucket, Key=key)
    return run, before, _versions(rehearsal)


def test_a_script_that_fails_fails_the_run(broken: tuple[Run, list[str], list[str]]) -> None:
    run, _, _ = broken
    assert run.status == "Failed"
    assert [(step.name, step.status) for step in run.steps] == [("Prepare", "Failed")]


def test_a_failed_run_says_the_scripts_own_last_words(broken: tuple[Run, list[str], list[str]]) -> None:
    run, _, _ = broken
    assert "input dataset has no flights.csv" in str(training_run.failure(run))


def test_a_failed_run_registers_nothing(broken: tuple[Run, list[str], list[str]]) -> None:
    run, before, after = broken
    assert run.model_package_arn == ""
    assert before == after
