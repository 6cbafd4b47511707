"""The plain stack in each state in which a person can find it."""

import datetime
from typing import Any

import pytest

from plumbline.accounts.changes import Change, counted
from plumbline.accounts.plain_stack import LARGEST_TEMPLATE, PlainStack
from plumbline.errors import PlumblineError
from tests.plumbline.accounts.conftest import StubbedClients

STACK, ARN = "plumbline-bootstrap", "arn:aws:cloudformation:eu-west-1:222222222222:stack/plumbline-bootstrap/1"
SET = "arn:aws:cloudformation:eu-west-1:222222222222:changeSet/plumb-1/1"
TIME = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
ADDED = [
    {
        "Type": "Resource",
        "ResourceChange": {"Action": "Add", "LogicalResourceId": "Boundary", "ResourceType": "AWS::IAM::ManagedPolicy"},
    }
]


class World:
    """What CloudFormation answers, call by call."""

    def __init__(self, clients: StubbedClients) -> None:
        self._clients = clients
        self.stub = clients.on("cloudformation")

    def stack(self, *, template: str = "Resources: {}") -> PlainStack:
        return PlainStack(
            client=self._clients.client("cloudformation"),
            region="eu-west-1",
            name=STACK,
            template=template,
            parameters={"Name": "plumbline"},
        )

    def is_in(self, status: str | None, *, protected: bool = False) -> None:
        if status is None:
            self.stub.add_client_error("describe_stacks", "ValidationError", f"Stack with id {STACK} does not exist")
            return
        described = {
            "StackName": STACK,
            "StackId": ARN,
            "CreationTime": TIME,
            "StackStatus": status,
            "EnableTerminationProtection": protected,
        }
        self.stub.add_response("describe_stacks", {"Stacks": [described]})

    def takes_changes(self, status: str = "CREATE_COMPLETE", *, reason: str = "") -> None:
        self.stub.add_response("create_change_set", {"Id": SET, "StackId": ARN})
        described: dict[str, Any] = {"Status": status, "StatusReason": reason, "Changes": ADDED}
        # Once for its status, once for all pages of its changes.
        for _ in range(2 if status == "CREATE_COMPLETE" else 1):
            self.stub.add_response("describe_change_set", described)

    def is_executed(self) -> None:
        self.stub.add_response("execute_change_set", {}, {"ChangeSetName": SET, "RetainExceptOnCreate": True})

    def forgets(self, execution: str | None = None) -> None:
        if execution is not None:
            self.stub.add_response("describe_change_set", {"ExecutionStatus": execution})
        if execution in (None, "AVAILABLE"):
            self.stub.add_response("delete_change_set", {})


@pytest.fixture
def world(clients: StubbedClients, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("plumbline.accounts.plain_stack.time.sleep", lambda _: None)
    return World(clients)


def _deploy(world: World) -> tuple[tuple[Change, ...], list[str]]:
    told: list[str] = []
    return world.stack().deploy(tell=told.append), told


def test_a_new_stack_is_made_and_protected(world: World, clients: StubbedClients) -> None:
    world.is_in(None)
    world.takes_changes()
    world.is_executed()
    for status in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"):
        world.is_in(status)
    world.forgets("EXECUTE_COMPLETE")
    world.is_in("CREATE_COMPLETE")
    world.stub.add_response(
        "update_termination_protection", {"StackId": ARN}, {"StackName": STACK, "EnableTerminationProtection": True}
    )
    changes, told = _deploy(world)
    assert counted(changes) == "1 to add"
    assert told == ["plumbline-bootstrap create in progress"]
    clients.none_left()


def test_nothing_to_change_is_no_error(world: World, clients: StubbedClients) -> None:
    world.is_in("UPDATE_COMPLETE")
    world.takes_changes("FAILED", reason="The submitted information didn't contain changes. Submit different …")
    world.forgets()
    world.is_in("UPDATE_COMPLETE", protected=True)
    changes, _ = _deploy(world)
    assert counted(changes) == "no resource to change"
    clients.none_left()


def test_a_change_of_no_resource_is_made_all_the_same(world: World, clients: StubbedClients) -> None:
    world.is_in("UPDATE_COMPLETE")
    world.stub.add_response("create_change_set", {"Id": SET, "StackId": ARN})
    for _ in range(2):
        world.stub.add_response("describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": []})
    world.is_executed()
    world.is_in("UPDATE_COMPLETE")
    world.forgets("EXECUTE_COMPLETE")
    world.is_in("UPDATE_COMPLETE", protected=True)
    _deploy(world)
    clients.none_left()


def test_what_waits_for_review_is_continued(world: World, clients: StubbedClients) -> None:
    world.is_in("REVIEW_IN_PROGRESS")
    world.takes_changes()
    world.is_executed()
    world.is_in("CREATE_COMPLETE")
    world.forgets("EXECUTE_COMPLETE")
    world.is_in("CREATE_COMPLETE", protected=True)
    _deploy(world)
    clients.none_left()


def test_what_is_under_way_is_waited_for(world: World, clients: StubbedClients) -> None:
    for status in ("UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_COMPLETE"):
        world.is_in(status)
    world.takes_changes("FAILED", reason="No updates are to be performed.")
    world.forgets()
    world.is_in("UPDATE_COMPLETE", protected=True)
    _, told = _deploy(world)
    assert told == ["plumbline-bootstrap update in progress"]
    clients.none_left()


@pytest.mark.parametrize(
    ("status", "way_out"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name plumbline-bootstrap --region eu-west-1"),
        ("CREATE_FAILED", "delete-stack"),
        ("ROLLBACK_FAILED", "delete-stack"),
        ("DELETE_FAILED", "delete what is left"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name plumbline-bootstrap"),
    ],
)
def test_a_dead_end_is_told_with_the_way_out(world: World, status: str, way_out: str) -> None:
    world.is_in(status)
    with pytest.raises(PlumblineError) as refusal:
        _deploy(world)
    assert status in str(refusal.value)
    assert way_out in str(refusal.value)


def test_a_failed_update_names_the_resource_that_failed_first_and_why(world: World) -> None:
    world.is_in("UPDATE_COMPLETE")
    world.takes_changes()
    world.is_executed()
    world.is_in("UPDATE_ROLLBACK_COMPLETE")
    world.stub.add_response("describe_stack_events", {"StackEvents": [_event(*one) for one in _EVENTS]})
    world.forgets("EXECUTE_FAILED")
    with pytest.raises(PlumblineError) as refusal:
        _deploy(world)
    assert "UPDATE_ROLLBACK_COMPLETE: Boundary (AWS::IAM::ManagedPolicy): no such action" in str(refusal.value)


# Newest first, as AWS gives them; what failed in an earlier operation is not this one's cause.
_EVENTS = (
    ("Later", "UPDATE_FAILED", "cancelled"),
    ("Boundary", "UPDATE_FAILED", "no such action"),
    (STACK, "UPDATE_IN_PROGRESS", "User Initiated"),
    ("Old", "CREATE_FAILED", "long ago"),
)


def _event(name: str, status: str, why: str) -> dict[str, Any]:
    return {
        "StackId": ARN,
        "EventId": name,
        "StackName": STACK,
        "Timestamp": TIME,
        "LogicalResourceId": name,
        "PhysicalResourceId": ARN if name == STACK else name,
        "ResourceType": "AWS::CloudFormation::Stack" if name == STACK else "AWS::IAM::ManagedPolicy",
        "ResourceStatus": status,
        "ResourceStatusReason": why,
    }


def test_a_template_that_aws_refuses_leaves_the_stack_as_it_was(world: World, clients: StubbedClients) -> None:
    world.is_in("UPDATE_COMPLETE")
    world.stub.add_client_error("create_change_set", "ValidationError", "Template format error: no Resources")
    world.stub.add_client_error("delete_change_set", "ChangeSetNotFound")
    with pytest.raises(PlumblineError, match="Template format error: no Resources"):
        _deploy(world)
    clients.none_left()


def test_a_change_set_that_fails_says_why(world: World) -> None:
    world.is_in("UPDATE_COMPLETE")
    world.takes_changes("FAILED", reason="Transform is not there")
    world.forgets()
    with pytest.raises(PlumblineError, match="is as it was: AWS refuses the change: Transform is not there"):
        _deploy(world)


def test_a_lacking_permission_is_told_in_awss_words(world: World) -> None:
    world.stub.add_client_error(
        "describe_stacks", "AccessDenied", "not authorized to perform: cloudformation:DescribeStacks"
    )
    with pytest.raises(PlumblineError, match="may not: not authorized to perform: cloudformation:DescribeStacks"):
        _deploy(world)


def test_a_template_too_large_for_a_request_is_refused_before_anything_is_asked(world: World) -> None:
    with pytest.raises(PlumblineError, match="51,200 bytes"):
        world.stack(template="#" * (LARGEST_TEMPLATE + 1)).planned()


def test_a_plan_for_no_stack_leaves_none(world: World, clients: StubbedClients) -> None:
    world.is_in(None)
    world.takes_changes()
    world.forgets("AVAILABLE")
    world.is_in("REVIEW_IN_PROGRESS")
    world.stub.add_response("delete_stack", {}, {"StackName": ARN})
    assert [change.logical_id for change in world.stack().planned()] == ["Boundary"]
    clients.none_left()


def test_a_plan_leaves_somebody_elses_review_alone(world: World, clients: StubbedClients) -> None:
    world.is_in("REVIEW_IN_PROGRESS")
    world.takes_changes()
    world.forgets("AVAILABLE")
    world.stack().planned()
    clients.none_left()


def test_a_plan_does_not_wait(world: World) -> None:
    world.is_in("UPDATE_IN_PROGRESS")
    with pytest.raises(PlumblineError, match="is UPDATE_IN_PROGRESS: wait until that has ended"):
        world.stack().planned()


def test_an_interrupt_before_the_execution_removes_the_change_set(
    world: World, clients: StubbedClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.is_in("UPDATE_COMPLETE")
    world.takes_changes()
    world.forgets("AVAILABLE")
    monkeypatch.setattr(clients.client("cloudformation"), "execute_change_set", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        _deploy(world)
    clients.none_left()


def _interrupt(**_: object) -> None:
    raise KeyboardInterrupt
