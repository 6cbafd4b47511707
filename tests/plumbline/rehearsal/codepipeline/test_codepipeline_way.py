"""One commit all the way: source, build, change set in another account, approval, function."""

import json
from typing import Any

import pytest

from tests.plumbline.rehearsal.codepipeline.world import (
    AWAY,
    HOME,
    REGION,
    STORE,
    World,
    action,
    allow,
    git,
    stage,
    zip_of,
)

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]
CODE = """
import boto3
def handler(event, context):
    job = event["CodePipeline.job"]
    told = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    pipelines = boto3.client("codepipeline")
    if "continuationToken" not in job["data"]:
        pipelines.put_job_success_result(jobId=job["id"], continuationToken="again")
        return
    location = job["data"]["inputArtifacts"][0]["location"]["s3Location"]
    credentials = job["data"]["artifactCredentials"]
    storage = boto3.client(
        "s3",
        aws_access_key_id=credentials["accessKeyId"],
        aws_secret_access_key=credentials["secretAccessKey"],
        aws_session_token=credentials["sessionToken"],
    )
    size = storage.get_object(Bucket=location["bucketName"], Key=location["objectKey"])["ContentLength"]
    pipelines.put_job_success_result(jobId=job["id"], outputVariables={"Told": told, "Read": str(size > 0)})
"""


@pytest.fixture(scope="module")
def function(world: World) -> str:
    trust = {"Principal": {"Service": "lambda.amazonaws.com"}}
    role = world.role("recorder", [allow("*", "codepipeline:PutJobSuccessResult")], trust=trust)

    arn = world.client("lambda").create_function(
        FunctionName="recorder",
        Runtime="python3.11",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": zip_of("index.py", CODE)},
    )["FunctionArn"]
    return str(arn)


@pytest.fixture(scope="module")
def roles(world: World, function: str) -> dict[str, str]:
    """The pipeline's role, and in the other account the action's and CloudFormation's."""
    deployer = world.role(
        "cloudformation",
        [allow("*", "ssm:*")],
        trust={"Principal": {"Service": "cloudformation.amazonaws.com"}},
        account=AWAY,
    )
    stacks = f"arn:aws:cloudformation:{REGION}:{AWAY}:stack/kept/*"
    changing = [f"cloudformation:{one}" for one in ("CreateChangeSet", "DeleteChangeSet", "DescribeChangeSet")]
    passing = allow(deployer, "iam:PassRole") | {
        "Condition": {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
    }
    released = world.role(
        "release",
        [
            *world.artifact_statements(),
            allow(stacks, *changing, "cloudformation:ExecuteChangeSet", "cloudformation:DescribeStacks"),
            passing,
        ],
        trust={"Principal": {"AWS": f"arn:aws:iam::{HOME}:root"}},
        account=AWAY,
    )
    topic = f"arn:aws:sns:{REGION}:{HOME}:approvals"
    pipeline = world.pipeline_role(
        "way",
        [
            *world.artifact_statements(),
            allow(world.connection, "codeconnections:UseConnection"),
            allow(
                f"arn:aws:codebuild:{REGION}:{HOME}:project/build", "codebuild:StartBuild", "codebuild:BatchGetBuilds"
            ),
            allow(released, "sts:AssumeRole"),
            allow(topic, "sns:Publish"),
            allow(function, "lambda:InvokeFunction"),
        ],
    )
    return {"pipeline": pipeline, "release": released, "cloudformation": deployer}


def declaration(world: World, roles: dict[str, str]) -> Document:
    changes = {"StackName": "kept", "ChangeSetName": "change", "RoleArn": roles["cloudformation"]}
    overrides = {"Tag": "#{Build.TAG}", "Size": {"Fn::GetParam": ["Built", "values.json", "Size"]}}
    environment = [{"name": "COMMIT", "value": "#{Source.CommitId}"}]
    return world.declaration(
        "the-way-to-production",
        roles["pipeline"],
        [
            world.source(),
            stage(
                "Build",
                action(
                    "Build",
                    "Build/CodeBuild",
                    {"ProjectName": "build", "EnvironmentVariables": json.dumps(environment)},
                    inputs=["Code"],
                    outputs=["Built"],
                    namespace="Build",
                ),
            ),
            stage(
                "Deploy",
                action(
                    "Prepare",
                    "Deploy/CloudFormation",
                    changes
                    | {
                        "ActionMode": "CHANGE_SET_REPLACE",
                        "TemplatePath": "Built::template.json",
                        "ParameterOverrides": json.dumps(overrides),
                    },
                    inputs=["Built"],
                    roleArn=roles["release"],
                    runOrder=1,
                ),
                action(
                    "Execute",
                    "Deploy/CloudFormation",
                    changes | {"ActionMode": "CHANGE_SET_EXECUTE", "OutputFileName": "outputs.json"},
                    outputs=["Outputs"],
                    roleArn=roles["release"],
                    runOrder=2,
                    namespace="Deployed",
                ),
            ),
            stage(
                "Approve",
                action(
                    "Ask",
                    "Approval/Manual",
                    {
                        "NotificationArn": f"arn:aws:sns:{REGION}:{HOME}:approvals",
                        "CustomData": "Release #{Source.CommitId} as #{Build.TAG}?",
                        "ExternalEntityLink": "https://example.com/#{codepipeline.PipelineExecutionId}",
                    },
                ),
            ),
            stage(
                "Record",
                action(
                    "Tell",
                    "Invoke/Lambda",
                    {"FunctionName": "recorder", "UserParameters": "#{Deployed.Name}"},
                    inputs=["Built"],
                    namespace="Recorded",
                ),
            ),
        ],
    )


def test_a_commit_goes_all_the_way(world: World, roles: dict[str, str]) -> None:
    topic = world.client("sns").create_topic(Name="approvals")["TopicArn"]
    told = world.queue("approvals", topic=topic)
    heard = world.queue("heard", pattern={"source": ["aws.codepipeline"]})
    pipelines, name = world.client("codepipeline"), "the-way-to-production"
    pipelines.create_pipeline(pipeline=declaration(world, roles))
    execution = world.executions(name)[0]["pipelineExecutionId"]
    token = world.token(name, "Approve")
    commit = git(world.bare, "rev-parse", "main").strip()

    parameter = world.client("ssm", account=AWAY).get_parameter(Name="/kept")["Parameter"]["Value"]
    assert parameter == f"tag-{commit[:7]}/large"
    assert json.loads(world.artifact(name, "Built")["told.json"]) == {
        "environment": [{"name": "COMMIT", "value": commit}],
        "initiator": f"codepipeline/{name}",
        "inputs": ["Code"],
    }
    assert json.loads(world.artifact(name, "Outputs")["outputs.json"]) == {"Name": "/kept"}
    (message,) = [json.loads(one["Message"]) for one in world.received(told)]
    link = f"https://console.aws.amazon.com/codepipeline/home?region={REGION}#/view/{name}"
    assert message["consoleLink"] == link
    assert message["approval"] | {"expires": ""} == {
        "pipelineName": name,
        "stageName": "Approve",
        "actionName": "Ask",
        "token": token,
        "expires": "",
        "externalEntityLink": f"https://example.com/{execution}",
        "approvalReviewLink": f"{link}/Approve/Ask/approve/{token}",
        "customData": f"Release {commit} as tag-{commit[:7]}?",
    }

    world.approve(name, "Approve", "Ask")
    ended = world.ended(name, execution)
    assert ended["status"] == "Succeeded", world.actions(name)["Tell"]
    assert [one["revisionId"] for one in ended["artifactRevisions"]] == [commit]
    recorded = world.actions(name)["Tell"]["output"]["outputVariables"]
    assert recorded == {"Told": "/kept", "Read": "True"}
    _check_store(world, name)
    _check_events(world, heard, execution)


def _check_store(world: World, name: str) -> None:
    """Artifacts lie where AWS puts them, under the store's key."""
    for listed in world.client("s3").list_objects_v2(Bucket=STORE, Prefix=f"{name[:20]}/")["Contents"]:
        pipeline, artifact, chance = listed["Key"].split("/")
        assert (pipeline, len(artifact) <= 10, len(chance)) == (name[:20], True, 7)
        head = world.client("s3").head_object(Bucket=STORE, Key=listed["Key"])
        assert head["SSEKMSKeyId"] == world.key


def _check_events(world: World, queue: str, execution: str) -> None:
    heard: list[tuple[str, str, str]] = []

    def complete() -> bool:
        for event in world.received(queue):
            detail = event["detail"]
            if detail["execution-id"] == execution:
                assert event["resources"] == [f"arn:aws:codepipeline:{REGION}:{HOME}:the-way-to-production"]
                kind = event["detail-type"].split()[1]
                heard.append((kind, str(detail.get("action") or detail.get("stage") or ""), detail["state"]))
        return ("Pipeline", "", "SUCCEEDED") in heard

    world.until(complete)
    assert heard[0] == ("Pipeline", "", "STARTED")
    for expected in (
        ("Stage", "Deploy", "STARTED"),
        ("Action", "Execute", "SUCCEEDED"),
        ("Stage", "Record", "SUCCEEDED"),
    ):
        assert expected in heard


def test_every_request_was_made_in_the_roles_of_the_pipeline(world: World, roles: dict[str, str]) -> None:
    assert roles
    made = {(one.principal.split("/")[1], one.action) for one in world.decisions() if "assumed-role" in one.principal}
    for expected in (
        ("way", "codeconnections:UseConnection"),
        ("way", "codebuild:StartBuild"),
        ("way", "sts:AssumeRole"),
        ("way", "lambda:InvokeFunction"),
        ("release", "cloudformation:CreateChangeSet"),
        ("release", "iam:PassRole"),
        ("release", "s3:GetObject"),
        ("cloudformation", "ssm:PutParameter"),
        ("recorder", "codepipeline:PutJobSuccessResult"),
    ):
        assert expected in made, expected
