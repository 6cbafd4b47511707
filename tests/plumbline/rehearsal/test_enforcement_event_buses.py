"""Events from one account to another: both sides decide, and an event goes one hop."""

import itertools
import json
from typing import Any

import pytest

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.asking import OWNER, READER, Queue, allow, document, made, make_role, queue

pytestmark = pytest.mark.rehearsal

Document = dict[str, Any]
THIRD = "111111111111"
EVENTBRIDGE = "events.amazonaws.com"
_numbers = itertools.count()


class Bus:
    """A bus of an account, and a queue that gets what arrives on it.

    Args:
        cloud: The cloud.
        account: The account.
        admits: The account whose principals may put events; none for a bus without a policy.
    """

    def __init__(self, cloud: Cloud, account: str, *, admits: str | None = None) -> None:
        self._client = cloud.administrator(account).client("events")
        self.name = f"hop-{next(_numbers)}"
        self.arn = str(self._client.create_event_bus(Name=self.name)["EventBusArn"])
        if admits:
            statement = {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{admits}:root"},
                "Action": "events:PutEvents",
                "Resource": self.arn,
            }
            self._client.put_permission(EventBusName=self.name, Policy=document(statement | {"Sid": "one"}))
        self.queue: Queue = queue(cloud, account, self.name)
        self.forward(self.queue.arn)

    def forward(self, arn: str, *, role: str | None = None) -> None:
        """Has a rule of the bus send every event there."""
        rule = f"to-{next(_numbers)}"
        self._client.put_rule(Name=rule, EventBusName=self.name, EventPattern=json.dumps({"source": [{"prefix": ""}]}))
        target = {"Id": "one", "Arn": arn} | ({"RoleArn": role} if role else {})
        self._client.put_targets(Rule=rule, EventBusName=self.name, Targets=[target])

    def put(self) -> None:
        """Puts an event on the bus, as its own account."""
        self._client.put_events(Entries=[_entry(self.name)])


def _entry(bus: str) -> dict[str, str]:
    return {"Source": "hop", "DetailType": "one", "Detail": '{"number": 1}', "EventBusName": bus}


def _sender(cloud: Cloud, account: str, *statements: Document) -> str:
    """A role of EventBridge's in an account."""
    name = f"sender-{next(_numbers)}"
    iam = cloud.administrator(account).client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": EVENTBRIDGE}, "Action": "sts:AssumeRole"}
    own = {"StringEquals": {"aws:SourceAccount": account}}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust | {"Condition": own}))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="send", PolicyDocument=document(*statements))
    return str(arn)


def test_an_event_is_put_on_another_accounts_bus_when_both_sides_let_it(cloud: Cloud) -> None:
    bus = Bus(cloud, OWNER, admits=READER)
    sender = make_role(cloud, READER, "bus-both", allow("events:PutEvents", bus.arn)).client("events")
    assert sender.put_events(Entries=[_entry(bus.arn)])["FailedEntryCount"] == 0
    (event,) = bus.queue.received()
    assert (event["account"], event["detail"]) == (READER, {"number": 1})


def test_an_event_is_refused_by_a_bus_that_does_not_admit_its_sender(cloud: Cloud) -> None:
    bus = Bus(cloud, OWNER)
    sender = make_role(cloud, READER, "bus-unadmitted", allow("events:PutEvents", "*")).client("events")
    with pytest.raises(Exception, match="is not authorized to perform: events:PutEvents"):
        sender.put_events(Entries=[_entry(bus.arn)])
    assert bus.queue.received() == []


def test_an_event_is_refused_when_its_senders_policy_does_not_let_it(cloud: Cloud) -> None:
    bus = Bus(cloud, OWNER, admits=READER)
    sender = make_role(cloud, READER, "bus-unpermitted", allow("events:ListRules", "*")).client("events")
    with pytest.raises(Exception, match="is not authorized to perform: events:PutEvents"):
        sender.put_events(Entries=[_entry(bus.arn)])
    assert bus.queue.received() == []


def test_a_caller_puts_only_events_of_the_source_and_type_that_its_policy_names(cloud: Cloud) -> None:
    bus = Bus(cloud, OWNER)
    of_one = {
        "ForAllValues:StringEquals": {"events:source": "hop", "events:detail-type": "one"},
        "Null": {"events:source": "false", "events:detail-type": "false"},
    }
    sender = make_role(cloud, OWNER, "bus-of-one", allow("events:PutEvents", bus.arn, **of_one)).client("events")
    assert sender.put_events(Entries=[_entry(bus.name)])["FailedEntryCount"] == 0
    for other in ({"Source": "jump"}, {"DetailType": "two"}):
        for entries in ([_entry(bus.name) | other], [_entry(bus.name), _entry(bus.name) | other]):
            with pytest.raises(Exception, match="is not authorized to perform: events:PutEvents"):
                sender.put_events(Entries=entries)
    assert len(bus.queue.received()) == 1


def test_an_event_for_a_bus_that_is_not_there_fails_by_its_name(cloud: Cloud) -> None:
    missing = f"arn:aws:events:us-east-1:{OWNER}:event-bus/nowhere"
    answer = cloud.administrator(OWNER).client("events").put_events(Entries=[_entry(missing)])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "ResourceNotFoundException"
    assert missing in answer["Entries"][0]["ErrorMessage"]


def test_a_rule_sends_to_another_accounts_bus_in_its_targets_role(cloud: Cloud) -> None:
    there, here = Bus(cloud, OWNER, admits=READER), Bus(cloud, READER)
    here.forward(there.arn, role=_sender(cloud, READER, allow("events:PutEvents", there.arn)))
    here.put()
    (event,) = there.queue.received()
    assert (event["account"], event["source"]) == (READER, "hop")


def test_a_target_on_another_accounts_bus_needs_a_role(cloud: Cloud) -> None:
    there, here = Bus(cloud, OWNER, admits=READER), Bus(cloud, READER)
    with pytest.raises(Exception, match="RoleArn is required"):
        here.forward(there.arn)


def test_a_targets_role_that_may_not_put_events_loses_the_event(cloud: Cloud) -> None:
    there, here = Bus(cloud, OWNER, admits=READER), Bus(cloud, READER)
    role = _sender(cloud, READER)
    here.forward(there.arn, role=role)
    here.put()
    assert there.queue.received() == []
    asked = made(cloud, "events:PutEvents", principal=role.rpartition("/")[2])
    assert [decision.allowed for decision in asked] == [False]


def test_a_targets_role_that_another_service_is_trusted_with_loses_the_event(cloud: Cloud) -> None:
    there, here = Bus(cloud, OWNER, admits=READER), Bus(cloud, READER)
    role = _sender(cloud, OWNER, allow("events:PutEvents", there.arn))
    here.forward(there.arn, role=role)
    here.put()
    assert there.queue.received() == []


def test_a_bus_that_does_not_admit_the_targets_role_loses_the_event(cloud: Cloud) -> None:
    there, here = Bus(cloud, OWNER), Bus(cloud, READER)
    here.forward(there.arn, role=_sender(cloud, READER, allow("events:PutEvents", there.arn)))
    here.put()
    assert there.queue.received() == []


def test_an_event_that_has_come_from_another_account_goes_to_no_third(cloud: Cloud) -> None:
    third, there, here = Bus(cloud, THIRD, admits=OWNER), Bus(cloud, OWNER, admits=READER), Bus(cloud, READER)
    there.forward(third.arn, role=_sender(cloud, OWNER, allow("events:PutEvents", third.arn)))
    here.forward(there.arn, role=_sender(cloud, READER, allow("events:PutEvents", there.arn)))
    here.put()
    assert len(there.queue.received()) == 1
    assert third.queue.received() == []
    there.put()
    assert len(third.queue.received()) == 1


def test_a_buss_policy_admits_whom_it_names(cloud: Cloud) -> None:
    bus = Bus(cloud, OWNER, admits=THIRD)
    sender = make_role(cloud, READER, "bus-unnamed", allow("events:PutEvents", bus.arn)).client("events")
    with pytest.raises(Exception, match="is not authorized to perform: events:PutEvents"):
        sender.put_events(Entries=[_entry(bus.arn)])


def test_a_permission_of_one_account_admits_it_until_it_is_removed(cloud: Cloud) -> None:
    bus, client = Bus(cloud, OWNER), cloud.administrator(OWNER).client("events")
    client.put_permission(EventBusName=bus.name, Action="events:PutEvents", Principal=READER, StatementId="one")
    sender = make_role(cloud, READER, "bus-permitted", allow("events:PutEvents", bus.arn)).client("events")
    assert sender.put_events(Entries=[_entry(bus.arn)])["FailedEntryCount"] == 0
    client.remove_permission(EventBusName=bus.name, StatementId="one")
    with pytest.raises(Exception, match="is not authorized to perform: events:PutEvents"):
        sender.put_events(Entries=[_entry(bus.arn)])
