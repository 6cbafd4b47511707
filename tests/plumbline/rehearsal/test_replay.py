"""What lies in the queue of failed events of a cloud, by Lambda and by EventBridge, and the functions called anew."""

import io
import time
import zipfile
from typing import Any

import pytest

from plumbline.configuration import Deployment, Environment, Platform
from plumbline.rehearsal.cloud import Cloud
from plumbline.replaying.replay import Clients, Replayed, replay
from tests.plumbline.rehearsal.asking import OWNER, document
from tests.plumbline.rehearsal.eventbridge.sending import LIMIT_SECONDS, Rule, admits, fresh

pytestmark = pytest.mark.rehearsal

CODE = """import os
def handler(event, context):
    if "MENDED" not in os.environ:
        raise ValueError("not mended yet")
    return {"said": f"{event['detail']['number']} at {event['time'][:2]}"}
"""
TOLD = {
    "InputPathsMap": {"detail": "$.detail"},
    "InputTemplate": '{"time": <aws.events.event.ingestion-time>, "detail": <detail>}',
}


@pytest.fixture(scope="module")
def staging(platform: Platform) -> Deployment:
    """An environment of this test's own, so that its queue and its function are nobody else's."""
    return platform.model_copy(update={"name": fresh("replayed")}).deployment(Environment.STAGING)


def through(cloud: Cloud, staging: Deployment) -> list[Replayed]:
    client = cloud.administrator(OWNER).client
    clients = Clients(sqs=client("sqs"), events=client("events"), functions=client("lambda"))
    return replay(clients, deployment=staging, dry=False, tell=lambda _one: None)


def waiting(sqs: Any, queue: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def test_what_has_failed_is_done_once_its_cause_is_mended(cloud: Cloud, staging: Deployment) -> None:
    client = cloud.administrator(OWNER).client
    sqs, functions, name = client("sqs"), client("lambda"), staging.function_name("account_guard")
    queue = sqs.create_queue(
        QueueName=staging.dead_letter_queue("events"), Attributes={"Policy": document(admits("sqs:SendMessage"))}
    )["QueueUrl"]
    failed = staging.arn("sqs", staging.dead_letter_queue("events"))
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", CODE)
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": code.getvalue()},
        DeadLetterConfig={"TargetArn": failed},
    )["FunctionArn"]
    let_in, kept_out = (Rule(cloud, Arn=arn, DeadLetterConfig={"Arn": failed}, InputTransformer=TOLD) for _ in "12")
    functions.add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=let_in.arn,
    )
    let_in.send(number=1)
    kept_out.send(number=2)
    deadline = time.monotonic() + LIMIT_SECONDS
    while waiting(sqs, queue) < 2:
        assert time.monotonic() < deadline, "what has failed did not come"
        time.sleep(0.1)
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"MENDED": "yes"}})
    found = {one.rule: one for one in through(cloud, staging)}
    assert {rule: (one.done, one.said, one.target) for rule, one in found.items()} == {
        "": (True, "1 at 20", name),
        kept_out.name: (True, "2 at 20", name),
    }
    assert "not mended yet" in found[""].error
    assert found[kept_out.name].error.startswith("NO_PERMISSIONS: ")
    assert through(cloud, staging) == []
