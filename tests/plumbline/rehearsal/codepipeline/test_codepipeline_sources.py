"""Source actions: connections, CodeCommit, S3; what starts a pipeline, and what a role must be allowed."""

from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.control import COMPLETE_CONNECTION, REPOSITORY_CHANGED
from tests.plumbline.rehearsal.codepipeline.world import (
    HOME,
    REGION,
    REPOSITORY,
    World,
    action,
    allow,
    approval,
    git,
    stage,
    zip_of,
)

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]


def head(world: World) -> str:
    return git(world.bare, "rev-parse", "main").strip()


def test_a_push_starts_the_pipelines_that_listen_with_the_commit_of_the_push(world: World, role: str) -> None:
    for name, listens in (("listening", "true"), ("deaf", "false")):
        stages = [world.source(DetectChanges=listens), approval()]
        world.client("codepipeline").create_pipeline(pipeline=world.declaration(name, role, stages))
    world.token("listening", "Approve")
    commit = world.commit("pushed.txt", "new")
    assert world.push() == [f"arn:aws:codepipeline:{REGION}:{HOME}:listening"]
    git(world.bare, "branch", "other", "main")
    assert world.push("other") == []
    first, second = reversed(world.executions("listening"))
    assert second["trigger"] == {"triggerType": "WebhookV2", "triggerDetail": world.connection}
    world.approve("listening", "Approve", "Ask")
    world.ended("listening", first["pipelineExecutionId"])
    world.token("listening", "Approve")
    assert world.executions("listening")[0]["sourceRevisions"][0]["revisionId"] == commit
    assert len(world.executions("deaf")) == 1


def test_the_door_for_pushes_is_shut_without_the_token_and_names_what_it_does_not_know(world: World) -> None:
    answer = world.ask(REPOSITORY_CHANGED, {"repository": "team/nobody", "branch": "main"})
    assert (answer.status_code, answer.json()) == (404, {"error": "no repository team/nobody"})
    stranger = httpx.post(
        f"{world.endpoint}{REPOSITORY_CHANGED}", json={"repository": REPOSITORY, "branch": "main"}, verify=False
    )
    assert stranger.status_code == 404


def test_a_clone_has_the_history(world: World, role: str) -> None:
    stages = [world.source(OutputArtifactFormat="CODEBUILD_CLONE_REF"), approval()]
    world.client("codepipeline").create_pipeline(pipeline=world.declaration("cloned", role, stages))
    world.token("cloned", "Approve")
    files = world.artifact("cloned", "Code")
    assert files[".git/HEAD"] == "ref: refs/heads/main\n"
    assert files["readme.txt"] == "hello"


def test_a_connection_that_nobody_has_completed_fails_the_source(world: World) -> None:
    client = world.client("codestar-connections")
    connection = client.create_connection(ConnectionName="pending", ProviderType="GitHub")["ConnectionArn"]
    assert connection.startswith(f"arn:aws:codestar-connections:{REGION}:{HOME}:connection/")
    use = allow(connection, "codestar-connections:UseConnection")
    role = world.pipeline_role("pending", [*world.artifact_statements(), use])
    name = "pending"
    _, ended = world.run(world.declaration(name, role, [world.source(ConnectionArn=connection), approval()]))
    assert ended["status"] == "Failed"
    assert world.error(name, "Checkout")["message"] == f"Connection {connection} is not available"
    assert world.ask(COMPLETE_CONNECTION, {"connection_arn": connection}).is_success
    assert client.get_connection(ConnectionArn=connection)["Connection"]["ConnectionStatus"] == "AVAILABLE"
    world.client("codepipeline").start_pipeline_execution(name=name)
    world.token(name, "Approve")


def test_a_role_that_may_not_use_the_connection_gets_nothing(world: World) -> None:
    role = world.pipeline_role("unconnected", world.artifact_statements())
    world.run(world.declaration("unconnected", role, [world.source(), approval()]))
    error = world.error("unconnected", "Checkout")
    assert error["code"] == "PermissionError"
    assert error["message"].startswith(
        f"Unable to use Connection: {world.connection}. The provided role does not have sufficient permissions."
    )


def test_a_connection_is_used_for_the_repository_that_the_policy_names_only(world: World) -> None:
    use = allow(world.connection, "codeconnections:UseConnection")
    use["Condition"] = {"StringEquals": {"codeconnections:FullRepositoryId": "team/other"}}
    role = world.pipeline_role("narrow", [*world.artifact_statements(), use])
    world.run(world.declaration("narrow", role, [world.source(), approval()]))
    assert world.error("narrow", "Checkout")["code"] == "PermissionError"


def test_a_branch_that_is_not_there_is_named(world: World, role: str) -> None:
    world.run(world.declaration("branchless", role, [world.source(BranchName="absent"), approval()]))
    message = world.error("branchless", "Checkout")["message"]
    assert message == f"No Branch [absent] found for FullRepositoryName [{REPOSITORY}]"


def test_an_artifact_that_the_role_may_not_write_fails_the_source_naming_role_and_action(world: World) -> None:
    role = world.pipeline_role("unstored", [allow(world.connection, "codeconnections:UseConnection")])
    world.run(world.declaration("unstored", role, [world.source(), approval()]))
    error = world.error("unstored", "Checkout")
    assert error["code"] == "PermissionError"
    assert "assumed-role/unstored/" in error["message"]
    assert "s3:PutObject" in error["message"]


def test_a_repository_in_codecommit_is_a_source(world: World) -> None:
    arn = f"arn:aws:codecommit:{REGION}:{HOME}:platform"
    may = [f"codecommit:{one}" for one in ("GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus")]
    role = world.pipeline_role("committed", [*world.artifact_statements(), allow(arn, *may)])
    told = {"RepositoryName": "platform", "BranchName": "main", "PollForSourceChanges": "false"}
    source = stage("Source", action("Checkout", "Source/CodeCommit", told, outputs=["Code"]))
    world.client("codepipeline").create_pipeline(pipeline=world.declaration("committed", role, [source, approval()]))
    world.token("committed", "Approve")
    variables = world.actions("committed")["Checkout"]["output"]["outputVariables"]
    assert (variables["CommitId"], variables["RepositoryName"]) == (head(world), "platform")
    assert world.artifact("committed", "Code")["readme.txt"] == "hello"


def test_codecommit_refuses_who_may_not_and_what_is_not_there(world: World) -> None:
    role = world.pipeline_role("uncommitted", world.artifact_statements())
    told = {"RepositoryName": "platform", "BranchName": "main"}
    source = stage("Source", action("Checkout", "Source/CodeCommit", told, outputs=["Code"]))
    world.run(world.declaration("uncommitted", role, [source, approval()]))
    assert "codecommit:GetBranch" in world.error("uncommitted", "Checkout")["message"]
    with pytest.raises(ClientError, match="BranchDoesNotExistException"):
        world.client("codecommit").get_branch(repositoryName="platform", branchName="absent")


def test_a_version_of_an_object_is_a_source(world: World) -> None:
    bucket, client = f"sources-{HOME}", world.client("s3")
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    may = allow([f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], "s3:GetObject*", "s3:GetBucket*")
    role = world.pipeline_role("objects", [*world.artifact_statements(), may])
    told = {"S3Bucket": bucket, "S3ObjectKey": "code.zip", "PollForSourceChanges": "false"}
    source = stage("Source", action("Checkout", "Source/S3", told, outputs=["Code"]))
    world.run(world.declaration("objects", role, [source, approval()]))
    assert "versioning" in world.error("objects", "Checkout")["message"]
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = client.put_object(Bucket=bucket, Key="code.zip", Body=zip_of("a.txt", "first"))["VersionId"]
    client.put_object(Bucket=bucket, Key="code.zip", Body=zip_of("a.txt", "second"))
    world.client("codepipeline").start_pipeline_execution(
        name="objects",
        sourceRevisions=[{"actionName": "Checkout", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": version}],
    )
    world.token("objects", "Approve")
    found = world.actions("objects")["Checkout"]["output"]["outputVariables"]
    assert (found["VersionId"], found["BucketName"], found["ObjectKey"]) == (version, bucket, "code.zip")
    assert world.artifact("objects", "Code") == {"a.txt": "first"}


def test_an_object_is_taken_from_another_key_only_where_the_action_allows_it(world: World) -> None:
    client = world.client("s3")
    bucket = f"keys-{HOME}"
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("code.zip", "other.zip"):
        client.put_object(Bucket=bucket, Key=key, Body=zip_of("a.txt", key))
    may = allow([f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], "s3:GetObject*", "s3:GetBucket*")
    role = world.pipeline_role("keys", [*world.artifact_statements(), may])
    told = {"S3Bucket": bucket, "S3ObjectKey": "code.zip", "PollForSourceChanges": "false"}
    pipelines = world.client("codepipeline")
    override = {"actionName": "Checkout", "revisionType": "S3_OBJECT_KEY", "revisionValue": "other.zip"}
    for name, allowed in (("keys-kept", {}), ("keys-open", {"AllowOverrideForS3ObjectKey": "true"})):
        source = stage("Source", action("Checkout", "Source/S3", told | allowed, outputs=["Code"]))
        world.run(world.declaration(name, role, [source, approval()]), until="InProgress")
    with pytest.raises(ClientError, match="Source action 'Checkout' does not allow to override its S3 object key"):
        pipelines.start_pipeline_execution(name="keys-kept", sourceRevisions=[override])
    pipelines.start_pipeline_execution(name="keys-open", sourceRevisions=[override])
    world.until(
        lambda: world.actions("keys-open")["Checkout"]["output"]["outputVariables"].get("ObjectKey") == "other.zip"
    )


def test_two_overrides_of_one_action_are_refused_by_name(world: World, role: str) -> None:
    world.run(world.declaration("overrides", role, [world.source(), approval()]), until="InProgress")
    override = {"actionName": "Checkout", "revisionType": "COMMIT_ID", "revisionValue": "a"}
    with pytest.raises(ClientError, match=r"overrides one thing of a source action \(Checkout\)"):
        world.client("codepipeline").start_pipeline_execution(name="overrides", sourceRevisions=[override, override])


def test_connections_are_listed_and_deleted(world: World) -> None:
    client = world.client("codeconnections")
    made = client.create_connection(ConnectionName="short-lived", ProviderType="Bitbucket")["ConnectionArn"]
    found = client.list_connections(ProviderTypeFilter="Bitbucket")["Connections"]
    assert [(one["ConnectionArn"], one["ConnectionStatus"]) for one in found] == [(made, "PENDING")]
    client.delete_connection(ConnectionArn=made)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_connection(ConnectionArn=made)
