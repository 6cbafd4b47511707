"""The events of a build on the default bus."""

import json
import time
from typing import Any

import pytest

from tests.plumbline.rehearsal.codebuild.world import ACCOUNT, IMAGE, REGION, World

pytestmark = pytest.mark.rehearsal
_STATE, _PHASE = "CodeBuild Build State Change", "CodeBuild Build Phase Change"


@pytest.fixture(scope="module")
def events(world: World) -> list[dict[str, Any]]:
    """All events of one build that fails."""
    sqs, bus = world.client("sqs"), world.client("events")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:events"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    bus.put_rule(Name="builds", EventPattern=json.dumps({"source": ["aws.codebuild"]}))
    bus.put_targets(Rule="builds", Targets=[{"Id": "queue", "Arn": arn}])
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": ["false"]}}})
    build = world.ended(world.start(world.project(spec, role=world.role())))
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while not any(one["detail"].get("build-status") == "FAILED" for one in found):
        assert time.monotonic() < deadline, found
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [one for one in found if one["detail"]["build-id"] == build["arn"]]


def test_a_build_tells_of_its_beginning_and_its_end(events: list[dict[str, Any]]) -> None:
    statuses = [one["detail"]["build-status"] for one in events if one["detail-type"] == _STATE]
    assert statuses == ["IN_PROGRESS", "FAILED"]


def test_a_build_tells_of_each_phase_that_ends(events: list[dict[str, Any]]) -> None:
    ended = {
        one["detail"]["completed-phase"]: one["detail"]["completed-phase-status"]
        for one in events
        if one["detail-type"] == _PHASE
    }
    assert ended["INSTALL"] == "SUCCEEDED"
    assert ended["BUILD"] == "FAILED"
    assert "FINALIZING" in ended


def test_a_failed_phase_says_why(events: list[dict[str, Any]]) -> None:
    failed = next(one for one in events if one["detail"].get("completed-phase") == "BUILD")
    message = "COMMAND_EXECUTION_ERROR: Error while executing command: false. Reason: exit status 1"
    assert failed["detail"]["completed-phase-context"] == f"[{message}]"


def test_an_event_says_what_was_built_with_what(events: list[dict[str, Any]]) -> None:
    last = next(one for one in events if one["detail"].get("build-status") == "FAILED")
    information = last["detail"]["additional-information"]
    assert information["environment"]["image"] == IMAGE
    assert information["build-complete"] is True
    assert information["phases"][0]["phase-type"] == "SUBMITTED"
    assert last["resources"] == [last["detail"]["build-id"]]
