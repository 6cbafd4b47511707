"""Rules with a schedule.

Sources: EventBridge user guide, "Creating a scheduled rule (legacy)" for the event that they send and the bus that they
are on; API reference, "PutRule".

The emulator looks every ten seconds which rules are due by the machine's clock; here they are due when the rehearsal's
clock is moved, so that what a rehearsal shows does not depend on the hour in which it is run.
"""

import dataclasses
import heapq
import itertools
import uuid
from collections.abc import Iterator

from ministack.core.responses import error_response_json, request_scope
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal import clock
from plumbline.rehearsal.eventbridge.delivery import Members
from plumbline.rehearsal.eventbridge.rule_metrics import count
from plumbline.rehearsal.eventbridge.schedule_expressions import is_valid, next_after

MOST_EVENTS = 10_000
_TYPE = "AWS::Events::Rule"
_ENABLED = frozenset({"ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"})
_own_put_rule = eventbridge._put_rule
# Up to when all rules have been looked through.
_looked_until = 0.0


class TooManyEventsError(ValueError):
    """So much time is to pass at once that its events could not be delivered in reasonable time."""


class InvalidScheduleError(ValueError):
    """A template has a schedule that EventBridge refuses; the message becomes the stack event's reason."""


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Due:
    """One rule at one of its times.

    Attributes:
        at: The time, in seconds.
        account: Where the rule is.
        region: Where the rule is.
        key: The emulator's key of the rule.
    """

    at: float
    account: str
    region: str
    key: str


def install() -> None:
    """Has the rules of the emulator of this process be due by the rehearsal's clock, and refuses other schedules."""
    eventbridge._tick_scheduled_rules = _leave_to_the_clock
    eventbridge._put_rule = _put_rule
    handler = provisioners._RESOURCE_HANDLERS[_TYPE]
    create = handler["create"]

    def create_rule(logical_id: str, properties: Members, stack: str) -> object:
        refused = refusal(properties)
        if refused is not None:
            raise InvalidScheduleError(f"{refused} (Service: EventBridge, Error Code: ValidationException)")
        created = create(logical_id, properties, stack)
        # a rate counts from it
        eventbridge._rules[_key(created[0], properties)]["CreationTime"] = clock.now()
        return created

    provisioners._eb_rule_create = create_rule
    provisioners._RESOURCE_HANDLERS[_TYPE] = handler | {"create": create_rule}


def refusal(rule: Members) -> str | None:
    """Why a rule with its schedule is refused; None when it is not."""
    expression = str(rule.get("ScheduleExpression") or "")
    if not expression:
        return None
    if _bus(rule) != "default":
        return "ScheduleExpression is supported only on the default event bus."
    return None if is_valid(expression) else "Parameter ScheduleExpression is not valid."


def due(until: float) -> list[Due]:
    """Which rules are due between the last time that was looked and another, the earliest first.

    Args:
        until: The other time, in seconds.

    Raises:
        TooManyEventsError: They are due more than ``MOST_EVENTS`` times.
    """
    rules = [
        _times(Due(at=max(_looked_until, _created(rule)), account=account, region=region, key=key), rule, until)
        for (account, region, key), rule in list(eventbridge._rules._data.items())
        if rule.get("ScheduleExpression") and rule.get("State") in _ENABLED
    ]
    found = list(itertools.islice(heapq.merge(*rules), MOST_EVENTS + 1))
    if len(found) > MOST_EVENTS:
        raise TooManyEventsError(
            f"until {clock.written(until)} more than {MOST_EVENTS} events of scheduled rules are due: move the clock "
            "in smaller steps"
        )
    return found


def fire(one: Due) -> str | None:
    """Sends a rule's event to its targets; called where the emulator serves.

    Returns:
        The rule's ARN; None when it is meanwhile no more, or disabled.
    """
    with request_scope(one.account, one.region):
        rule = eventbridge._rules.get(one.key)
        if rule is None or rule.get("State") not in _ENABLED:
            return None
        event = {
            "EventId": str(uuid.uuid4()),
            "Source": "aws.events",
            "DetailType": "Scheduled Event",
            "Detail": "{}",
            "EventBusName": "default",
            "Time": int(one.at),
            "Resources": [rule["Arn"]],
            "Account": one.account,
            "Region": one.region,
        }
        view = eventbridge._pattern_event_view(event)
        count("TriggeredRules", rule)
        for target in list(eventbridge._targets.get(one.key, [])):
            eventbridge._invoke_target(target, event, rule, view)
        return str(rule["Arn"])


def looked(until: float) -> None:
    """Notes that what was due until then has been sent."""
    global _looked_until
    _looked_until = until


def _times(begin: Due, rule: Members, until: float) -> Iterator[Due]:
    expression, created, after = str(rule["ScheduleExpression"]), _created(rule), begin.at
    while (at := next_after(expression, created=created, after=after)) is not None and at <= until:
        yield dataclasses.replace(begin, at=at)
        after = at


def _created(rule: Members) -> float:
    return float(str(rule.get("CreationTime") or 0))


def _put_rule(data: Members) -> object:
    refused = refusal(data)
    return error_response_json("ValidationException", refused, 400) if refused is not None else _own_put_rule(data)


def _key(name: str, rule: Members) -> str:
    return str(eventbridge._rule_key(name, _bus(rule)))


def _bus(rule: Members) -> str:
    """A rule's bus by its name, which requests also give by its ARN."""
    return str(rule.get("EventBusName") or "default").rpartition("/")[2]


def _leave_to_the_clock() -> None:
    """Stands in for the emulator's own look at what is due."""
