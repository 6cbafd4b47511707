"""What the governor has written is what people are shown, and what they ask is what it hears."""

import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.retraining_governor import index
from plumbline.configuration import Deployment, Model, load_models, load_platform
from plumbline.errors import PlumblineError
from plumbline.retraining.decisions import Standing, standing
from plumbline.retraining.requests import request
from tests.functions import governing
from tests.functions.governing import NOON, Cloud

ROOT = Path(__file__).resolve().parents[3]
Document = dict[str, Any]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = governing.cloud()
    made.use(monkeypatch)
    return made


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    return load_platform(ROOT).governing


@pytest.fixture(scope="module")
def model() -> Model:
    (found,) = load_models(ROOT)
    return found


def shown(deployment: Deployment, model: Model, *, most: int = 20) -> Standing:
    return standing(boto3.client("dynamodb"), deployment=deployment, model=model, most=most)


@pytest.mark.usefixtures("cloud")
def test_before_any_signal_nothing_was_decided(deployment: Deployment, model: Model) -> None:
    assert shown(deployment, model) == Standing(in_flight="", failures=0, stopped="", decisions=())


def test_a_run_in_flight_is_shown_with_the_decision_that_started_it(
    cloud: Cloud, deployment: Deployment, model: Model
) -> None:
    index.handler(governing.alarm(), None)
    found = shown(deployment, model)
    (execution,) = cloud.executions
    assert found.in_flight == execution
    (decision,) = found.decisions
    assert (decision.kind, decision.verdict, decision.brake) == ("drift", "started", "")
    assert (decision.execution, decision.dataset) == (execution, "one")


def test_the_newest_decision_comes_first_and_says_what_held_it_back(
    cloud: Cloud, deployment: Deployment, model: Model
) -> None:
    index.handler(governing.alarm(), None)
    index.handler(governing.request(time=NOON + timedelta(minutes=1)), None)
    newest, oldest = shown(deployment, model).decisions
    assert (newest.kind, newest.verdict, newest.brake) == ("person", "refused", "in flight")
    assert newest.why
    assert oldest.kind == "drift"
    assert len(shown(deployment, model, most=1).decisions) == 1
    assert cloud.executions


def test_a_model_that_was_stopped_is_shown_as_that(cloud: Cloud, deployment: Deployment, model: Model) -> None:
    cloud.govern("flight_delays", failures=1)
    index.handler(governing.alarm(), None)
    cloud.now = NOON + timedelta(hours=1)
    index.handler(cloud.finish(cloud.started()[-1], "Failed"), None)
    found = shown(deployment, model)
    assert (found.in_flight, found.failures) == ("", 1)
    assert found.stopped.startswith("2026-11-28T13:00")


def test_who_may_not_read_is_told_so(deployment: Deployment, model: Model) -> None:
    class Closed:
        def query(self, **_request: Any) -> Document:
            error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "you may not"}}
            raise ClientError(error, "Query")

    with pytest.raises(PlumblineError, match=r"^the decisions on flight_delays cannot be read: .*you may not"):
        standing(cast("Any", Closed()), deployment=deployment, model=model, most=1)


class Bus:
    """The bus: hands the governor what it gets."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused
        self.got: list[Document] = []

    def put_events(self, *, Entries: list[Document]) -> Document:  # noqa: N803 - as boto3 names it
        self.got += Entries
        if self.refused:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x", "ErrorMessage": self.refused}]}
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


def test_a_request_is_one_that_the_governor_takes(cloud: Cloud, deployment: Deployment, model: Model) -> None:
    bus: Any = Bus()
    asked = request(bus, deployment=deployment, model=model, because="new labels", resume=False)
    (entry,) = bus.got
    assert entry["EventBusName"] == deployment.event_bus_arn
    event = governing.event(entry["Source"], entry["DetailType"], json.loads(entry["Detail"]))
    index.handler(event, None)
    (record,) = cloud.decisions("flight_delays")
    assert (record["signal"], record["reason"], record["verdict"]) == (f"person/{asked}", "new labels", "started")


def test_each_request_is_another(deployment: Deployment, model: Model) -> None:
    bus: Any = Bus()
    asked = {request(bus, deployment=deployment, model=model, because="again", resume=False) for _ in range(2)}
    assert len(asked) == 2


@pytest.mark.parametrize("because", ["", "  ", "x" * 1_001])
def test_a_request_says_why(deployment: Deployment, model: Model, because: str) -> None:
    bus: Any = Bus()
    with pytest.raises(PlumblineError, match="accepted: 1 to 1000"):
        request(bus, deployment=deployment, model=model, because=because, resume=False)
    assert bus.got == []


def test_a_request_that_the_bus_does_not_take_is_no_request(deployment: Deployment, model: Model) -> None:
    with pytest.raises(PlumblineError, match="did not take the request: full"):
        request(cast("Any", Bus("full")), deployment=deployment, model=model, because="new labels", resume=False)


def test_what_is_shown_can_be_written_as_json(cloud: Cloud, deployment: Deployment, model: Model) -> None:
    index.handler(governing.alarm(), None)
    assert json.loads(json.dumps(dataclasses.asdict(shown(deployment, model))))["failures"] == 0
    assert cloud.executions
