"""The API as boto3 speaks to it: what it answers, refuses, and decides."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.plumbline.rehearsal.codepipeline.world import (
    AWAY,
    HOME,
    REGION,
    World,
    action,
    allow,
    approval,
    stage,
)

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]


@pytest.fixture(scope="module")
def waiting(world: World, role: str) -> str:
    """A pipeline whose first execution waits for an approval."""
    world.client("codepipeline").create_pipeline(
        pipeline=world.declaration("waiting", role, [world.source(), approval()]),
        tags=[{"key": "team", "value": "platform"}],
    )
    world.token("waiting", "Approve")
    return "waiting"


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_pipeline_is_read_as_it_was_made(world: World, waiting: str, role: str) -> None:
    found = world.client("codepipeline").get_pipeline(name=waiting)
    assert found["metadata"]["pipelineArn"] == f"arn:aws:codepipeline:{REGION}:{HOME}:{waiting}"
    made = found["pipeline"]
    assert (made["version"], made["executionMode"], made["roleArn"]) == (1, "SUPERSEDED", role)
    assert made["stages"][0]["actions"][0]["runOrder"] == 1


def test_a_pipeline_starts_when_it_is_made(world: World, waiting: str) -> None:
    first = world.executions(waiting)[-1]
    assert first["trigger"]["triggerType"] == "CreatePipeline"
    assert json.loads(first["sourceRevisions"][0]["revisionSummary"]) == {
        "ProviderType": "GitHub",
        "CommitMessage": "Begin the platform\n\nWith all of it.",
    }


def test_a_pipelines_state_is_told_stage_by_stage(world: World, waiting: str) -> None:
    source, asked = world.state_of(waiting, "Source"), world.state_of(waiting, "Approve")
    assert source["latestExecution"]["status"] == "Succeeded"
    assert source["actionStates"][0]["currentRevision"]["revisionId"]
    assert asked["inboundTransitionState"] == {"enabled": True}
    assert asked["actionStates"][0]["latestExecution"]["status"] == "InProgress"


def test_a_source_has_the_variables_that_aws_documents(world: World, waiting: str) -> None:
    variables = world.actions(waiting)["Checkout"]["output"]["outputVariables"]
    assert variables["BranchName"] == "main"
    assert variables["ConnectionArn"] == world.connection
    assert variables["FullRepositoryName"] == "team/platform"
    assert variables.keys() == {
        *("AuthorDate", "BranchName", "CommitId", "CommitMessage", "ConnectionArn", "FullRepositoryName")
    }


def test_tags_come_and_go(world: World, waiting: str) -> None:
    client, arn = world.client("codepipeline"), f"arn:aws:codepipeline:{REGION}:{HOME}:{waiting}"
    client.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "one"}])
    client.untag_resource(resourceArn=arn, tagKeys=["stage"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "platform"}]


def test_pipelines_are_listed_in_their_account_only(world: World, waiting: str) -> None:
    assert waiting in [one["name"] for one in world.client("codepipeline").list_pipelines()["pipelines"]]
    assert world.client("codepipeline", account=AWAY).list_pipelines()["pipelines"] == []


def test_an_absent_pipeline_is_named_in_the_words_of_aws(world: World) -> None:
    with pytest.raises(ClientError, match=f"Account '{HOME}' does not have a pipeline with name 'absent'") as raised:
        world.client("codepipeline").get_pipeline(name="absent")
    assert code(raised) == "PipelineNotFoundException"


def test_a_name_is_taken_once(world: World, waiting: str, role: str) -> None:
    with pytest.raises(ClientError, match=f"A pipeline with the name '{waiting}' already exists") as raised:
        world.client("codepipeline").create_pipeline(
            pipeline=world.declaration(waiting, role, [world.source(), approval()])
        )
    assert code(raised) == "PipelineNameInUseException"


def test_a_role_that_does_not_trust_codepipeline_makes_no_pipeline(world: World) -> None:
    stranger = world.role("stranger", [], trust={"Principal": {"Service": "lambda.amazonaws.com"}})
    with pytest.raises(ClientError, match=f"CodePipeline is not authorized to perform AssumeRole on role {stranger}"):
        world.client("codepipeline").create_pipeline(
            pipeline=world.declaration("untrusted", stranger, [world.source(), approval()])
        )


def test_a_role_for_another_pipeline_makes_none(world: World) -> None:
    trust = {
        "Principal": {"Service": "codepipeline.amazonaws.com"},
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:codepipeline:{REGION}:{HOME}:other"}},
    }
    with pytest.raises(ClientError, match="not authorized to perform AssumeRole"):
        world.client("codepipeline").create_pipeline(
            pipeline=world.declaration("confused", world.role("other", [], trust=trust), [world.source(), approval()])
        )


def test_an_operation_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(ClientError, match="codepipeline:ListWebhooks is not part of the rehearsal's CodePipeline"):
        world.client("codepipeline").list_webhooks()


def test_a_wrong_token_and_a_second_answer_are_refused(world: World, role: str) -> None:
    name = "answered"
    world.client("codepipeline").create_pipeline(
        pipeline=world.declaration(name, role, [world.source(), approval(), approval("Again")])
    )
    token = world.token(name, "Approve")

    def answer(given: str) -> None:
        world.client("codepipeline").put_approval_result(
            pipelineName=name,
            stageName="Approve",
            actionName="Ask",
            result={"summary": "yes", "status": "Approved"},
            token=given,
        )

    with pytest.raises(ClientError, match="The approval request already received a response or has expired") as raised:
        answer(str(uuid.uuid4()))
    assert code(raised) == "InvalidApprovalTokenException"
    answer(token)
    with pytest.raises(ClientError, match="The approval action has already been approved or rejected") as raised:
        answer(token)
    assert code(raised) == "ApprovalAlreadyCompletedException"


def test_a_rejection_fails_the_stage_and_names_who_rejected(world: World, role: str) -> None:
    name = "rejected"
    world.client("codepipeline").create_pipeline(pipeline=world.declaration(name, role, [world.source(), approval()]))
    world.approve(name, "Approve", "Ask", status="Rejected")
    ended = world.ended(name, world.executions(name)[0]["pipelineExecutionId"])
    assert ended["status"] == "Failed"
    assert world.error(name, "Ask") == {"code": "JobFailed", "message": "seen"}
    told = world.state_of(name, "Approve")["actionStates"][0]["latestExecution"]
    assert told["lastUpdatedBy"] == f"arn:aws:iam::{HOME}:root"


def test_an_approver_answers_the_action_that_the_policy_names_and_no_other(world: World, waiting: str) -> None:
    arn = f"arn:aws:codepipeline:{REGION}:{HOME}:{waiting}"
    trust = {"Principal": {"AWS": f"arn:aws:iam::{HOME}:root"}}
    world.role("other-approver", [allow(f"{arn}/Other/Ask", "codepipeline:PutApprovalResult")], trust=trust)
    world.role("approver", [allow(f"{arn}/Approve/Ask", "codepipeline:PutApprovalResult")], trust=trust)
    request = {
        "pipelineName": waiting,
        "stageName": "Approve",
        "actionName": "Ask",
        "result": {"summary": "no", "status": "Rejected"},
        "token": str(uuid.uuid4()),
    }
    with pytest.raises(ClientError, match=f'codepipeline:PutApprovalResult on resource: "{arn}/Approve/Ask') as raised:
        world.role_client("codepipeline", "other-approver").put_approval_result(**request)
    assert code(raised) == "AccessDeniedException"
    with pytest.raises(ClientError) as raised:
        world.role_client("codepipeline", "approver").put_approval_result(**request)
    assert code(raised) == "InvalidApprovalTokenException"


def test_who_makes_a_pipeline_must_pass_its_role_and_its_connection(world: World, role: str) -> None:
    trust = {"Principal": {"AWS": f"arn:aws:iam::{HOME}:root"}}
    own = allow("*", "codepipeline:CreatePipeline")
    world.role("maker", [own], trust=trust)
    world.role("passer", [own, allow(role, "iam:PassRole")], trust=trust)
    made = world.declaration("passed", role, [world.source(), approval()])
    with pytest.raises(ClientError, match=f'iam:PassRole on resource: "{role}'):
        world.role_client("codepipeline", "maker").create_pipeline(pipeline=made)
    with pytest.raises(ClientError, match=f'codeconnections:PassConnection on resource: "{world.connection}'):
        world.role_client("codepipeline", "passer").create_pipeline(pipeline=made)


def test_an_execution_takes_the_revision_and_the_variables_that_it_is_told(world: World, role: str) -> None:
    name, client = "told", world.client("codepipeline")
    first = world.executions("waiting")[-1]["sourceRevisions"][0]["revisionId"]
    world.commit("told.txt", "more")
    ask = approval(configuration={"CustomData": "#{variables.Who}"})
    declared = [{"name": "Who", "defaultValue": "nobody"}]
    client.create_pipeline(pipeline=world.declaration(name, role, [world.source(), ask], variables=declared))
    world.token(name, "Approve")
    client.stop_pipeline_execution(
        pipelineName=name, pipelineExecutionId=world.executions(name)[0]["pipelineExecutionId"], abandon=True
    )
    started = client.start_pipeline_execution(
        name=name,
        variables=[{"name": "Who", "value": "you"}],
        sourceRevisions=[{"actionName": "Checkout", "revisionType": "COMMIT_ID", "revisionValue": first}],
        clientRequestToken="x" * 32,
    )["pipelineExecutionId"]
    world.token(name, "Approve")
    view = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=started)["pipelineExecution"]
    assert view["artifactRevisions"][0]["revisionId"] == first
    assert view["variables"] == [{"name": "Who", "resolvedValue": "you"}]
    assert world.actions(name)["Ask"]["input"]["resolvedConfiguration"] == {"CustomData": "you"}
    again = client.start_pipeline_execution(name=name, clientRequestToken="x" * 32)["pipelineExecutionId"]
    assert again == started


def test_a_variable_that_is_not_declared_is_refused(world: World, waiting: str) -> None:
    with pytest.raises(ClientError, match=f"Pipeline '{waiting}' does not have a variable 'Who'"):
        world.client("codepipeline").start_pipeline_execution(name=waiting, variables=[{"name": "Who", "value": "you"}])


def test_executions_and_actions_are_listed_page_by_page(world: World, role: str) -> None:
    name, client = "paged", world.client("codepipeline")
    client.create_pipeline(pipeline=world.declaration(name, role, [world.source(), approval()]))
    world.token(name, "Approve")
    client.start_pipeline_execution(name=name)
    first = client.list_pipeline_executions(pipelineName=name, maxResults=1)
    second = client.list_pipeline_executions(pipelineName=name, maxResults=1, nextToken=first["nextToken"])
    triggers = [page["pipelineExecutionSummaries"][0]["trigger"]["triggerType"] for page in (first, second)]
    assert triggers == ["StartPipelineExecution", "CreatePipeline"]
    with pytest.raises(ClientError) as raised:
        client.list_pipeline_executions(pipelineName=name, nextToken="nonsense")
    assert code(raised) == "InvalidNextTokenException"


def test_a_job_of_another_account_is_not_found(world: World) -> None:
    with pytest.raises(ClientError) as raised:
        world.client("codepipeline", account=AWAY).put_job_success_result(jobId=str(uuid.uuid4()))
    assert code(raised) == "JobNotFoundException"


def test_a_deleted_pipeline_is_gone_and_deleting_it_again_is_no_error(world: World, role: str) -> None:
    client = world.client("codepipeline")
    made = world.declaration("gone", role, [world.source(), stage("Ask", action("Ask", "Approval/Manual"))])
    client.create_pipeline(pipeline=made)
    client.delete_pipeline(name="gone")
    client.delete_pipeline(name="gone")
    with pytest.raises(ClientError, match="does not have a pipeline"):
        client.get_pipeline_state(name="gone")
