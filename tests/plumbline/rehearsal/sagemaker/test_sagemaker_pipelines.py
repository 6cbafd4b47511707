"""Pipelines, end to end: from raw numbers to a registered model, and every way in which they do not get there."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.plumbline.rehearsal.sagemaker import tiny
from tests.plumbline.rehearsal.sagemaker.world import HOME, REGION, World

pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module")
def pipeline_role(world: World) -> str:
    return world.role("tiny-pipeline", tiny.pipeline_statements(world))


@pytest.fixture(scope="module")
def trained(world: World, job_role: str, pipeline_role: str) -> str:
    """The name of a pipeline that has run once, with its steps cached."""
    tiny.create(world, "trained", job_role=job_role, pipeline_role=pipeline_role, cached=True)
    execution, steps = tiny.run(world, "trained", Commit="abc")
    assert execution["PipelineExecutionStatus"] == "Succeeded", steps
    return "trained"


def test_a_model_that_passes_the_gate_is_registered_with_what_it_came_from(world: World, trained: str) -> None:
    client = world.client("sagemaker")
    package = client.list_model_packages(ModelPackageGroupName=trained)["ModelPackageSummaryList"][-1]
    described = client.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["CustomerMetadataProperties"]["commit"] == "abc"
    assert f":pipeline/{trained}/execution/" in described["CustomerMetadataProperties"]["execution"]


def test_an_unchanged_step_is_found_in_the_cache_and_the_model_is_the_same(world: World, trained: str) -> None:
    _, steps = tiny.run(world, trained, Commit="def")
    first = world.client("sagemaker").list_pipeline_executions(PipelineName=trained, SortOrder="Ascending")
    source = first["PipelineExecutionSummaries"][0]["PipelineExecutionArn"]
    assert [steps[name]["CacheHitResult"]["SourcePipelineExecutionArn"] for name in ("Prepare", "Train")] == [
        source,
        source,
    ]
    assert "CacheHitResult" not in steps["Evaluate"]


def test_other_hyperparameters_are_not_found_in_the_cache(world: World, trained: str) -> None:
    _, steps = tiny.run(world, trained, Factor="2")
    assert "CacheHitResult" in steps["Prepare"]
    assert "CacheHitResult" not in steps["Train"]


def test_a_model_below_the_threshold_fails_the_run_and_is_not_registered(world: World, trained: str) -> None:
    client = world.client("sagemaker")
    before = client.list_model_packages(ModelPackageGroupName=trained)["ModelPackageSummaryList"]
    execution, steps = tiny.run(world, trained, Threshold="9.5")
    after = client.list_model_packages(ModelPackageGroupName=trained)["ModelPackageSummaryList"]
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert steps["Refuse"]["FailureReason"] == "score below 9.5"
    assert "Register" not in steps
    assert before == after


def test_a_failing_script_fails_the_run_with_its_own_last_words(world: World, trained: str) -> None:
    execution, steps = tiny.run(world, trained, Break="yes")
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert execution["FailureReason"] == "Step failure: One or multiple steps failed."
    reason = steps["Prepare"]["FailureReason"]
    assert reason.startswith("AlgorithmError: ") and reason.endswith("exit code: 1")
    assert "the numbers are not even numbers" in reason
    assert list(steps) == ["Prepare"]


def test_an_empty_input_prefix_is_refused_in_the_words_of_aws(world: World, trained: str) -> None:
    _, steps = tiny.run(world, trained, Raw="s3://tiny-111111111111/nothing/here")
    assert 'No S3 objects found under S3 URL "s3://tiny-111111111111/nothing/here"' in steps["Prepare"]["FailureReason"]


@pytest.mark.parametrize("action", ["sagemaker:CreateProcessingJob", "sagemaker:AddTags", "iam:PassRole"])
def test_a_pipeline_role_without_an_action_fails_its_step_naming_role_and_action(
    world: World, job_role: str, action: str
) -> None:
    name = f"without-{action.replace(':', '-')}"
    role = world.role(name, tiny.pipeline_statements(world, without=action))
    tiny.create(world, name, job_role=job_role, pipeline_role=role)
    _, steps = tiny.run(world, name)
    reason = steps["Prepare"]["FailureReason"]
    assert "AccessDenied" in reason
    assert f"assumed-role/{name}/SageMaker is not authorized to perform: {action}" in reason


def test_a_pipeline_role_that_may_not_read_the_property_file_fails_the_gate(world: World, job_role: str) -> None:
    role = world.role("blind", tiny.pipeline_statements(world, without="s3:GetObject"))
    tiny.create(world, "blind", job_role=job_role, pipeline_role=role)
    _, steps = tiny.run(world, "blind")
    assert "assumed-role/blind/SageMaker is not authorized to perform: s3:GetObject" in steps["Gate"]["FailureReason"]


def test_the_same_client_token_starts_one_execution(world: World, trained: str) -> None:
    client, token = world.client("sagemaker"), str(uuid.uuid4())
    starts = [
        client.start_pipeline_execution(PipelineName=trained, ClientRequestToken=token)["PipelineExecutionArn"]
        for _ in range(2)
    ]
    tiny.finished(world, starts[0])
    assert starts[0] == starts[1]


def test_a_client_token_with_other_parameters_is_refused(world: World, trained: str) -> None:
    client, token = world.client("sagemaker"), str(uuid.uuid4())
    started = client.start_pipeline_execution(PipelineName=trained, ClientRequestToken=token)
    parameters = [{"Name": "Commit", "Value": "other"}]
    with pytest.raises(ClientError, match="ConflictException"):
        client.start_pipeline_execution(PipelineName=trained, ClientRequestToken=token, PipelineParameters=parameters)
    tiny.finished(world, started["PipelineExecutionArn"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("Unknown", "1", "not defined"), ("Threshold", "high", "not of its type Float")],
)
def test_a_start_with_wrong_parameters_is_refused(
    world: World, trained: str, name: str, value: str, message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        tiny.run(world, trained, **{name: value})


def test_a_stopped_execution_stops_its_job(world: World, job_role: str) -> None:
    role = world.role("stopping", tiny.pipeline_statements(world))
    tiny.create(world, "stopping", job_role=job_role, pipeline_role=role)
    world.put("tiny/slow/prepare.py", "import time\ntime.sleep(60)")
    client = world.client("sagemaker")
    definition = json.loads(client.describe_pipeline(PipelineName="stopping")["PipelineDefinition"])
    definition["Steps"][0]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = (
        "s3://tiny-111111111111/tiny/slow/prepare.py"
    )
    client.update_pipeline(PipelineName="stopping", PipelineDefinition=json.dumps(definition))
    arn = client.start_pipeline_execution(PipelineName="stopping", ClientRequestToken=str(uuid.uuid4()))[
        "PipelineExecutionArn"
    ]
    world.until(lambda: "ProcessingStartTime" in _job_of(world, arn))
    client.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=str(uuid.uuid4()))
    execution, steps = tiny.finished(world, arn)
    assert execution["PipelineExecutionStatus"] == "Stopped"
    assert steps["Prepare"]["StepStatus"] == "Stopped"
    assert _job_of(world, arn)["ProcessingJobStatus"] == "Stopped"


def test_a_failed_execution_is_retried_from_where_it_failed(world: World, job_role: str) -> None:
    role = world.role("mending", tiny.pipeline_statements(world))
    tiny.create(world, "mending", job_role=job_role, pipeline_role=role)
    client, code = world.client("sagemaker"), world.put("tiny/mended/evaluate.py", "raise SystemExit('no capacity')")
    definition = json.loads(client.describe_pipeline(PipelineName="mending")["PipelineDefinition"])
    (evaluate,) = (step for step in definition["Steps"] if step["Name"] == "Evaluate")
    evaluate["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = code
    client.update_pipeline(PipelineName="mending", PipelineDefinition=json.dumps(definition))
    queue = world.queue_of_events(
        "retries", {"source": ["aws.sagemaker"], "detail-type": [{"suffix": "Status Change"}]}
    )
    failed, steps = tiny.run(world, "mending")
    arn, token = failed["PipelineExecutionArn"], str(uuid.uuid4())
    assert (failed["PipelineExecutionStatus"], steps["Evaluate"]["StepStatus"]) == ("Failed", "Failed")
    trained = steps["Train"]["Metadata"]

    world.put("tiny/mended/evaluate.py", tiny.EVALUATE)
    client.retry_pipeline_execution(
        PipelineExecutionArn=arn, ClientRequestToken=token, ParallelismConfiguration={"MaxParallelExecutionSteps": 1}
    )
    mended, steps = tiny.finished(world, arn)
    assert mended["PipelineExecutionStatus"] == "Succeeded", steps
    assert "FailureReason" not in mended
    assert steps["Train"]["Metadata"] == trained
    assert steps["Register"]["StepStatus"] == "Succeeded"
    changes = [
        (event["detail"]["previousPipelineExecutionStatus"], event["detail"]["currentPipelineExecutionStatus"])
        for event in world.received(queue)
        if event["detail"].get("pipelineExecutionArn") == arn and "previousPipelineExecutionStatus" in event["detail"]
    ]
    assert changes == [("Executing", "Failed"), ("Failed", "Executing"), ("Executing", "Succeeded")]

    assert client.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=token)
    assert client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Succeeded"
    with pytest.raises(ClientError, match="is Succeeded and cannot be retried"):
        client.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=str(uuid.uuid4()))


def test_what_a_gate_has_refused_is_refused_again_when_it_is_retried(world: World, trained: str) -> None:
    client = world.client("sagemaker")
    refused, before = tiny.run(world, trained, Threshold="9.5")
    arn = refused["PipelineExecutionArn"]
    client.retry_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken=str(uuid.uuid4()))
    again, after = tiny.finished(world, arn)
    assert again["PipelineExecutionStatus"] == "Failed"
    assert after.keys() == before.keys()
    assert after["Evaluate"]["EndTime"] == before["Evaluate"]["EndTime"]


def test_a_step_type_that_is_not_run_is_refused_by_name(world: World, pipeline_role: str) -> None:
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "Tune", "Type": "Tuning", "Arguments": {}}]}
    with pytest.raises(ClientError, match="Step Tune has type Tuning, which the rehearsal does not run"):
        world.client("sagemaker").create_pipeline(
            PipelineName="tuning",
            PipelineDefinition=json.dumps(definition),
            RoleArn=pipeline_role,
            ClientRequestToken=str(uuid.uuid4()),
        )


def test_the_events_of_a_run_reach_a_queue_by_a_rule(world: World, trained: str) -> None:
    queue = world.queue_of_events("pipeline-events", {"source": ["aws.sagemaker"]})
    execution, _ = tiny.run(world, trained, Factor="3")
    seen = [
        (event["detail-type"], event["detail"])
        for event in world.received(queue)
        if event["detail"].get("pipelineExecutionArn") in (None, execution["PipelineExecutionArn"])
    ]
    statuses = [
        detail["currentPipelineExecutionStatus"]
        for kind, detail in seen
        if kind == "SageMaker Model Building Pipeline Execution Status Change"
    ]
    steps = [
        (detail["stepName"], detail["currentStepStatus"])
        for kind, detail in seen
        if kind == "SageMaker Model Building Pipeline Execution Step Status Change"
    ]
    phases = [detail["SecondaryStatus"] for kind, detail in seen if kind == "SageMaker Training Job State Change"]
    approvals = [
        detail["ModelApprovalStatus"] for kind, detail in seen if kind == "SageMaker Model Package State Change"
    ]
    assert statuses == ["Executing", "Succeeded"]
    assert ("Register", "Succeeded") in steps
    assert phases == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert approvals == ["PendingManualApproval"]


def test_a_training_job_tells_its_metrics_its_times_and_what_spot_saved(world: World, trained: str) -> None:
    _, steps = tiny.run(world, trained, Factor="4")
    name = steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    job = world.client("sagemaker").describe_training_job(TrainingJobName=name)
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("score", 8.0)]
    assert 1 <= job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]
    assert [item["Status"] for item in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert world.get(f"s3://tiny-111111111111/tiny/{trained}/checkpoints/state.json") == b'{"weight": 8.0}'


def test_jobs_of_a_pipeline_are_tagged_with_their_execution(world: World, trained: str) -> None:
    execution, steps = tiny.run(world, trained)
    arn = steps["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"]
    tags = {tag["Key"]: tag["Value"] for tag in world.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]}
    assert tags["sagemaker:pipeline-execution-arn"] == execution["PipelineExecutionArn"]
    assert tags["sagemaker:pipeline-step-name"] == "Evaluate"


def test_every_action_that_the_roles_are_granted_is_taken(world: World, trained: str) -> None:
    taken = {
        (decision.principal.split("/")[1], decision.action)
        for decision in world.decisions()
        if decision.allowed and ":assumed-role/tiny-" in decision.principal
    }
    roles = {"tiny-pipeline": tiny.pipeline_statements(world), "tiny-job": world.job_statements()}
    granted = {
        (role, action)
        for role, statements in roles.items()
        for statement in statements
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    # stopping is granted, and only a stopped execution takes it
    assert trained
    assert granted - taken == {
        ("tiny-pipeline", "sagemaker:StopProcessingJob"),
        ("tiny-pipeline", "sagemaker:StopTrainingJob"),
    }


def _job_of(world: World, execution_arn: str) -> dict[str, object]:
    name = f"pipelines-{execution_arn.rsplit('/', 1)[-1]}-Prepare"
    client = world.client("sagemaker")
    found = client.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    if not found:
        return {}
    described: dict[str, object] = client.describe_processing_job(ProcessingJobName=found[0]["ProcessingJobName"])
    assert str(described["ProcessingJobArn"]).startswith(f"arn:aws:sagemaker:{REGION}:{HOME}:processing-job/")
    return described
