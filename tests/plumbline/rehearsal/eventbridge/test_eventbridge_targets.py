"""What each kind of target needs before it gets an event, and what it gets."""

import concurrent.futures
import datetime
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import OWNER, READER, REGION, allow, document, made
from tests.plumbline.rehearsal.eventbridge.sending import LIMIT_SECONDS, Letters, Rule, admits, fresh, sender

pytestmark = pytest.mark.rehearsal

_PIPELINE_START = "sagemaker:StartPipelineExecution"


def _undelivered(cloud: Cloud, **target: Any) -> dict[str, Any]:
    """What the dead-letter queue has of an event for a target."""
    letters = Letters(cloud)
    Rule(cloud, DeadLetterConfig={"Arn": letters.arn}, **target).send()
    return letters.wait()


def test_a_queue_that_does_not_admit_eventbridge_gets_nothing(cloud: Cloud) -> None:
    closed = Letters(cloud, admits("sqs:ReceiveMessage"))
    assert _undelivered(cloud, Arn=closed.arn)["ERROR_CODE"] == "NO_PERMISSIONS"
    assert closed.read() == []


def test_a_queue_gets_what_the_target_says(cloud: Cloud) -> None:
    queue = Letters(cloud)
    Rule(cloud, Arn=queue.arn, InputPath="$.detail.inner").send(inner={"number": 1})
    assert json.loads(queue.wait()["body"]) == {"number": 1}


def test_a_topic_that_does_not_admit_eventbridge_gets_nothing(cloud: Cloud) -> None:
    topic = cloud.administrator(OWNER).client("sns").create_topic(Name=fresh("topic"))["TopicArn"]
    assert _undelivered(cloud, Arn=topic)["ERROR_CODE"] == "NO_PERMISSIONS"


def test_a_topic_that_is_not_there_is_no_resource(cloud: Cloud) -> None:
    topic = f"arn:aws:sns:{REGION}:{OWNER}:{fresh('nowhere')}"
    assert _undelivered(cloud, Arn=topic)["ERROR_CODE"] == "NO_RESOURCE"


def test_a_bus_that_does_not_admit_the_targets_role_says_so_in_the_dead_letter(cloud: Cloud) -> None:
    bus = cloud.administrator(READER).client("events").create_event_bus(Name=fresh("bus"))["EventBusArn"]
    role = sender(cloud, allow("events:PutEvents", bus))
    letter = _undelivered(cloud, Arn=bus, RoleArn=role)
    assert letter["ERROR_CODE"] == "NO_PERMISSIONS"
    assert f'not authorized to perform: events:PutEvents on resource: "{bus}"' in letter["ERROR_MESSAGE"]


def test_a_role_that_does_not_trust_eventbridge_is_not_assumed(cloud: Cloud) -> None:
    bus = cloud.administrator(OWNER).client("events").create_event_bus(Name=fresh("bus"))["EventBusArn"]
    role = sender(cloud, allow("events:PutEvents", bus), account=READER)
    assert _undelivered(cloud, Arn=bus, RoleArn=role)["ERROR_CODE"] == "FAILED_TO_ASSUME_ROLE"


def test_a_role_is_assumed_for_the_rule(cloud: Cloud) -> None:
    events = cloud.administrator(OWNER).client("events")
    bus = events.create_event_bus(Name=fresh("bus"))["EventBusArn"]
    role = sender(cloud, allow("events:PutEvents", bus))
    rule = Rule(cloud, Arn=bus, RoleArn=role)
    rule.send()
    assumed = [one for one in made(cloud, "sts:AssumeRole") if one.resource == role]
    assert [one.context["aws:sourcearn"] for one in assumed] == [rule.arn]


def test_an_event_that_has_come_from_a_bus_of_the_same_account_goes_to_no_third(cloud: Cloud) -> None:
    events, letters = cloud.administrator(OWNER).client("events"), Letters(cloud)
    second, third = (events.create_event_bus(Name=fresh("bus"))["EventBusArn"] for _ in range(2))
    role = sender(cloud, allow("events:PutEvents", [second, third]))
    name = second.rpartition("/")[2]
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"detail-type": ["one"]}))
    target = {"Id": "one", "Arn": third, "RoleArn": role, "DeadLetterConfig": {"Arn": letters.arn}}
    events.put_targets(Rule=name, EventBusName=name, Targets=[target])
    Rule(cloud, Arn=second, RoleArn=role).send()
    assert letters.wait()["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"


def test_nobody_but_a_service_puts_a_services_events_on_another_accounts_bus(cloud: Cloud) -> None:
    events = cloud.administrator(READER).client("events")
    bus = events.create_event_bus(Name=fresh("bus"))["EventBusArn"]
    statement = {"Sid": "one", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"}}
    statement |= {"Action": "events:PutEvents", "Resource": bus}
    events.put_permission(EventBusName=bus.rpartition("/")[2], Policy=document(statement))
    forged = {"Source": "aws.cloudwatch", "DetailType": "one", "Detail": "{}", "EventBusName": bus}
    answer = cloud.administrator(OWNER).client("events").put_events(Entries=[forged])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


@pytest.fixture(scope="module")
def function(cloud: Cloud) -> Iterator[str]:
    """A function that cannot do what it is asked, with a queue for what failed."""
    yield from _function(cloud, "def handler(event, context):\n    raise ValueError(event['detail'])\n")


_WAITING = """
import os, time

def handler(event, context):
    time.sleep(event["seconds"])
    with open(event["told"], "a") as told:
        told.write(f"{os.getpid()}\\n")
    return os._exit(1) if event["breaks"] else "waited"
"""


@pytest.fixture(scope="module")
def waiting(cloud: Cloud) -> Iterator[str]:
    """A function that waits as long as it is told to, tells its process, and breaks when it is told to."""
    yield from _function(cloud, _WAITING)


def _function(cloud: Cloud, text: str) -> Iterator[str]:
    iam, name = cloud.administrator(OWNER).client("iam"), fresh("function")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", text)
    client = cloud.administrator(OWNER).client("lambda")
    made_function = client.create_function(
        FunctionName=name, Runtime="python3.12", Handler="index.handler", Role=role, Code={"ZipFile": code.getvalue()}
    )
    yield str(made_function["FunctionArn"])
    client.delete_function(FunctionName=name)


def _permit(cloud: Cloud, function: str, rule_arn: str) -> None:
    cloud.administrator(OWNER).client("lambda").add_permission(
        FunctionName=function,
        StatementId=fresh("rule"),
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )


def test_a_function_whose_policy_does_not_name_the_rule_is_not_invoked(cloud: Cloud, function: str) -> None:
    _permit(cloud, function, f"arn:aws:events:{REGION}:{OWNER}:rule/another")
    letter = _undelivered(cloud, Arn=function)
    assert letter["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "lambda:InvokeFunction" in letter["ERROR_MESSAGE"]


def test_a_function_that_fails_is_tried_again_and_its_event_goes_to_its_own_queue(cloud: Cloud, function: str) -> None:
    failed, letters = Letters(cloud), Letters(cloud)
    client = cloud.administrator(OWNER).client("lambda")
    client.update_function_configuration(FunctionName=function, DeadLetterConfig={"TargetArn": failed.arn})
    rule = Rule(cloud, Arn=function, DeadLetterConfig={"Arn": letters.arn})
    _permit(cloud, function, rule.arn)
    rule.send(number=1)
    assert json.loads(failed.wait()["body"])["requestPayload"]["detail"] == {"number": 1}
    assert letters.read() == []
    assert rule.counted("FailedInvocations") == 0


def test_an_invocation_that_breaks_its_process_breaks_no_other(cloud: Cloud, waiting: str, tmp_path: Path) -> None:
    client = cloud.administrator(OWNER).client("lambda")

    def invoke(seconds: float, *, breaks: bool) -> tuple[bool, Any]:
        given = json.dumps({"seconds": seconds, "breaks": breaks, "told": str(tmp_path / "told")})
        answer = client.invoke(FunctionName=waiting, Payload=given)
        return "FunctionError" in answer, json.loads(answer["Payload"].read())

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(invoke, 2.0, breaks=False) for _ in range(3)]
        time.sleep(0.8)
        broken, _ = pool.submit(invoke, 0, breaks=True).result()
    assert broken
    assert [one.result() for one in slow] == [(False, "waited")] * 3


def test_six_events_at_once_call_functions_and_the_others_wait(cloud: Cloud, waiting: str, tmp_path: Path) -> None:
    told = tmp_path / "told"
    rule = Rule(cloud, Arn=waiting, InputPath="$.detail")
    _permit(cloud, waiting, rule.arn)
    for _ in range(24):
        rule.send(seconds=0.2, breaks=False, told=str(told))
    deadline, processes = time.monotonic() + 4 * LIMIT_SECONDS, list[str]()
    while len(processes) < 24:
        assert time.monotonic() < deadline, f"{len(processes)} of 24 events have called the function"
        time.sleep(0.1)
        processes = told.read_text().split() if told.exists() else []
    assert len(processes) == 24
    assert 1 < len(set(processes)) <= 6


_MODEL_AND_TIME = {
    "InputPathsMap": {"time": "$.time", "number": "$.detail.inner.number", "inner": "$.detail.inner"},
    "InputTemplate": '{"model":"flight_delays","time":<time>,"number":<number>,"inner":<inner>}',
}


@pytest.mark.parametrize(("given", "wanted"), [
    ({"Input": '{"model": "flight_delays", "limit": 1}'}, {"model": "flight_delays", "limit": 1}),
    ({"InputPath": "$.detail.inner"}, {"number": 1}),
    (
        {"InputTransformer": _MODEL_AND_TIME},
        {"model": "flight_delays", "time": None, "number": 1, "inner": {"number": 1}},
    ),
])  # fmt: skip
def test_a_function_gets_what_the_target_says(
    cloud: Cloud, function: str, given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    failed = Letters(cloud)
    client = cloud.administrator(OWNER).client("lambda")
    client.update_function_configuration(FunctionName=function, DeadLetterConfig={"TargetArn": failed.arn})
    rule = Rule(cloud, Arn=function, **given)
    _permit(cloud, function, rule.arn)
    rule.send(inner={"number": 1})
    got = json.loads(failed.wait()["body"])["requestPayload"]
    if "time" in got:
        datetime.datetime.strptime(got["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
        got["time"] = None
    assert got == wanted


@pytest.fixture(scope="module")
def pipeline(cloud: Cloud) -> str:
    """A SageMaker pipeline that ends at once."""
    name = fresh("pipeline")
    role = (
        cloud.administrator(OWNER)
        .client("iam")
        .create_role(
            RoleName=name,
            AssumeRolePolicyDocument=document(
                {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ),
        )["Role"]["Arn"]
    )
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Reason", "Type": "String", "DefaultValue": "none"}],
        "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "ended"}}],
    }
    client = cloud.administrator(OWNER).client("sagemaker")
    arn = client.create_pipeline(
        PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=role, ClientRequestToken="t" * 32
    )["PipelineArn"]
    return str(arn)


def _parameter(value: str) -> dict[str, Any]:
    return {"PipelineParameterList": [{"Name": "Reason", "Value": value}]}


def test_a_training_pipeline_is_started_in_the_targets_role_with_values_of_the_event(
    cloud: Cloud, pipeline: str
) -> None:
    role = sender(cloud, allow(_PIPELINE_START, pipeline))
    Rule(cloud, Arn=pipeline, RoleArn=role, SageMakerPipelineParameters=_parameter("$.detail.why")).send(why="drift")
    client, deadline = cloud.administrator(OWNER).client("sagemaker"), time.monotonic() + LIMIT_SECONDS
    while not (runs := client.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"]):
        assert time.monotonic() < deadline, "nothing was started"
        time.sleep(0.05)
    arn = runs[0]["PipelineExecutionArn"]
    given = client.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert given == [{"Name": "Reason", "Value": "drift"}]
    assert made(cloud, _PIPELINE_START, principal=role.rpartition("/")[2])[-1].allowed


def test_a_training_pipeline_is_not_started_by_a_role_that_may_not(cloud: Cloud, pipeline: str) -> None:
    letter = _undelivered(cloud, Arn=pipeline, RoleArn=sender(cloud))
    assert letter["ERROR_CODE"] == "NO_PERMISSIONS"
    assert f"not authorized to perform: {_PIPELINE_START}" in letter["ERROR_MESSAGE"]


def test_a_training_pipeline_that_is_not_there_is_no_resource(cloud: Cloud) -> None:
    gone = f"arn:aws:sagemaker:{REGION}:{OWNER}:pipeline/{fresh('nowhere')}"
    assert _undelivered(cloud, Arn=gone, RoleArn=sender(cloud, allow(_PIPELINE_START, gone)))["ERROR_CODE"] == (
        "NO_RESOURCE"
    )


def test_a_value_that_the_event_does_not_have_is_an_invalid_parameter(cloud: Cloud, pipeline: str) -> None:
    role = sender(cloud, allow(_PIPELINE_START, pipeline))
    parameters = _parameter("$.detail.missing")
    letter = _undelivered(cloud, Arn=pipeline, RoleArn=role, SageMakerPipelineParameters=parameters)
    assert (letter["ERROR_CODE"], "$.detail.missing" in letter["ERROR_MESSAGE"]) == ("INVALID_PARAMETER", True)


def test_a_delivery_pipeline_is_asked_for_in_the_targets_role_and_what_refuses_it_is_kept(cloud: Cloud) -> None:
    arn, role = f"arn:aws:codepipeline:{REGION}:{OWNER}:{fresh('pipeline')}", sender(cloud)
    assert _undelivered(cloud, Arn=arn, RoleArn=role)["TARGET_ARN"] == arn
    assert [one.allowed for one in made(cloud, "sts:AssumeRole") if one.resource == role] == [True]


@pytest.mark.parametrize(("target", "message"), [
    ({"Arn": f"arn:aws:events:{REGION}:{OWNER}:event-bus/other"}, "RoleArn is required for target"),
    ({"Arn": f"arn:aws:sagemaker:{REGION}:{OWNER}:pipeline/one"}, "RoleArn is required for target"),
    ({"Arn": f"arn:aws:codepipeline:{REGION}:{OWNER}:one"}, "RoleArn is required for target"),
    ({"Arn": f"arn:aws:ecs:{REGION}:{OWNER}:cluster/one"}, "does not deliver to arn:aws:ecs"),
    (
        {"Arn": f"arn:aws:sqs:{REGION}:{OWNER}:one", "RetryPolicy": {"MaximumRetryAttempts": 186}},
        "maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 185",
    ),
    (
        {"Arn": f"arn:aws:sqs:{REGION}:{OWNER}:one", "RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}},
        "maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value less than or equal to 86400",
    ),
    (
        {
            "Arn": f"arn:aws:sqs:{REGION}:{OWNER}:one",
            "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{OWNER}:one.fifo"},
        },
        "a dead-letter queue is a standard queue",
    ),
    (
        {
            "Arn": f"arn:aws:events:{REGION}:{OWNER}:event-bus/other",
            "RoleArn": f"arn:aws:iam::{OWNER}:role/one",
            "Input": "{}",
        },
        "does not change what it sends to a bus",
    ),
])  # fmt: skip
def test_a_target_that_cannot_be_is_refused_when_it_is_put(cloud: Cloud, target: Any, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        Rule(cloud, **target)
    assert message in str(refused.value)
