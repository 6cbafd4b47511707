"""What production tells staging, and what becomes of what staging does not take."""

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plumbline.rehearsal.hearing import Listener, listen
from plumbline.rehearsal.session import Client
from tests.plumbline.rehearsal.shared import Rehearsed

pytestmark = pytest.mark.rehearsal

_LIMIT_SECONDS = 30.0
_numbers = itertools.count()


@contextlib.contextmanager
def _listening(rehearsal: Rehearsed) -> Iterator[Listener]:
    listener = listen(cloud=rehearsal.cloud, deployment=rehearsal.staging, account=rehearsal.production.account)
    try:
        yield listener
    finally:
        listener.stop()


def _raise_alarm(rehearsal: Rehearsed) -> str:
    """An alarm of the platform's in production goes off; its name."""
    name = f"{rehearsal.production.prefix}-told-{next(_numbers)}"
    client = rehearsal.client(rehearsal.production, "cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        Namespace="Plumbline/Told",
        MetricName=name,
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="told")
    client.delete_alarms(AlarmNames=[name])
    return name


@contextlib.contextmanager
def _closed(rehearsal: Rehearsed) -> Iterator[None]:
    """Staging's bus admits nobody for a while."""
    client, bus = rehearsal.client(rehearsal.staging, "events"), rehearsal.staging.event_bus
    policy = client.describe_event_bus(Name=bus)["Policy"]
    client.remove_permission(EventBusName=bus, StatementId="PlatformRoles")
    try:
        yield
    finally:
        client.put_permission(EventBusName=bus, Policy=policy)


def _until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return result


def _dead_letter(rehearsal: Rehearsed, text: str) -> Any:
    """The message of production's dead-letter queue that holds a text; it is taken out."""
    production = rehearsal.production
    client = rehearsal.client(production, "sqs")
    url = client.get_queue_url(QueueName=production.dead_letter_queue("events"))["QueueUrl"]

    def found() -> Any:
        answer = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=1
        )
        for message in answer.get("Messages", []):
            if text in message["Body"]:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return message
        return None

    return _until(found, f"nothing about {text} is in the queue")


def _in_alarm(client: Client, name: str) -> bool:
    return bool(client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"] == "ALARM")


def test_an_alarm_of_production_arrives_on_stagings_bus_with_its_account(rehearsal: Rehearsed) -> None:
    with _listening(rehearsal) as listener:
        event = listener.wait(_raise_alarm(rehearsal), what="the alarm")
    assert event["account"] == rehearsal.production.account
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["detail"]["state"]["value"] == "ALARM"  # type: ignore[index]


def test_an_alarm_of_somebody_else_is_not_told(rehearsal: Rehearsed) -> None:
    client = rehearsal.client(rehearsal.production, "cloudwatch")
    stranger = f"another-{next(_numbers)}"
    alarm: dict[str, Any] = {
        "AlarmName": stranger,
        "Namespace": "another",
        "MetricName": stranger,
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    client.put_metric_alarm(**alarm)
    with _listening(rehearsal) as listener:
        client.set_alarm_state(AlarmName=stranger, StateValue="ALARM", StateReason="told")
        heard = listener.until(_raise_alarm(rehearsal), what="the alarm")
    assert stranger not in json.dumps(heard)


def test_what_staging_does_not_take_is_in_productions_queue_as_aws_documents_it(rehearsal: Rehearsed) -> None:
    production, staging = rehearsal.production, rehearsal.staging
    with _closed(rehearsal):
        name = _raise_alarm(rehearsal)
    letter = _dead_letter(rehearsal, name)
    attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    message = attributes.pop("ERROR_MESSAGE")
    assert f"assumed-role/{production.events_rule}/events is not authorized to perform: events:PutEvents" in message
    assert attributes == {
        "RULE_ARN": production.arn("events", f"rule/{production.events_rule}"),
        "TARGET_ARN": staging.event_bus_arn,
        "ERROR_CODE": "NO_PERMISSIONS",
        "RETRY_ATTEMPTS": "0",
    }
    assert json.loads(letter["Body"])["detail"]["alarmName"] == name


def test_people_in_production_are_told_that_staging_was_not(rehearsal: Rehearsed) -> None:
    production = rehearsal.production
    with _closed(rehearsal):
        client = rehearsal.client(production, "cloudwatch")
        alarms = (f"{production.events_rule}-untold", f"{production.prefix}-events-failed")
        for alarm in alarms:
            client.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="the test begins")
        name = _raise_alarm(rehearsal)
        for alarm in alarms:
            _until(lambda alarm=alarm: _in_alarm(client, alarm), f"{alarm} does not go off")  # type: ignore[misc]
    _dead_letter(rehearsal, name)


def test_what_staging_heard_is_in_its_archive(rehearsal: Rehearsed) -> None:
    client, bus = rehearsal.client(rehearsal.staging, "events"), rehearsal.staging.event_bus
    before = client.describe_archive(ArchiveName=bus)["EventCount"]
    with _listening(rehearsal) as listener:
        listener.wait(_raise_alarm(rehearsal), what="the alarm")
    assert client.describe_archive(ArchiveName=bus)["EventCount"] > before
