"""Rules and archives as CloudFormation makes them."""

from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import REGION
from tests.plumbline.rehearsal.stack import ACCOUNT, Stack

pytestmark = pytest.mark.rehearsal

_BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/archived"


def _archived(**archive: Any) -> dict[str, Any]:
    properties = {"ArchiveName": "archived", "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, **archive}
    return {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "archived"}},
        "Archive": {"Type": "AWS::Events::Archive", "Properties": properties},
    }


def test_an_archive_comes_changes_and_goes(cloud: Cloud) -> None:
    stack, events = Stack(cloud, "archived"), cloud.administrator(ACCOUNT).client("events")

    def described() -> tuple[Any, ...]:
        found = events.describe_archive(ArchiveName="archived")
        return found["EventSourceArn"], found["RetentionDays"], found.get("EventPattern")

    resources = _archived(RetentionDays="30", EventPattern={"source": ["one"]})
    assert stack.create(resources) == "CREATE_COMPLETE", stack.reasons()
    assert described() == (_BUS, 30, '{"source": ["one"]}')
    assert stack.update(_archived(RetentionDays=7)) == "UPDATE_COMPLETE", stack.reasons()
    assert described() == (_BUS, 7, None)
    assert stack.delete() == "DELETE_COMPLETE"
    assert events.list_archives()["Archives"] == []


def test_a_rule_with_a_target_that_cannot_be_fails_its_stack(cloud: Cloud) -> None:
    target = {"Id": "one", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:one", "RetryPolicy": {"MaximumRetryAttempts": 186}}
    properties = {"Name": "impatient", "EventPattern": {"source": ["one"]}, "Targets": [target]}
    stack = Stack(cloud, "impatient")
    assert stack.create({"Rule": {"Type": "AWS::Events::Rule", "Properties": properties}}) == "ROLLBACK_COMPLETE"
    assert "Member must have value less than or equal to 185" in stack.reasons()
