"""A stack policy holds an update to what it allows, in CloudFormation's words."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.stack import ACCOUNT, Stack

pytestmark = pytest.mark.rehearsal

_ALL = {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}
_numbers = itertools.count()


def _deny(*actions: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def _items(name: str, *, throughput: int = 1, key: str = "S") -> dict[str, Any]:
    return {
        "Items": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": key}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "ProvisionedThroughput": {"ReadCapacityUnits": throughput, "WriteCapacityUnits": 1},
                "TableName": name,
            },
        },
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    }


@pytest.fixture
def stack(cloud: Cloud) -> Stack:
    made = Stack(cloud, f"policy-{next(_numbers)}")
    assert made.create(_items(made.name)) == "CREATE_COMPLETE"
    return made


def test_a_stack_policy_is_kept_as_it_was_set(stack: Stack) -> None:
    stack.protect(_ALL)
    assert json.loads(stack.policy()) == {"Statement": [_ALL]}


def test_a_replacement_that_is_denied_for_a_type_is_not_made(stack: Stack) -> None:
    denied = _deny("Update:Replace", "Update:Delete", StringEquals={"ResourceType": ["AWS::DynamoDB::Table"]})
    stack.protect(_ALL, denied)
    assert stack.update(_items(f"{stack.name}-renamed")) == "UPDATE_ROLLBACK_COMPLETE"
    reason = "Statement [#2] does not allow [Update:Replace] for resource [LogicalResourceId/Items];"
    assert f"Action denied by stack policy: {reason}" in stack.reasons()
    assert stack.id_of("Items") == stack.name


def test_a_change_in_place_is_no_replacement(stack: Stack) -> None:
    stack.protect(_ALL, _deny("Update:Replace", "Update:Delete"))
    assert stack.update(_items(stack.name, throughput=2)) == "UPDATE_COMPLETE"


def test_a_change_in_place_is_denied_as_modification(stack: Stack) -> None:
    stack.protect(_ALL, _deny("Update:Modify", resource="LogicalResourceId/It*"))
    assert stack.update(_items(stack.name, throughput=2)) == "UPDATE_ROLLBACK_COMPLETE"
    assert "does not allow [Update:Modify] for resource [LogicalResourceId/Items];" in stack.reasons()


def test_a_removal_that_is_denied_fails_before_anything_is_done(cloud: Cloud, stack: Stack) -> None:
    stack.protect(_ALL, _deny("Update:Delete", StringLike={"ResourceType": ["AWS::DynamoDB::*"]}))
    without: Mapping[str, Any] = {
        "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": f"/{stack.name}", "Type": "String"}}
    }
    assert stack.update(without) == "UPDATE_ROLLBACK_COMPLETE"
    assert "does not allow [Update:Delete] for resource [LogicalResourceId/Items];" in stack.reasons()
    administrator = cloud.administrator(ACCOUNT)
    assert administrator.client("dynamodb").describe_table(TableName=stack.name)["Table"]["TableStatus"] == "ACTIVE"
    assert administrator.client("ssm").get_parameters(Names=[f"/{stack.name}"])["InvalidParameters"]


def test_a_removal_of_another_type_is_made(stack: Stack) -> None:
    stack.protect(_ALL, _deny("Update:Delete", StringEquals={"ResourceType": ["AWS::DynamoDB::Table"]}))
    resources = _items(stack.name)
    del resources["Handle"]
    assert stack.update(resources) == "UPDATE_COMPLETE"


def test_what_no_statement_allows_is_protected(stack: Stack) -> None:
    stack.protect({**_ALL, "Resource": "LogicalResourceId/Handle"})
    assert stack.update(_items(stack.name, throughput=2)) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Action not allowed by stack policy" in stack.reasons()


def test_what_a_statement_leaves_out_is_not_allowed_by_it(stack: Stack) -> None:
    allowed = {name: value for name, value in _ALL.items() if name != "Resource"}
    stack.protect(allowed | {"NotResource": "LogicalResourceId/Items"})
    assert stack.update(_items(stack.name, throughput=2)) == "UPDATE_ROLLBACK_COMPLETE"


def test_deleting_the_stack_is_not_an_update(stack: Stack) -> None:
    stack.protect(_deny("Update:*"))
    assert stack.delete() == "DELETE_COMPLETE"
