"""What becomes of an event that cannot be delivered: a queue that admits EventBridge has it, and metrics count it."""

import json
from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import OWNER, REGION, made
from tests.plumbline.rehearsal.eventbridge.sending import EVENTBRIDGE, Letters, Rule, admits, fresh, key

pytestmark = pytest.mark.rehearsal

_GONE = f"arn:aws:lambda:{REGION}:{OWNER}:function:gone"
_ANY_RULE = f"arn:aws:events:{REGION}:{OWNER}:rule/rule-*"


def _failing(cloud: Cloud, letters: Letters) -> Rule:
    """A rule whose target is not there."""
    return Rule(cloud, Arn=_GONE, DeadLetterConfig={"Arn": letters.arn})


def test_an_event_without_a_target_goes_to_the_dead_letter_queue_as_aws_documents_it(cloud: Cloud) -> None:
    letters = Letters(cloud)
    rule = _failing(cloud, letters)
    rule.send(number=1)
    (letter,) = letters.read()
    event = json.loads(letter.pop("body"))
    assert (event["source"], event["detail"]) == (rule.name, {"number": 1})
    assert letter == {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": _GONE,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": f"The target {_GONE} does not exist.",
        "RETRY_ATTEMPTS": "0",
    }


def test_the_dead_letter_is_the_event_whatever_the_target_would_have_got(cloud: Cloud) -> None:
    letters = Letters(cloud)
    rule = Rule(cloud, Arn=_GONE, Input='{"other": 1}', DeadLetterConfig={"Arn": letters.arn})
    rule.send(number=1)
    (letter,) = letters.read()
    assert json.loads(letter["body"])["detail"] == {"number": 1}


def test_an_event_that_went_to_a_dead_letter_queue_is_counted(cloud: Cloud) -> None:
    rule = _failing(cloud, Letters(cloud))
    rule.send()
    counted = {metric: rule.counted(metric) for metric in ("Invocations", "FailedInvocations", "InvocationsSentToDlq")}
    assert counted == {"Invocations": 1, "FailedInvocations": 1, "InvocationsSentToDlq": 1}
    assert rule.counted("InvocationsFailedToBeSentToDlq") == 0


def test_an_event_that_arrives_is_counted_as_matched_and_not_as_failed(cloud: Cloud) -> None:
    rule = Rule(cloud, Arn=Letters(cloud).arn)
    rule.send()
    assert [rule.counted(name) for name in ("MatchedEvents", "TriggeredRules", "Invocations")] == [1, 1, 1]
    assert rule.counted("FailedInvocations") == 0


@pytest.mark.parametrize(("condition", "kept"), [
    ({"ArnLike": {"aws:SourceArn": _ANY_RULE}}, True),
    ({"ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:{OWNER}:rule/other-*"}}, False),
    ({"StringEquals": {"aws:SourceAccount": OWNER}}, True),
    ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
])  # fmt: skip
def test_a_dead_letter_queue_knows_for_which_rule_it_is_sent(cloud: Cloud, condition: Any, kept: bool) -> None:
    letters = Letters(cloud, admits("sqs:SendMessage", condition))
    _failing(cloud, letters).send()
    assert bool(letters.read()) is kept


def test_an_event_is_lost_and_counted_when_the_queue_does_not_admit_eventbridge(cloud: Cloud) -> None:
    letters = Letters(cloud, admits("sqs:ReceiveMessage"))
    rule = _failing(cloud, letters)
    rule.send()
    assert letters.read() == []
    assert [rule.counted(f"Invocations{name}") for name in ("SentToDlq", "FailedToBeSentToDlq")] == [0, 1]
    assert made(cloud, "sqs:SendMessage", principal=EVENTBRIDGE)[-1].allowed is False


def test_an_event_is_lost_when_the_dead_letter_queue_is_not_there(cloud: Cloud) -> None:
    rule = Rule(cloud, Arn=_GONE, DeadLetterConfig={"Arn": f"arn:aws:sqs:{REGION}:{OWNER}:{fresh('nowhere')}"})
    rule.send()
    assert rule.counted("InvocationsFailedToBeSentToDlq") == 1


@pytest.mark.parametrize("missing", ["kms:Decrypt", "kms:GenerateDataKey", ""])
def test_an_encrypted_dead_letter_queue_needs_its_key(cloud: Cloud, missing: str) -> None:
    actions = [action for action in ("kms:Decrypt", "kms:GenerateDataKey") if action != missing]
    letters = Letters(cloud, encrypted=key(cloud, admits(actions, {"ArnLike": {"aws:SourceArn": _ANY_RULE}})))
    _failing(cloud, letters).send()
    assert bool(letters.read()) is not bool(missing)


def test_an_encrypted_dead_letter_queue_is_in_the_keys_encryption_context(cloud: Cloud) -> None:
    letters = Letters(cloud, encrypted=key(cloud, admits(["kms:Decrypt", "kms:GenerateDataKey"])))
    _failing(cloud, letters).send()
    asked = made(cloud, "kms:GenerateDataKey", principal=EVENTBRIDGE)[-1]
    assert asked.context["kms:encryptioncontext:aws:sqs:arn"] == letters.arn


def test_an_alarm_sees_the_failures_of_its_own_rule_only(cloud: Cloud) -> None:
    failing, arriving = _failing(cloud, Letters(cloud)), Rule(cloud, Arn=Letters(cloud).arn)
    client = cloud.administrator(OWNER).client("cloudwatch")
    for rule in (failing, arriving):
        client.put_metric_alarm(
            AlarmName=rule.name,
            Namespace="AWS/Events",
            MetricName="FailedInvocations",
            Dimensions=[{"Name": "RuleName", "Value": rule.name}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
    for rule in (failing, arriving):
        rule.send()
    found = client.describe_alarms(AlarmNames=[failing.name, arriving.name])["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
    assert states == {failing.name: "ALARM", arriving.name: "INSUFFICIENT_DATA"}


def test_what_a_bus_cannot_encrypt_goes_to_the_buss_own_queue(cloud: Cloud) -> None:
    letters, name = Letters(cloud), fresh("locked")
    events = cloud.administrator(OWNER).client("events")
    bus = events.create_event_bus(Name=name, KmsKeyIdentifier=key(cloud), DeadLetterConfig={"Arn": letters.arn})
    events.put_events(Entries=[{"Source": name, "DetailType": "one", "Detail": "{}", "EventBusName": name}])
    (letter,) = letters.read()
    assert (letter["ERROR_CODE"], json.loads(letter["body"])["source"]) == ("NO_PERMISSIONS", name)
    asked = made(cloud, "kms:GenerateDataKey", principal=EVENTBRIDGE)[-1]
    assert asked.context["kms:encryptioncontext:aws:events:event-bus:arn"] == bus["EventBusArn"]
    assert asked.context["aws:sourcearn"] == bus["EventBusArn"]


def test_an_encrypted_bus_whose_key_admits_eventbridge_delivers(cloud: Cloud) -> None:
    name, arrived = fresh("open"), Letters(cloud)
    events = cloud.administrator(OWNER).client("events")
    source = {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{REGION}:{OWNER}:event-bus/{name}"}}
    encrypting = key(cloud, admits(["kms:Decrypt", "kms:GenerateDataKey"], source))
    events.create_event_bus(Name=name, KmsKeyIdentifier=encrypting)
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "one", "Arn": arrived.arn}])
    events.put_events(Entries=[{"Source": name, "DetailType": "one", "Detail": "{}", "EventBusName": name}])
    assert len(arrived.read()) == 1
