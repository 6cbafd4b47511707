"""The added CloudFormation types: made, changed and deleted with their effect; unknown ones are refused by name."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client

pytestmark = pytest.mark.rehearsal

ACCOUNT = "111111111111"
_ENDED = ("COMPLETE", "FAILED")


class Stack:
    """A stack that a test changes step by step.

    Args:
        cloud: The cloud.
        name: The stack's name.
    """

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._client: Client = cloud.administrator(ACCOUNT).client("cloudformation")
        self.name = name

    def create(self, resources: Mapping[str, Any]) -> str:
        self._client.create_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        return self._settled()

    def update(self, resources: Mapping[str, Any]) -> str:
        self._client.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}))
        return self._settled()

    def delete(self) -> None:
        identifier = self._client.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"]
        self._client.delete_stack(StackName=self.name)
        deadline = time.monotonic() + 30
        while self._client.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"] != "DELETE_COMPLETE":
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def id_of(self, logical_id: str) -> str:
        found = self._client.describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def reasons(self) -> str:
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        return " ".join(str(event.get("ResourceStatusReason", "")) for event in events)

    def _settled(self) -> str:
        deadline = time.monotonic() + 30
        while True:
            status = str(self._client.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"])
            if status.endswith(_ENDED) and "CLEANUP" not in status:
                return status
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _network(**rules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.50.0.0/20"}},
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "one", "VpcId": {"Ref": "Vpc"}},
        },
        **rules,
    }


def _rule(direction: str, port: int) -> dict[str, Any]:
    return {
        "Type": f"AWS::EC2::SecurityGroup{direction}",
        "Properties": {
            "GroupId": {"Ref": "Group"},
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]},
        },
    }


def _ports(cloud: Cloud, group: str, side: str) -> list[tuple[int | None, list[str]]]:
    described = cloud.administrator(ACCOUNT).client("ec2").describe_security_groups(GroupIds=[group])
    return [
        (rule.get("FromPort"), [entry["CidrIp"] for entry in rule["IpRanges"]])
        for rule in described["SecurityGroups"][0][side]
    ]


@pytest.mark.parametrize(
    ("direction", "side", "without"),
    [("Ingress", "IpPermissions", []), ("Egress", "IpPermissionsEgress", [])],
)
def test_a_rule_of_a_security_group_comes_changes_and_goes(
    cloud: Cloud, direction: str, side: str, without: list[tuple[int, list[str]]]
) -> None:
    stack = Stack(cloud, f"rules-{direction.lower()}")
    assert stack.create(_network(Rule=_rule(direction, 443))) == "CREATE_COMPLETE"
    group = stack.id_of("Group")
    assert _ports(cloud, group, side) == [(443, ["10.50.0.0/20"])]
    assert stack.update(_network(Rule=_rule(direction, 8080))) == "UPDATE_COMPLETE"
    assert _ports(cloud, group, side) == [(8080, ["10.50.0.0/20"])]
    assert stack.update(_network()) == "UPDATE_COMPLETE"
    assert _ports(cloud, group, side) == without
    stack.delete()


def test_a_rule_of_a_group_that_is_not_there_fails_the_stack(cloud: Cloud) -> None:
    stack = Stack(cloud, "rule-of-none")
    rule = _rule("Ingress", 443)
    rule["Properties"] |= {"GroupId": "sg-none", "CidrIp": "10.0.0.0/8"}
    assert stack.create({"Rule": rule}) == "ROLLBACK_COMPLETE"
    assert "The security group 'sg-none' does not exist" in stack.reasons()


def _flow_log(traffic: str) -> dict[str, Any]:
    return {
        "Type": "AWS::EC2::FlowLog",
        "Properties": {
            "ResourceType": "VPC",
            "ResourceId": {"Ref": "Vpc"},
            "TrafficType": traffic,
            "LogGroupName": "/flow-logs",
        },
    }


def test_a_flow_log_watches_its_vpc(cloud: Cloud) -> None:
    stack = Stack(cloud, "flow-log")
    ec2 = cloud.administrator(ACCOUNT).client("ec2")
    assert stack.create(_network(Log=_flow_log("ALL"))) == "CREATE_COMPLETE"

    def watching() -> list[str]:
        filters = [{"Name": "resource-id", "Values": [stack.id_of("Vpc")]}]
        return [log["TrafficType"] for log in ec2.describe_flow_logs(Filters=filters)["FlowLogs"]]

    assert watching() == ["ALL"]
    assert stack.update(_network(Log=_flow_log("REJECT"))) == "UPDATE_COMPLETE"
    assert watching() == ["REJECT"]
    assert stack.update(_network()) == "UPDATE_COMPLETE"
    assert watching() == []
    stack.delete()


def _bus(*principals: str) -> dict[str, Any]:
    return {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "policy-bus"}},
        **{
            f"Policy{principal}": {
                "Type": "AWS::Events::EventBusPolicy",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "StatementId": f"from-{principal}",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{principal}:root"},
                        "Action": "events:PutEvents",
                        "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
                    },
                },
            }
            for principal in principals
        },
    }


def test_the_statements_of_a_bus_policy_come_and_go_one_by_one(cloud: Cloud) -> None:
    stack = Stack(cloud, "bus-policy")
    events = cloud.administrator(ACCOUNT).client("events")

    def statements() -> list[str]:
        policy = json.loads(events.describe_event_bus(Name="policy-bus").get("Policy", '{"Statement": []}'))
        return sorted(statement["Sid"] for statement in policy["Statement"])

    assert stack.create(_bus("222222222222")) == "CREATE_COMPLETE"
    assert statements() == ["from-222222222222"]
    assert stack.update(_bus("222222222222", "333333333333")) == "UPDATE_COMPLETE"
    assert statements() == ["from-222222222222", "from-333333333333"]
    assert stack.update(_bus("333333333333")) == "UPDATE_COMPLETE"
    assert statements() == ["from-333333333333"]
    stack.delete()


def test_an_unknown_type_is_refused_by_name(cloud: Cloud) -> None:
    stack = Stack(cloud, "unknown")
    with pytest.raises(Exception, match=r"AWS::Unheard::Of"):
        stack.create({"One": {"Type": "AWS::Unheard::Of", "Properties": {}}})


def test_what_is_retained_except_on_create_goes_when_the_first_create_fails(cloud: Cloud) -> None:
    stack = Stack(cloud, "retained")
    kept = {"Type": "AWS::SSM::Parameter", "DeletionPolicy": "RetainExceptOnCreate"}
    rule = _rule("Ingress", 443)
    rule["Properties"] |= {"GroupId": "sg-none", "CidrIp": "10.0.0.0/8"}
    resources = {
        "Kept": kept | {"Properties": {"Name": "/retained", "Type": "String", "Value": "1"}},
        "Rule": rule | {"DependsOn": "Kept"},
    }
    assert stack.create(resources) == "ROLLBACK_COMPLETE"
    ssm = cloud.administrator(ACCOUNT).client("ssm")
    assert ssm.get_parameters(Names=["/retained"])["InvalidParameters"] == ["/retained"]


def test_a_protected_stack_is_not_deleted(cloud: Cloud) -> None:
    client = cloud.administrator(ACCOUNT).client("cloudformation")
    template = {"Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
    client.create_stack(StackName="protected", TemplateBody=json.dumps(template), EnableTerminationProtection=True)
    with pytest.raises(Exception, match="TerminationProtection"):
        client.delete_stack(StackName="protected")
