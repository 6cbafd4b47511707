"""Event buses, rules and schedules."""

import re
from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import AVAILABILITY, ENCRYPTION_AT_REST, MONITORING, OUTSIDERS, answers
from plumbline.audit.rules.expectations import must_be, must_be_a_key, must_be_given
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.policy_rules import allows_named_actions, is_closed_to_the_public, names_foreigners
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

RULE = "AWS::Events::Rule"
_BUS_POLICIES = ("AWS::Events::EventBusPolicy", "AWS::Events::EventBus")
_BUS = re.compile(r"^arn:[^:]*:events:(?P<region>[^:]*):(?P<account>[^:]*):event-bus/")
# Targets that EventBridge calls synchronously, or that take no queue.
_NOT_QUEUED = re.compile(r":(log-group):")

buses_are_closed = is_closed_to_the_public(
    id_="PL-EVT-01", what="Event buses", types=_BUS_POLICIES, security_hub=("EventBridge.3",)
)
buses_name_actions = allows_named_actions(id_="PL-EVT-08", what="event buses", types=_BUS_POLICIES)
buses_name_foreigners = names_foreigners(id_="PL-EVT-02", what="Event buses", types=_BUS_POLICIES)


def _targets(found: Resource) -> tuple[Part, ...]:
    return found.at("Targets").items


def _foreign(target: Part, found: Resource) -> bool:
    bus = _BUS.match(target.at("Arn").text)
    place = found.template.place
    return bus is not None and (bus["account"], bus["region"]) != (place.account, place.region)


@rule(
    id="PL-EVT-03",
    title="Events go to another account's bus under a role",
    sense="Without a role EventBridge refuses the target, and nothing limits what the rule may send where.",
    remedy="Give the target a RoleArn that may put events on that bus.",
    severity=Severity.HIGH,
    controls=answers(OUTSIDERS),
    types=(RULE,),
    applies=lambda found: any(_foreign(target, found) for target in _targets(found)),
)
def foreign_buses_are_reached_under_a_role(found: Resource) -> Iterator[Violation]:
    """EventBridge user guide, "Sending and receiving events between accounts"; required since March 2023."""
    for target in _targets(found):
        if _foreign(target, found):
            yield from must_be_given(
                target.at("RoleArn"), "a role that may put events there", subject=target.at("Id").text
            )


@rule(
    id="PL-EVT-04",
    title="Events that cannot be delivered are kept",
    sense="An event that EventBridge gives up on is gone: the retraining, the release, the alarm it stood for "
    "never happens.",
    remedy="Give each target a DeadLetterConfig with a queue, and put an alarm on the queue.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, MONITORING),
    types=(RULE,),
    applies=lambda found: any(not _NOT_QUEUED.search(target.at("Arn").text) for target in _targets(found)),
)
def lost_events_are_kept(found: Resource) -> Iterator[Violation]:
    """EventBridge user guide, "Using dead-letter queues to process undelivered events"."""
    for target in _targets(found):
        if not _NOT_QUEUED.search(target.at("Arn").text):
            yield from must_be_given(target.at("DeadLetterConfig.Arn"), "a queue", subject=target.at("Id").text)


@rule(
    id="PL-EVT-05",
    title="Event buses are encrypted with a customer managed key",
    sense="Events wait on the bus, and in archives, with whatever their details say.",
    remedy="Set KmsKeyIdentifier of the bus.",
    severity=Severity.LOW,
    controls=answers(ENCRYPTION_AT_REST),
    types=("AWS::Events::EventBus",),
)
def buses_are_encrypted(bus: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(bus.at("KmsKeyIdentifier"))


@rule(
    id="PL-EVT-06",
    title="Event rules are enabled",
    sense="A rule that is switched off raises no alarm and starts nothing, and looks as if it did.",
    remedy="Leave State out, or set it to ENABLED; delete a rule that nobody needs.",
    severity=Severity.MEDIUM,
    controls=answers(MONITORING),
    types=(RULE,),
)
def rules_are_enabled(found: Resource) -> Iterator[Violation]:
    """EventBridge API reference, "PutRule": enabled by default."""
    states = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    yield from must_be(found.at("State"), lambda value: value is None or value in states, "ENABLED")


@rule(
    id="PL-EVT-07",
    title="Scheduled calls that fail are kept",
    sense="A schedule that could not call its target tries again for a day, and then forgets it.",
    remedy="Give the target a DeadLetterConfig with a queue, and put an alarm on the queue.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, MONITORING),
    types=("AWS::Scheduler::Schedule",),
)
def lost_schedules_are_kept(schedule: Resource) -> Iterator[Violation]:
    """EventBridge Scheduler user guide, "Configuring a dead-letter queue for EventBridge Scheduler"."""
    yield from must_be_given(schedule.at("Target.DeadLetterConfig.Arn"), "a queue")
