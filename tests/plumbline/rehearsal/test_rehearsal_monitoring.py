"""What production's monitors saw, and what staging decided on it."""

import pytest

from plumbline.configuration import Monitor
from plumbline.rehearsal.watching import Watched
from tests.plumbline.rehearsal.shared import Rehearsed

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def watched(rehearsal: Rehearsed) -> Watched:
    assert rehearsal.way.watched is not None
    return rehearsal.way.watched


def test_honest_traffic_is_below_the_line_and_other_traffic_beyond_it(rehearsal: Rehearsed, watched: Watched) -> None:
    monitoring = rehearsal.model.monitoring
    assert monitoring
    honest, *others = watched.windows
    assert honest.deviations.keys() == {Monitor.DATA_QUALITY.value, Monitor.EXPLAINABILITY.value}
    assert max(honest.deviations.values()) <= monitoring.line
    assert len(others) == monitoring.windows_to_alarm
    assert min(other.deviations[Monitor.DATA_QUALITY] for other in others) > monitoring.line


def test_the_alarm_was_one_signal_and_started_one_run(rehearsal: Rehearsed, watched: Watched) -> None:
    assert watched.decision.verdict == "started"
    assert watched.decision.execution == watched.run.arn
    described = rehearsal.client(rehearsal.staging, "sagemaker").list_pipeline_parameters_for_execution(
        PipelineExecutionArn=watched.run.arn
    )["PipelineParameters"]
    given = {one["Name"]: one["Value"] for one in described}
    assert given["Trigger"] == "drift"
    assert given["CommitId"] == rehearsal.way.commit
    assert given["DatasetId"] == rehearsal.way.dataset_id


def test_the_champion_was_the_version_that_was_approved(rehearsal: Rehearsed, watched: Watched) -> None:
    client = rehearsal.client(rehearsal.staging, "sagemaker")
    package = client.describe_model_package(ModelPackageName=rehearsal.way.model_package_arn)
    (container,) = package["InferenceSpecification"]["Containers"]
    given = client.list_pipeline_parameters_for_execution(PipelineExecutionArn=watched.run.arn)["PipelineParameters"]
    assert {"Name": "ChampionUri", "Value": container["ModelDataUrl"]} in given


def test_what_is_no_better_than_its_champion_is_not_registered(watched: Watched) -> None:
    assert {step.name: step.status for step in watched.run.steps}["Evaluate"] == "Succeeded"
    assert watched.run.status == "Failed"
    assert "does not beat its references" in watched.run.failure or any(
        "does not beat its references" in step.failure for step in watched.run.steps
    )
    assert watched.run.model_package_arn == ""


def test_right_after_a_run_a_person_waits_too(watched: Watched) -> None:
    assert (watched.braked.kind, watched.braked.verdict, watched.braked.brake) == ("person", "refused", "cool-down")


def test_the_job_left_its_numbers_and_a_page(rehearsal: Rehearsed, watched: Watched) -> None:
    production = rehearsal.production
    prefix = f"{rehearsal.model.name}/monitoring/{watched.windows[0].window}/"
    found = rehearsal.client(production, "s3").list_objects_v2(Bucket=production.data_bucket, Prefix=prefix)
    names = {entry["Key"].removeprefix(prefix) for entry in found["Contents"]}
    assert {"metrics.json", "report.html", "data-quality/statistics.json"} <= names


def test_the_baselines_lie_beside_productions_artifact(rehearsal: Rehearsed) -> None:
    production = rehearsal.production
    prefix = f"{rehearsal.model.name}/released/1/baselines/"
    found = rehearsal.client(production, "s3").list_objects_v2(Bucket=production.models_bucket, Prefix=prefix)
    names = {entry["Key"].removeprefix(prefix) for entry in found["Contents"]}
    assert {"checks.json", "data-quality/constraints.json", "model-quality/statistics.json"} <= names
