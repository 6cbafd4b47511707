"""Rules that send events, queues for what does not arrive, and what was counted meanwhile."""

import itertools
import json
import time
from typing import Any

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import OWNER, REGION, document

Document = dict[str, Any]
EVENTBRIDGE = "events.amazonaws.com"
LIMIT_SECONDS = 30.0
_numbers = itertools.count()


def fresh(word: str) -> str:
    """A name that no other test has."""
    return f"{word}-{next(_numbers)}"


def sender(cloud: Cloud, *statements: Document, account: str = OWNER) -> str:
    """A role of EventBridge's."""
    name = fresh("sends")
    iam = cloud.administrator(account).client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": EVENTBRIDGE}, "Action": "sts:AssumeRole"}
    own = {"StringEquals": {"aws:SourceAccount": account}}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust | {"Condition": own}))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="send", PolicyDocument=document(*statements))
    return str(arn)


def key(cloud: Cloud, *statements: Document) -> str:
    """A key that its account administers and that the statements let use."""
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"},
        "Action": ["kms:DescribeKey", "kms:PutKeyPolicy"],
        "Resource": "*",
    }
    client = cloud.administrator(OWNER).client("kms")
    return str(client.create_key(Policy=document(root, *statements))["KeyMetadata"]["Arn"])


def admits(actions: str | list[str], condition: Document | None = None) -> Document:
    """A statement that lets EventBridge do something."""
    statement: Document = {
        "Effect": "Allow",
        "Principal": {"Service": EVENTBRIDGE},
        "Action": actions,
        "Resource": "*",
    }
    return statement | ({"Condition": condition} if condition else {})


class Letters:
    """A queue for what does not arrive.

    Args:
        cloud: The cloud.
        admitted: The statements of its policy; left out, EventBridge may send for every rule.
        encrypted: The key that it is encrypted with.
    """

    def __init__(self, cloud: Cloud, *admitted: Document, encrypted: str | None = None) -> None:
        self._client = cloud.administrator(OWNER).client("sqs")
        name = fresh("letters")
        self.arn = f"arn:aws:sqs:{REGION}:{OWNER}:{name}"
        attributes = {"Policy": document(*(admitted or (admits("sqs:SendMessage"),)))}
        attributes |= {"KmsMasterKeyId": encrypted} if encrypted else {}
        self._url = self._client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def read(self) -> list[Document]:
        """The messages that are there: body and attributes."""
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        )
        return [
            {"body": message["Body"]}
            | {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
            for message in answer.get("Messages", [])
        ]

    def wait(self) -> Document:
        """The first message, as soon as it is there."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not (found := self.read()):
            assert time.monotonic() < deadline, "nothing came"
            time.sleep(0.05)
        return found[0]


class Rule:
    """A rule of the default bus with one target.

    Args:
        cloud: The cloud.
        target: The target without its id.
    """

    def __init__(self, cloud: Cloud, **target: Any) -> None:
        self.name = fresh("rule")
        self.arn = f"arn:aws:events:{REGION}:{OWNER}:rule/{self.name}"
        self._cloud = cloud
        self._client = cloud.administrator(OWNER).client("events")
        self._client.put_rule(Name=self.name, EventPattern=json.dumps({"source": [self.name]}))
        self._client.put_targets(Rule=self.name, Targets=[{"Id": "one", **target}])

    def send(self, **detail: Any) -> None:
        """Puts an event that the rule matches."""
        entry = {"Source": self.name, "DetailType": "one", "Detail": json.dumps(detail)}
        self._client.put_events(Entries=[entry])

    def counted(self, metric: str) -> float:
        """What a metric of the rule adds up to."""
        now = time.time()
        answer = (
            self._cloud.administrator(OWNER)
            .client("cloudwatch")
            .get_metric_statistics(
                Namespace="AWS/Events",
                MetricName=metric,
                Dimensions=[{"Name": "RuleName", "Value": self.name}],
                StartTime=now - 3_600,
                EndTime=now + 60,
                Period=60,
                Statistics=["Sum"],
            )
        )
        return float(sum(point["Sum"] for point in answer["Datapoints"]))
