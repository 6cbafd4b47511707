"""What CloudWatch and EventBridge publish as themselves: the topic's policy decides, and its key's."""

import itertools
import json
from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import OWNER, REGION, Queue, document, made, queue

pytestmark = pytest.mark.rehearsal

Document = dict[str, Any]
CLOUDWATCH, EVENTBRIDGE = "cloudwatch.amazonaws.com", "events.amazonaws.com"
_OWN = {"StringEquals": {"aws:SourceAccount": OWNER}}
_numbers = itertools.count()


def _admits(service: str, actions: str | list[str], condition: Document | None = None) -> Document:
    statement: Document = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": actions,
        "Resource": "*",
    }
    return statement | ({"Condition": condition} if condition else {})


def _key(cloud: Cloud, *statements: Document) -> str:
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"},
        "Action": ["kms:DescribeKey", "kms:PutKeyPolicy"],
        "Resource": "*",
    }
    client = cloud.administrator(OWNER).client("kms")
    return str(client.create_key(Policy=document(root, *statements))["KeyMetadata"]["Arn"])


class Topic:
    """A topic with a queue behind it, in which a test sees what arrives.

    Args:
        cloud: The cloud.
        admits: The statements of its policy.
        key: The key that it is encrypted with.
    """

    def __init__(self, cloud: Cloud, *admits: Document, key: str | None = None) -> None:
        self._sns = cloud.administrator(OWNER).client("sns")
        name = f"deliveries-{next(_numbers)}"
        attributes = {"Policy": document(*admits)} | ({"KmsMasterKeyId": key} if key else {})
        self.arn = str(self._sns.create_topic(Name=name, Attributes=attributes)["TopicArn"])
        self.queue: Queue = queue(cloud, OWNER, name)
        self._sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=self.queue.arn)


def _raise_alarm(cloud: Cloud, topic: Topic) -> None:
    client, name = cloud.administrator(OWNER).client("cloudwatch"), topic.arn.rpartition(":")[2]
    client.put_metric_alarm(
        AlarmName=name,
        AlarmActions=[topic.arn],
        Namespace="deliveries",
        MetricName="one",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")


def _send_event(cloud: Cloud, topic: Topic, **target: str) -> None:
    client, name = cloud.administrator(OWNER).client("events"), topic.arn.rpartition(":")[2]
    client.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    client.put_targets(Rule=name, Targets=[{"Id": "topic", "Arn": topic.arn, **target}])
    client.put_events(Entries=[{"Source": name, "DetailType": "one", "Detail": "{}"}])


def test_an_alarm_reaches_an_encrypted_topic_whose_key_admits_cloudwatch(cloud: Cloud) -> None:
    key = _key(cloud, _admits(CLOUDWATCH, ["kms:Decrypt", "kms:GenerateDataKey*"], _OWN))
    topic = Topic(cloud, _admits(CLOUDWATCH, "sns:Publish", _OWN), key=key)
    _raise_alarm(cloud, topic)
    (message,) = topic.queue.received()
    assert json.loads(message["Message"])["NewStateValue"] == "ALARM"


@pytest.mark.parametrize("missing", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_an_alarm_is_lost_when_the_key_does_not_admit_cloudwatch(cloud: Cloud, missing: str) -> None:
    actions = [action for action in ("kms:Decrypt", "kms:GenerateDataKey") if action != missing]
    topic = Topic(cloud, _admits(CLOUDWATCH, "sns:Publish"), key=_key(cloud, _admits(CLOUDWATCH, actions)))
    _raise_alarm(cloud, topic)
    assert topic.queue.received() == []
    assert made(cloud, missing, principal=CLOUDWATCH)[-1].allowed is False


def test_the_topic_is_in_the_keys_encryption_context(cloud: Cloud) -> None:
    key = _key(cloud, _admits(CLOUDWATCH, ["kms:Decrypt", "kms:GenerateDataKey*"]))
    topic = Topic(cloud, _admits(CLOUDWATCH, "sns:Publish"), key=key)
    _raise_alarm(cloud, topic)
    asked = made(cloud, "kms:GenerateDataKey", principal=CLOUDWATCH)[-1]
    assert asked.context["kms:encryptioncontext:aws:sns:topicarn"] == topic.arn


def test_an_alarm_is_lost_when_the_topic_does_not_admit_cloudwatch(cloud: Cloud) -> None:
    topic = Topic(cloud, _admits(EVENTBRIDGE, "sns:Publish"))
    _raise_alarm(cloud, topic)
    assert topic.queue.received() == []


@pytest.mark.parametrize(("key", "value", "arrives"), [
    ("aws:SourceAccount", OWNER, True),
    ("aws:SourceAccount", "999999999999", False),
    ("aws:SourceArn", f"arn:aws:cloudwatch:{REGION}:{OWNER}:alarm:deliveries-*", True),
    ("aws:SourceArn", f"arn:aws:cloudwatch:{REGION}:{OWNER}:alarm:others-*", False),
])  # fmt: skip
def test_an_alarm_says_which_account_and_alarm_it_is(cloud: Cloud, key: str, value: str, arrives: bool) -> None:
    topic = Topic(
        cloud, _admits(CLOUDWATCH, "sns:Publish", {"ArnLike" if "Arn" in key else "StringEquals": {key: value}})
    )
    _raise_alarm(cloud, topic)
    assert bool(topic.queue.received()) is arrives


def test_an_event_reaches_an_encrypted_topic_whose_key_admits_eventbridge(cloud: Cloud) -> None:
    key = _key(cloud, _admits(EVENTBRIDGE, ["kms:Decrypt", "kms:GenerateDataKey*"]))
    topic = Topic(cloud, _admits(EVENTBRIDGE, "sns:Publish"), key=key)
    _send_event(cloud, topic)
    assert len(topic.queue.received()) == 1


def test_an_event_is_lost_when_the_key_does_not_admit_eventbridge(cloud: Cloud) -> None:
    topic = Topic(cloud, _admits(EVENTBRIDGE, "sns:Publish"), key=_key(cloud))
    _send_event(cloud, topic)
    assert topic.queue.received() == []


def test_an_event_does_not_say_whose_it_is_to_a_topic(cloud: Cloud) -> None:
    topic = Topic(cloud, _admits(EVENTBRIDGE, "sns:Publish", _OWN))
    _send_event(cloud, topic)
    assert topic.queue.received() == []


def test_a_target_that_is_a_topic_takes_no_role(cloud: Cloud) -> None:
    topic = Topic(cloud, _admits(EVENTBRIDGE, "sns:Publish"))
    _send_event(cloud, topic, RoleArn=f"arn:aws:iam::{OWNER}:role/any")
    assert topic.queue.received() == []
    assert made(cloud, "sns:Publish", principal=EVENTBRIDGE)[-1].reason == "a target that is a topic takes no role"
