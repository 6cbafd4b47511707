"""Projects: what a template and the API say of one is kept, and who may make one."""

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.plumbline.rehearsal.codebuild.world import ACCOUNT, IMAGE, REGION, World, allow, policy

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]
PASSED = {"StringEquals": {"iam:PassedToService": "codebuild.amazonaws.com"}}


def properties(world: World, name: str, role: str) -> Document:
    """What the CDK's PipelineProject writes when everything is given."""
    return {
        "Name": name,
        "Description": "all of it",
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": "{}"},
        "Artifacts": {"Type": "CODEPIPELINE"},
        "Cache": {"Type": "LOCAL", "Modes": ["LOCAL_CUSTOM_CACHE"]},
        "ConcurrentBuildLimit": 3,
        "EncryptionKey": world.key,
        "Environment": {
            "ComputeType": "BUILD_GENERAL1_SMALL",
            "EnvironmentVariables": [{"Name": "A", "Type": "PLAINTEXT", "Value": "b"}],
            "Image": IMAGE,
            "ImagePullCredentialsType": "CODEBUILD",
            "PrivilegedMode": True,
            "Type": "LINUX_CONTAINER",
        },
        "LogsConfig": {"CloudWatchLogs": {"GroupName": "/builds", "Status": "ENABLED", "StreamName": "x"}},
        "QueuedTimeoutInMinutes": 20,
        "ServiceRole": role,
        "Tags": [{"Key": "a", "Value": "b"}],
        "TimeoutInMinutes": 30,
    }


def settled(world: World, stack: str) -> str:
    client, deadline = world.client("cloudformation"), time.monotonic() + 30
    while True:
        status = str(client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        if status.endswith(("COMPLETE", "FAILED")) and "CLEANUP" not in status:
            return status
        assert time.monotonic() < deadline
        time.sleep(0.05)


def template(given: Document) -> str:
    project = {"Type": "AWS::CodeBuild::Project", "Properties": given}
    outputs = {"Name": {"Value": {"Ref": "Project"}}, "Arn": {"Value": {"Fn::GetAtt": ["Project", "Arn"]}}}
    return json.dumps({"Resources": {"Project": project}, "Outputs": outputs})


def deploy(world: World, given: Document, **options: Any) -> tuple[str, str]:
    """A stack with one project; its name and how it ended."""
    stack = f"stack-{uuid.uuid4().hex[:8]}"
    world.client("cloudformation").create_stack(StackName=stack, TemplateBody=template(given), **options)
    return stack, settled(world, stack)


def described(world: World, name: str) -> Document:
    found: Document = world.client("codebuild").batch_get_projects(names=[name])["projects"][0]
    return found


def reasons(world: World, stack: str) -> str:
    events = world.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return " ".join(str(event.get("ResourceStatusReason", "")) for event in events)


def deployer(world: World, *statements: Document) -> str:
    """A role that CloudFormation deploys with."""
    iam, name = world.client("iam"), f"deployer-{uuid.uuid4().hex[:8]}"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
    }
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"])
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(*statements))
    return arn


def test_every_property_of_the_cdks_project_is_kept(world: World) -> None:
    role = world.role()
    stack, status = deploy(world, properties(world, "kept", role))
    assert status == "CREATE_COMPLETE", reasons(world, stack)
    project = described(world, "kept")
    own = {"arn", "created", "lastModified", "badge", "projectVisibility"}
    project["tags"] = [tag for tag in project["tags"] if not tag["key"].startswith("aws:")]
    assert {name: value for name, value in project.items() if name not in own} == {
        "name": "kept",
        "description": "all of it",
        "source": {"type": "CODEPIPELINE", "buildspec": "{}"},
        "artifacts": {"type": "CODEPIPELINE"},
        "cache": {"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]},
        "concurrentBuildLimit": 3,
        "encryptionKey": world.key,
        "environment": {
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "A", "type": "PLAINTEXT", "value": "b"}],
            "image": IMAGE,
            "imagePullCredentialsType": "CODEBUILD",
            "privilegedMode": True,
            "type": "LINUX_CONTAINER",
        },
        "logsConfig": {"cloudWatchLogs": {"groupName": "/builds", "status": "ENABLED", "streamName": "x"}},
        "queuedTimeoutInMinutes": 20,
        "serviceRole": role,
        "tags": [{"key": "a", "value": "b"}],
        "timeoutInMinutes": 30,
    }


def test_a_template_refers_to_a_project_by_name_and_arn(world: World) -> None:
    stack, _ = deploy(world, properties(world, "referred", world.role()))
    outputs = world.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    assert {one["OutputKey"]: one["OutputValue"] for one in outputs} == {
        "Name": "referred",
        "Arn": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/referred",
    }


def test_an_update_changes_what_is_said_and_takes_away_what_is_not(world: World) -> None:
    given = properties(world, "updated", world.role())
    stack, _ = deploy(world, given)
    changed = {name: value for name, value in given.items() if name != "ConcurrentBuildLimit"} | {
        "TimeoutInMinutes": 31
    }
    world.client("cloudformation").update_stack(StackName=stack, TemplateBody=template(changed))
    assert settled(world, stack) == "UPDATE_COMPLETE"
    project = described(world, "updated")
    assert project["timeoutInMinutes"] == 31
    assert "concurrentBuildLimit" not in project


def test_a_deleted_stack_leaves_no_project(world: World) -> None:
    stack, _ = deploy(world, properties(world, "deleted", world.role()))
    client = world.client("cloudformation")
    stack_id = client.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=stack)
    assert settled(world, stack_id) == "DELETE_COMPLETE"
    assert world.client("codebuild").batch_get_projects(names=["deleted"])["projectsNotFound"] == ["deleted"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("VpcConfig", {"VpcId": "vpc-1"}, "vpcConfig is no part of the rehearsal's CodeBuild"),
        ("Source", {"Type": "GITHUB"}, "source.type GITHUB is no part of the rehearsal's CodeBuild"),
        ("Colour", "red", "AWS::CodeBuild::Project.Colour is no part of the rehearsal's CodeBuild"),
        ("Artifacts", {"Type": "NO_ARTIFACTS"}, "artifact type CODEPIPELINE"),
    ],
)
def test_what_a_project_cannot_be_is_refused_by_name(world: World, name: str, value: object, message: str) -> None:
    given = properties(world, f"refused-{name}", world.role()) | {name: value}
    stack, status = deploy(world, given)
    assert status == "ROLLBACK_COMPLETE"
    assert message in reasons(world, stack)


def test_a_stack_takes_the_project_and_the_role_that_is_passed(world: World) -> None:
    role = world.role()
    passing = allow("iam:PassRole", role) | {"Condition": PASSED}
    arn = deployer(world, allow(["codebuild:CreateProject"], "*"), passing)
    stack, status = deploy(world, properties(world, "passed", role), RoleARN=arn)
    assert status == "CREATE_COMPLETE", reasons(world, stack)


@pytest.mark.parametrize("missing", ["codebuild:CreateProject", "iam:PassRole"])
def test_a_stack_whose_role_may_not_fails_by_the_actions_name(world: World, missing: str) -> None:
    arn = deployer(world, {"Effect": "Allow", "NotAction": [missing], "Resource": "*"})
    stack, status = deploy(world, properties(world, f"missing-{missing[:3]}", world.role()), RoleARN=arn)
    assert status == "ROLLBACK_COMPLETE"
    assert f"is not authorized to perform: {missing}" in reasons(world, stack)


def test_an_operation_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(ClientError, match="codebuild:ListFleets is no part of the rehearsal's CodeBuild"):
        world.client("codebuild").list_fleets()


def test_a_project_that_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(ClientError) as error:
        world.start("nowhere")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_build_is_described_and_stopped_only_with_permission_for_its_project(world: World) -> None:
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": ["true"]}}})
    project = world.project(spec, role=world.role())
    build = world.ended(world.start(project))
    arn = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project"
    mine = world.as_role(allow(["codebuild:BatchGetBuilds", "codebuild:StopBuild"], f"{arn}/{project}"))
    other = world.as_role(allow(["codebuild:BatchGetBuilds", "codebuild:StopBuild"], f"{arn}/other"))
    assert mine.batch_get_builds(ids=[build["id"]])["builds"]
    mine.stop_build(id=build["id"])
    with pytest.raises(ClientError, match=f"codebuild:BatchGetBuilds on resource: .?{arn}/{project}"):
        other.batch_get_builds(ids=[build["id"]])
    with pytest.raises(ClientError, match=f"codebuild:StopBuild on resource: .?{arn}/{project}"):
        other.stop_build(id=build["id"])
