"""What lies in the queue of failed events, and what becomes of it."""

import datetime
import io
import json
from pathlib import Path
from typing import Any, cast

import hypothesis
import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st

from functions.retraining_governor import index
from plumbline.accounts.access import Client
from plumbline.configuration import Deployment, Environment, load_platform
from plumbline.errors import PlumblineError
from plumbline.replaying.inputs import told
from plumbline.replaying.letters import letter
from plumbline.replaying.replay import Clients, Replayed, replay
from tests.functions import governing
from tests.functions.governing import NOON, Cloud, conform, refusal

ROOT = Path(__file__).resolve().parents[3]
Document = dict[str, Any]
SENT = NOON + datetime.timedelta(hours=2)
TEMPLATE = (
    '{"source": "plumbline", "detail-type": "Retraining Requested", "account": "222222222222", '
    '"time": <aws.events.event.ingestion-time>, "detail": <detail>}'
)


@pytest.fixture(scope="module")
def staging() -> Deployment:
    return load_platform(ROOT).deployment(Environment.STAGING)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = governing.cloud()
    made.use(monkeypatch)
    return made


class Account:
    """The queue, the rules and the functions of staging, in memory; requests are held against the models.

    Attributes:
        messages: What lies in the queue.
        targets: The targets of rules, by bus and name.
        asked: What was asked, in order.
        fails: What functions answer with instead of the governor; None lets the governor answer.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.meta = type("Meta", (), {"endpoint_url": "https://sqs.eu-west-1.amazonaws.com"})
        self.messages: list[Document] = []
        self.targets: dict[tuple[str, str], list[Document]] = {}
        self.asked: list[tuple[str, Document]] = []
        self.fails: Document | ClientError | None = None
        self.hidden: set[str] = set()

    def clients(self) -> Clients:
        here = cast("Client", self)
        return Clients(sqs=here, events=here, functions=here)

    def put(self, body: object, **attributes: str) -> None:
        number = str(len(self.messages))
        self.messages.append(
            {
                "MessageId": number,
                "ReceiptHandle": f"receipt-{number}",
                "Body": body if isinstance(body, str) else json.dumps(body),
                "Attributes": {"SentTimestamp": str(int(SENT.timestamp() * 1_000))},
                "MessageAttributes": {
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            }
        )

    def undelivered(self, event: Document, rule: str, function: str, *, bus: str = "") -> None:
        """Puts what EventBridge could not deliver."""
        self.put(
            event,
            RULE_ARN=self._deployment.arn("events", f"rule/{f'{bus}/' if bus else ''}{rule}"),
            TARGET_ARN=self._deployment.arn("lambda", f"function:{function}"),
            ERROR_CODE="NO_PERMISSIONS",
            ERROR_MESSAGE="not allowed",
        )

    def receive_message(self, **request: Any) -> Document:
        self._take("sqs", "receive_message", request)
        shown = [one for one in self.messages if one["MessageId"] not in self.hidden][: request["MaxNumberOfMessages"]]
        self.hidden |= {one["MessageId"] for one in shown}
        return {"Messages": shown} if shown else {}

    def delete_message(self, **request: Any) -> Document:
        self._take("sqs", "delete_message", request)
        self.messages = [one for one in self.messages if one["ReceiptHandle"] != request["ReceiptHandle"]]
        return {}

    def list_targets_by_rule(self, **request: Any) -> Document:
        self._take("events", "list_targets_by_rule", request)
        return {"Targets": self.targets.get((request["EventBusName"], request["Rule"]), [])}

    def invoke(self, **request: Any) -> Document:
        self._take("lambda", "invoke", request)
        if isinstance(self.fails, ClientError):
            raise self.fails
        if self.fails is not None:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(self.fails).encode())}
        said = index.handler(json.loads(request["Payload"]), None)
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(said).encode())}

    def operations(self) -> list[str]:
        return [name for name, _ in self.asked if name != "receive_message"]

    def _take(self, service: str, operation: str, request: Document) -> None:
        conform(service, operation, request, "input")
        if "QueueUrl" in request:
            assert request["QueueUrl"] == (
                "https://sqs.eu-west-1.amazonaws.com/222222222222/plumbline-staging-events-failed"
            )
        self.asked.append((operation, request))


@pytest.fixture
def account(staging: Deployment) -> Account:
    return Account(staging)


def through(account: Account, staging: Deployment, *, dry: bool = False) -> list[Replayed]:
    seen: list[Replayed] = []
    found = replay(account.clients(), deployment=staging, dry=dry, tell=seen.append)
    assert seen == found
    return found


def test_an_empty_queue_has_nothing_to_call_with(account: Account, staging: Deployment) -> None:
    assert through(account, staging) == []


def test_what_a_function_could_not_handle_it_is_called_with_again_and_deleted_then(
    cloud: Cloud, account: Account, staging: Deployment
) -> None:
    account.put(governing.alarm(), RequestID="1", ErrorCode="200", ErrorMessage="no dataset\n of it")
    (became,) = through(account, staging)
    assert (became.target, became.rule, became.error) == (
        "plumbline-staging-retraining-governor",
        "",
        "200: no dataset of it",
    )
    assert (became.sent, became.done) == ("2026-11-28T14:00:00+00:00", True)
    assert became.said.endswith(f"has started {cloud.started()[0]['PipelineExecutionArn']}")
    assert (account.messages, account.operations()) == ([], ["invoke", "delete_message"])


@pytest.mark.usefixtures("cloud")
def test_a_record_of_a_destination_says_itself_which_function_it_is_of(account: Account, staging: Deployment) -> None:
    arn = staging.arn("lambda", "function:plumbline-staging-account-guard:$LATEST")
    account.put(
        {
            "requestContext": {"functionArn": arn, "condition": "RetriesExhausted"},
            "requestPayload": {"detail": {}},
            "responsePayload": {"errorType": "KeyError", "errorMessage": "stack-id"},
        }
    )
    (became,) = through(account, staging, dry=True)
    assert (became.target.partition(":")[0], became.error, became.said) == (
        "plumbline-staging-account-guard",
        "KeyError: stack-id",
        "would call plumbline-staging-account-guard",
    )


@pytest.mark.parametrize(
    ("call", "function"),
    [
        ({"model": "m", "time": "t", "every": "day", "labelsAfterHours": 3}, "monitor-window"),
        ({"model": "m", "window": "w", "windowsToAlarm": 2, "evaluationWindows": 3}, "metrics-publisher"),
        ({"model": "m", "schedules": {}, "windowsToAlarm": 2, "evaluationWindows": 3}, "managed-publisher"),
        (governing.event("aws.cloudformation", "CloudFormation Stack Status Change", {}), "account-guard"),
    ],
)
def test_which_function_has_failed_follows_from_what_it_was_called_with(
    account: Account, staging: Deployment, call: Document, function: str
) -> None:
    account.put(call, RequestID="1", ErrorCode="200", ErrorMessage="x")
    (became,) = through(account, staging, dry=True)
    assert became.said == f"would call plumbline-staging-{function}"


def test_a_dry_run_calls_and_deletes_nothing(account: Account, staging: Deployment) -> None:
    for number in range(23):
        account.put(governing.alarm(time=NOON + datetime.timedelta(hours=number)), RequestID=str(number))
    found = through(account, staging, dry=True)
    assert {one.said for one in found} == {"would call plumbline-staging-retraining-governor"}
    assert (len(found), len(account.messages), account.operations()) == (23, 23, [])


def test_what_was_not_delivered_is_told_as_its_rule_tells_it_with_the_time_at_which_it_came(
    cloud: Cloud, account: Account, staging: Deployment
) -> None:
    function = "plumbline-staging-retraining-governor"
    arn = staging.arn("lambda", f"function:{function}")
    account.targets[staging.event_bus, "plumbline-staging-governor-request"] = [
        {"Id": "Other", "Arn": "arn:other"},
        {
            "Id": "Function",
            "Arn": arn,
            "InputTransformer": {"InputPathsMap": {"detail": "$.detail"}, "InputTemplate": TEMPLATE},
        },
    ]
    far = governing.request(time=datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC))
    account.undelivered(far, "plumbline-staging-governor-request", function, bus=staging.event_bus)
    (became,) = through(account, staging)
    assert (became.rule, became.error, became.done) == (
        "plumbline-staging-governor-request",
        "NO_PERMISSIONS: not allowed",
        True,
    )
    assert cloud.decisions("flight_delays")[0]["time"] == "2026-11-28T14:00:00.000000+00:00"


def test_what_was_not_delivered_and_is_told_as_it_is_goes_as_it_is(
    cloud: Cloud, account: Account, staging: Deployment
) -> None:
    function = "plumbline-staging-retraining-governor"
    arn = staging.arn("lambda", f"function:{function}")
    account.targets["default", "plumbline-staging-governor-dataset"] = [{"Id": "Function", "Arn": arn}]
    account.undelivered(governing.dataset(), "plumbline-staging-governor-dataset", function)
    assert [one.done for one in through(account, staging)] == [True]
    assert cloud.decisions("flight_delays")[0]["kind"] == "data"


@pytest.mark.usefixtures("cloud")
def test_a_function_that_fails_again_leaves_its_message_and_the_next_is_called_all_the_same(
    account: Account, staging: Deployment
) -> None:
    account.put(governing.alarm("unknown"), RequestID="1", ErrorCode="200", ErrorMessage="x")
    account.put(governing.alarm(), RequestID="2", ErrorCode="200", ErrorMessage="x")
    answered: list[Document] = []
    own = account.invoke

    def invoke(**request: Any) -> Document:
        account.fails = None if answered else {"errorType": "RefusedError", "errorMessage": "there are no settings"}
        answered.append(request)
        return own(**request)

    account.invoke = invoke  # type: ignore[method-assign]
    first, second = through(account, staging)
    assert (first.done, first.said, second.done) == (False, "stays: there are no settings", True)
    assert [one["MessageId"] for one in account.messages] == ["0"]


def test_a_function_that_is_busy_or_may_not_be_called_leaves_its_message(account: Account, staging: Deployment) -> None:
    account.put(governing.alarm(), RequestID="1")
    account.fails = refusal("TooManyRequestsException", "Invoke")
    (became,) = through(account, staging)
    assert not became.done
    assert became.said.startswith("stays: ")
    assert len(account.messages) == 1


STAYS = {
    "no function of the environment is called with it": ("no JSON", {"RequestID": "1"}),
    "no function of the environment is called with it ": ({"source": "aws.ec2", "detail-type": "x"}, {}),
    "its target arn:aws:events:eu-west-1:222222222222:event-bus/x is no function of plumbline-staging": (
        governing.alarm(),
        {"RULE_ARN": "r", "TARGET_ARN": "arn:aws:events:eu-west-1:222222222222:event-bus/x"},
    ),
    "its target arn:aws:lambda:eu-west-1:222222222222:function:other is no function of plumbline-staging": (
        governing.alarm(),
        {"RULE_ARN": "r", "TARGET_ARN": "arn:aws:lambda:eu-west-1:222222222222:function:other"},
    ),
    "its body is no JSON object": (
        "[]",
        {"RULE_ARN": "r", "TARGET_ARN": "arn:aws:lambda:eu-west-1:222222222222:function:plumbline-staging-x"},
    ),
    "the rule gone has no such target any more": (
        governing.alarm(),
        {
            "RULE_ARN": "arn:aws:events:eu-west-1:222222222222:rule/gone",
            "TARGET_ARN": "arn:aws:lambda:eu-west-1:222222222222:function:plumbline-staging-x",
        },
    ),
}


@pytest.mark.parametrize("sentence", STAYS)
@pytest.mark.parametrize("dry", [True, False])
def test_what_is_for_no_function_stays_and_says_so(
    account: Account, staging: Deployment, sentence: str, dry: bool
) -> None:
    body, attributes = STAYS[sentence]
    account.put(body, **attributes)
    (became,) = through(account, staging, dry=dry)
    assert (became.done, became.said) == (False, f"stays: {sentence.strip()}")
    assert {"invoke", "delete_message"} & {*account.operations()} == set()


@pytest.mark.usefixtures("cloud")
def test_a_message_that_cannot_be_deleted_is_named_and_does_no_harm(
    cloud: Cloud, account: Account, staging: Deployment
) -> None:
    account.put(governing.alarm(), RequestID="1")

    def refuse(**_request: Any) -> Document:
        raise refusal("AccessDenied", "DeleteMessage")

    own, account.delete_message = account.delete_message, refuse  # type: ignore[method-assign]
    assert [one.done for one in through(account, staging)] == [False]
    account.delete_message = own  # type: ignore[method-assign]
    account.hidden.clear()
    assert [one.done for one in through(account, staging)] == [True]
    assert len(cloud.started()) == 1


def test_a_queue_that_may_not_be_read_is_one_sentence(account: Account, staging: Deployment) -> None:
    def refuse(**_request: Any) -> Document:
        raise refusal("AccessDenied", "ReceiveMessage")

    account.receive_message = refuse  # type: ignore[method-assign]
    with pytest.raises(PlumblineError, match=r"^the queue plumbline-staging-events-failed cannot be read: "):
        through(account, staging)


def test_a_message_that_comes_again_during_a_run_is_not_called_with_again(
    account: Account, staging: Deployment
) -> None:
    account.put(governing.alarm("unknown"), RequestID="1")
    account.fails = {"errorMessage": "no"}
    own = account.receive_message

    def forget(**request: Any) -> Document:
        account.hidden.clear()
        return own(**request)

    account.receive_message = forget  # type: ignore[method-assign]
    assert len(through(account, staging)) == 1


# What a rule tells


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ({"InputPath": "$.detail"}, "its rule tells a part of the event by a path"),
        ({"Input": "{"}, "what its rule tells is no JSON"),
        ({"Input": "[]"}, "what its rule tells is no JSON object"),
        ({"InputTransformer": {"InputTemplate": '{"a": <b>}'}}, "its rule tells <b>, which is not known here"),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.detail.nothing"}, "InputTemplate": "{}"}},
            r"the event has no \$\.detail\.nothing, which its rule tells",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(target: Document, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        told(target, governing.alarm(), rule_arn="r", taken_in=SENT)


def test_a_constant_is_told_as_it_is() -> None:
    assert told({"Input": '{"a": 1}'}, governing.alarm(), rule_arn="r", taken_in=SENT) == {"a": 1}


@hypothesis.given(reason=st.text(), name=st.text(alphabet="<>abc.", max_size=30))
def test_whatever_an_event_says_is_told_and_read_back_as_it_was(reason: str, name: str) -> None:
    detail = {"reason": reason, name: f"<{name}> <detail>"}
    event = governing.event("plumbline", "Retraining Requested", detail)
    transformer = {"InputPathsMap": {"detail": "$.detail"}, "InputTemplate": TEMPLATE}
    made = told({"InputTransformer": transformer}, event, rule_arn="r", taken_in=SENT)
    assert (made["detail"], made["time"]) == (detail, "2026-11-28T14:00:00Z")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@hypothesis.given(
    body=st.text() | JSON.map(json.dumps) | st.fixed_dictionaries({"requestContext": JSON, "requestPayload": JSON}),
    attributes=st.dictionaries(st.sampled_from(["RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ErrorMessage"]), st.text()),
)
def test_no_message_is_too_odd_to_be_named(body: object, attributes: dict[str, str]) -> None:
    staging = load_platform(ROOT).deployment(Environment.STAGING)
    account = Account(staging)
    account.put(body, **attributes)
    found = letter(account.messages[0], staging)
    with pytest.raises(ValueError, match=r"^\S.*"):
        found.call(staging, lambda _bus, _rule: [])
