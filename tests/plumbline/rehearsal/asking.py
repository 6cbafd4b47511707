"""Roles that ask, and what the call log says of it."""

import dataclasses
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.calls import Decision, read_call_log
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client, Session

OWNER, READER = "222222222222", "333333333333"
REGION = "eu-west-1"
ORGANIZATION = "o-exampleorg1"


def allow(actions: str | list[str], resource: str | list[str], **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource} | (
        {"Condition": condition} if condition else {}
    )


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def make_role(cloud: Cloud, account: str, name: str, *statements: dict[str, Any]) -> Session:
    """A role that its own account may assume, with one policy; as a session."""
    iam = cloud.administrator(account).client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=document(*statements))
    return cloud.assume(arn, caller=cloud.administrator(account), name="test")


def last(cloud: Cloud, action: str) -> Decision:
    return [decision for decision in read_call_log(cloud.options.call_log) if decision.action == action][-1]


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    assert error.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    return str(error.value.response["Error"]["Message"])


def made(cloud: Cloud, action: str, *, principal: str = "") -> list[Decision]:
    """The decisions on an action, oldest first."""
    log = read_call_log(cloud.options.call_log)
    return [one for one in log if one.action == action and principal in one.principal]


def queue(cloud: Cloud, account: str, name: str) -> "Queue":
    """A queue that anybody may send to."""
    client = cloud.administrator(account).client("sqs")
    arn = f"arn:aws:sqs:{REGION}:{account}:{name}"
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    url = client.create_queue(QueueName=name, Attributes={"Policy": document(anybody)})["QueueUrl"]
    return Queue(client=client, url=str(url), arn=arn)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Queue:
    """Where a test sees what arrives."""

    client: Client
    url: str
    arn: str

    def received(self) -> list[Any]:
        """The messages that are there, as they came: none of them is left."""
        found: list[Any] = []
        while messages := self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found
