"""Build and Lambda actions: what the action's role must be allowed, and how they end."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.plumbline.rehearsal.codepipeline.world import HOME, REGION, World, action, allow, approval, stage, zip_of

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]


def build(project: str, **members: Any) -> Document:
    made = action("Build", "Build/CodeBuild", {"ProjectName": project}, inputs=["Code"], outputs=["Built"], **members)
    return stage("Build", made)


def test_a_failed_build_fails_its_action_with_the_phase_and_the_reason(world: World, role: str) -> None:
    _, ended = world.run(world.declaration("built-badly", role, [world.source(), build("failing")]))
    assert ended["status"] == "Failed"
    assert world.error("built-badly", "Build") == {
        "code": "JobFailed",
        "message": "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, "
        "Message: Error while executing command: make. Reason: no",
    }
    result = world.actions("built-badly")["Build"]["output"]["executionResult"]
    assert result["externalExecutionId"].startswith("failing:")


def test_a_build_that_cannot_be_started_says_why(world: World, role: str) -> None:
    world.run(world.declaration("unbuilt", role, [world.source(), build("absent")]))
    message = world.error("unbuilt", "Build")["message"]
    assert message == "Error calling startBuild: Project cannot be found: absent"


def test_a_role_that_may_not_start_the_build_is_named(world: World) -> None:
    use = allow(world.connection, "codeconnections:UseConnection")
    role = world.pipeline_role("idle", [*world.artifact_statements(), use])
    world.run(world.declaration("idle", role, [world.source(), build("build")]))
    error = world.error("idle", "Build")
    assert error["code"] == "PermissionError"
    assert f'codebuild:StartBuild on resource: "arn:aws:codebuild:{REGION}:{HOME}:project/build"' in error["message"]


def test_stopping_and_abandoning_stops_the_build(world: World, role: str) -> None:
    name, client = "abandoned", world.client("codepipeline")
    client.create_pipeline(pipeline=world.declaration(name, role, [world.source(), build("endless")]))
    world.until(lambda: "externalExecutionId" in _result(world, name))
    execution = world.executions(name)[0]["pipelineExecutionId"]
    client.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution, abandon=True, reason="no more")
    assert world.ended(name, execution)["status"] == "Stopped"
    assert world.executions(name)[0]["stopTrigger"] == {"reason": "no more"}
    assert world.actions(name)["Build"]["status"] == "Abandoned"
    stopped = f"stopped-{HOME}"
    world.until(lambda: bool(world.client("s3").list_objects_v2(Bucket=stopped).get("Contents")))


def _result(world: World, name: str) -> Document:
    found: Document = world.actions(name).get("Build", {}).get("output", {}).get("executionResult", {})
    return found


def test_a_build_that_succeeded_after_a_failure_is_retried_in_its_stage(world: World, role: str) -> None:
    name, client = "retried", world.client("codepipeline")
    execution, ended = world.run(world.declaration(name, role, [world.source(), build("failing"), approval()]))
    assert ended["status"] == "Failed"
    client.retry_stage_execution(
        pipelineName=name, stageName="Build", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    world.ended(name, execution)
    runs = client.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    assert [run["actionName"] for run in runs] == ["Build", "Build", "Checkout"]


def function(world: World, name: str, code: str) -> None:
    trust = {"Principal": {"Service": "lambda.amazonaws.com"}}
    role = world.role(name, [allow("*", "codepipeline:PutJob*")], trust=trust)
    world.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": zip_of("index.py", code)},
    )


def invoking(world: World, name: str) -> Document:
    use = allow(world.connection, "codeconnections:UseConnection")
    invoke = allow(f"arn:aws:lambda:{REGION}:{HOME}:function:{name}", "lambda:InvokeFunction")
    role = world.pipeline_role(f"{name}-pipeline", [*world.artifact_statements(), use, invoke])
    tell = action("Tell", "Invoke/Lambda", {"FunctionName": name}, inputs=["Code"])
    return world.declaration(name, role, [world.source(), stage("Tell", tell)])


FAILING = """
import boto3
def handler(event, context):
    details = {"type": "ConfigurationError", "message": "not like this", "externalExecutionId": "mine"}
    boto3.client("codepipeline").put_job_failure_result(jobId=event["CodePipeline.job"]["id"], failureDetails=details)
"""
PRYING = """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    job = event["CodePipeline.job"]
    given = job["data"]["artifactCredentials"]
    storage = boto3.client(
        "s3",
        aws_access_key_id=given["accessKeyId"],
        aws_secret_access_key=given["secretAccessKey"],
        aws_session_token=given["sessionToken"],
    )
    bucket = job["data"]["inputArtifacts"][0]["location"]["s3Location"]["bucketName"]
    try:
        storage.put_object(Bucket=bucket, Key="elsewhere", Body=b"")
        told = "written"
    except ClientError as error:
        told = error.response["Error"]["Code"]
    boto3.client("codepipeline").put_job_success_result(jobId=job["id"], outputVariables={"Told": told})
"""


def test_a_function_says_that_its_job_failed(world: World) -> None:
    function(world, "failing", FAILING)
    _, ended = world.run(invoking(world, "failing"))
    assert ended["status"] == "Failed"
    assert world.error("failing", "Tell") == {"code": "ConfigurationError", "message": "not like this"}
    assert world.actions("failing")["Tell"]["output"]["executionResult"]["externalExecutionId"] == "mine"


def test_a_functions_credentials_are_for_its_artifacts_only(world: World) -> None:
    function(world, "prying", PRYING)
    _, ended = world.run(invoking(world, "prying"))
    assert ended["status"] == "Succeeded"
    assert world.actions("prying")["Tell"]["output"]["outputVariables"] == {"Told": "AccessDenied"}


def test_a_job_that_has_ended_takes_no_second_result(world: World) -> None:
    function(world, "twice", FAILING)
    world.run(invoking(world, "twice"))
    job = world.actions("twice")["Tell"]["actionExecutionId"]
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        world.client("codepipeline").put_job_success_result(jobId=job)


def test_environment_variables_that_are_no_json_fail_the_action(world: World, role: str) -> None:
    told = {"ProjectName": "build", "EnvironmentVariables": json.dumps([{"name": "A"}])}
    make = stage("Build", action("Build", "Build/CodeBuild", told, inputs=["Code"]))
    world.run(world.declaration("misconfigured", role, [world.source(), make]))
    assert world.error("misconfigured", "Build")["code"] == "ConfigurationError"
