"""What a person is told of a model's releases, and what an answer does."""

import datetime
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore.stub import ANY, Stubber

from plumbline.accounts.access import Client
from plumbline.configuration import Release, load_models, load_platform
from plumbline.errors import PlumblineError
from plumbline.releasing.releases import Releases, Waiting
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
TOKEN = "0b2a1f34-0000-4000-8000-000000000000"
WAITING = Waiting(execution="e2", token=TOKEN, says="flight_delays to production: version 2", link="https://console")


# One for all tests: it reads each service's model once.
_SESSION = boto3.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name="eu-west-1")


class Account:
    """One stubbed client a service."""

    def __init__(self) -> None:
        codepipeline, s3 = _SESSION.client("codepipeline"), _SESSION.client("s3")
        self._clients: dict[str, Client] = {"codepipeline": codepipeline, "s3": s3}
        self.pipelines, self.records = Stubber(codepipeline), Stubber(s3)
        self.pipelines.activate()
        self.records.activate()

    def client(self, service: str) -> Client:
        return self._clients[service]


@pytest.fixture
def names() -> Release:
    return load_platform(REFERENCE).release(load_models(ROOT)[0])


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def releases(account: Account, names: Release) -> Releases:
    return Releases(account, names, wait=lambda _: None)


def _state(execution: str, *, waits: bool) -> dict[str, object]:
    latest = {"status": "InProgress", "token": TOKEN} if waits else {"status": "Succeeded"}
    return {
        "stageStates": [
            {
                "stageName": "Approval",
                "latestExecution": {"pipelineExecutionId": execution, "status": "InProgress"},
                "actionStates": [{"actionName": "Approve", "latestExecution": latest}],
            }
        ]
    }


def _action(execution: str, stage: str, name: str, *, status: str = "Succeeded", **said: object) -> dict[str, object]:
    return {
        "pipelineExecutionId": execution,
        "actionExecutionId": f"{execution}-{name}",
        "stageName": stage,
        "actionName": name,
        "startTime": NOW,
        "status": status,
        **said,
    }


def _release(execution: str, version: int, *, deployed: str = "Succeeded") -> list[dict[str, object]]:
    """The newest first, as CodePipeline lists them."""
    said = {"outputVariables": {"Version": str(version)}}
    return [
        _action(execution, "Production", "Deploy", status=deployed),
        _action(execution, "Staging", "Verify", output=said),
    ]


def _asked(account: Account, execution: str) -> None:
    account.pipelines.add_response("get_pipeline_state", _state(execution, waits=True))
    asked = {"CustomData": WAITING.says, "ExternalEntityLink": WAITING.link}
    account.pipelines.add_response(
        "list_action_executions",
        {
            "actionExecutionDetails": [
                _action(execution, "Approval", "Approve", status="InProgress", input={"resolvedConfiguration": asked})
            ]
        },
    )


def _records(account: Account, *versions: int) -> None:
    keys = [f"releases/flight_delays/{version}/record.zip" for version in versions]
    account.records.add_response(
        "list_objects_v2",
        {"Contents": [{"Key": key} for key in [*keys, "releases/flight_delays/answers/e1.json"]]},
        {"Bucket": ANY, "Prefix": "releases/flight_delays/"},
    )


def _started(account: Account, version: int) -> None:
    account.pipelines.add_response(
        "start_pipeline_execution",
        {"pipelineExecutionId": "e3"},
        {
            "name": "plumbline-release-flight-delays",
            "sourceRevisions": [
                {
                    "actionName": "Record",
                    "revisionType": "S3_OBJECT_KEY",
                    "revisionValue": f"releases/flight_delays/{version}/record.zip",
                }
            ],
        },
    )


def test_a_release_that_waits_is_shown_with_what_it_says_and_its_record(account: Account, releases: Releases) -> None:
    _asked(account, "e2")
    assert releases.waiting() == WAITING


def test_nothing_that_waits_is_one_sentence(account: Account, releases: Releases) -> None:
    account.pipelines.add_response("get_pipeline_state", _state("e2", waits=False))
    with pytest.raises(PlumblineError, match=r"^no release of flight_delays waits for an answer"):
        releases.waiting()


@pytest.mark.parametrize(("approved", "status"), [(True, "Approved"), (False, "Rejected")])
def test_an_answer_bears_the_token_of_the_release_that_was_shown(
    account: Account, releases: Releases, approved: bool, status: str
) -> None:
    account.pipelines.add_response(
        "put_approval_result",
        {"approvedAt": NOW},
        {
            "pipelineName": "plumbline-release-flight-delays",
            "stageName": "Approval",
            "actionName": "Approve",
            "token": TOKEN,
            "result": {"summary": "it is good", "status": status},
        },
    )
    releases.answer(WAITING, approved=approved, because="it is good")
    account.pipelines.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"])
def test_of_two_answers_at_once_the_second_is_told_so(account: Account, releases: Releases, code: str) -> None:
    account.pipelines.add_client_error("put_approval_result", code)
    with pytest.raises(PlumblineError, match=r"^somebody has answered this release meanwhile"):
        releases.answer(WAITING, approved=True, because="so do I")


def test_a_longer_reason_than_codepipeline_keeps_is_refused_before_it_is_sent(releases: Releases) -> None:
    with pytest.raises(PlumblineError, match=r"^because: 513 characters; accepted: at most 512\.$"):
        releases.answer(WAITING, approved=True, because="x" * 513)


def test_a_rollback_starts_the_pipeline_at_the_version_that_production_had_before(
    account: Account, releases: Releases
) -> None:
    actions = [*_release("e4", 9, deployed="Failed"), *_release("e2", 2), *_release("e1", 1)]
    account.pipelines.add_response("list_action_executions", {"actionExecutionDetails": actions})
    _records(account, 1, 2, 9)
    _started(account, 1)
    assert releases.roll_back(None) == (1, "e3")


def test_going_back_twice_goes_forward_again(account: Account, releases: Releases) -> None:
    actions = [*_release("e3", 1), *_release("e2", 2), *_release("e1", 1)]
    account.pipelines.add_response("list_action_executions", {"actionExecutionDetails": actions})
    _records(account, 1, 2)
    _started(account, 2)
    assert releases.roll_back(None)[0] == 2


def test_a_rollback_to_a_version_takes_that_one(account: Account, releases: Releases) -> None:
    _records(account, 1, 2, 10)
    _started(account, 10)
    assert releases.roll_back(10) == (10, "e3")


def test_a_rollback_to_a_version_that_was_never_released_names_those_that_were(
    account: Account, releases: Releases
) -> None:
    _records(account, 10, 2)
    with pytest.raises(PlumblineError, match=r"^version 3 of flight_delays has no release record; accepted: 2, 10\.$"):
        releases.roll_back(3)


@pytest.mark.parametrize(
    ("actions", "said"),
    [([], "production has had none"), (_release("e1", 1), "production has version 1 and nothing before")],
    ids=["nothing", "one"],
)
def test_a_rollback_with_nothing_before_asks_for_the_version(
    account: Account, releases: Releases, actions: list[dict[str, object]], said: str
) -> None:
    account.pipelines.add_response("list_action_executions", {"actionExecutionDetails": actions})
    with pytest.raises(PlumblineError, match=said):
        releases.roll_back(None)


def test_breaking_the_glass_waits_for_its_own_release_and_no_other(account: Account, releases: Releases) -> None:
    _asked(account, "e2")
    account.pipelines.add_response(
        "get_pipeline_execution", {"pipelineExecution": {"pipelineExecutionId": "e3", "status": "InProgress"}}
    )
    _asked(account, "e3")
    told: list[str] = []
    assert releases.wait_for_question("e3", tell=told.append).execution == "e3"
    assert told == ["InProgress"]


def test_breaking_the_glass_ends_with_a_release_that_ends(account: Account, releases: Releases) -> None:
    account.pipelines.add_response("get_pipeline_state", _state("e3", waits=False))
    account.pipelines.add_response(
        "get_pipeline_execution", {"pipelineExecution": {"pipelineExecutionId": "e3", "status": "Failed"}}
    )
    with pytest.raises(PlumblineError, match="execution e3 of plumbline-release-flight-delays is Failed"):
        releases.wait_for_question("e3", tell=lambda _: None)


@pytest.mark.parametrize(
    "asks",
    [
        lambda releases: releases.waiting(),
        lambda releases: releases.wait_for_question("e3", tell=lambda _: None),
    ],
    ids=["waiting", "wait_for_question"],
)
def test_a_pipeline_that_is_not_there_is_one_sentence(
    account: Account, releases: Releases, asks: Callable[[Releases], object]
) -> None:
    account.pipelines.add_client_error("get_pipeline_state", "PipelineNotFoundException")
    with pytest.raises(PlumblineError, match=r"^there is no pipeline plumbline-release-flight-delays in account"):
        asks(releases)


def test_a_caller_who_may_not_is_told_what_is_lacking(account: Account, releases: Releases) -> None:
    account.pipelines.add_client_error(
        "put_approval_result",
        "AccessDeniedException",
        "User: x is not authorized to perform: codepipeline:PutApprovalResult on resource: y",
    )
    with pytest.raises(PlumblineError, match="codepipeline:PutApprovalResult"):
        releases.answer(WAITING, approved=True, because="yes")


def _status(account: Account, status: str) -> None:
    account.pipelines.add_response(
        "get_pipeline_execution", {"pipelineExecution": {"pipelineExecutionId": "e3", "status": status}}
    )


def test_breaking_the_glass_ends_when_production_has_the_version(account: Account, releases: Releases) -> None:
    for status in ("InProgress", "InProgress", "Succeeded"):
        _status(account, status)
    told: list[str] = []
    releases.wait_for_end("e3", tell=told.append)
    assert told == ["InProgress"]
    account.pipelines.assert_no_pending_responses()


def test_a_release_that_fails_after_its_approval_says_which_action_failed_and_why(
    account: Account, releases: Releases
) -> None:
    _status(account, "Failed")
    failed = {"executionResult": {"errorDetails": {"code": "JobFailed", "message": "the image is gone"}}}
    account.pipelines.add_response(
        "list_action_executions",
        {"actionExecutionDetails": [_action("e3", "Production", "Copy", status="Failed", output=failed)]},
    )
    with pytest.raises(PlumblineError, match=r"e3 of .* is Failed: Production/Copy: the image is gone\.$"):
        releases.wait_for_end("e3", tell=lambda _: None)
