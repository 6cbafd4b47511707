"""Which rules see an event.

Sources: EventBridge API reference, "PutRule", for a rule's states; user guide, "Read-only management events from AWS
services" and "Using dead-letter queues to capture encrypted event errors".
"""

import json
from collections.abc import Mapping

from ministack.services import eventbridge

from plumbline.rehearsal.enforcement.trail_events import is_read_only
from plumbline.rehearsal.eventbridge import bus_keys, dead_letters
from plumbline.rehearsal.eventbridge.delivery import Event, View
from plumbline.rehearsal.eventbridge.replays import is_wanted
from plumbline.rehearsal.eventbridge.rule_metrics import count

_ALL = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def install() -> None:
    """Has the emulator of this process dispatch in this way."""
    eventbridge._dispatch_event = dispatch_event


def dispatch_event(event: Event, view: View | None = None) -> None:
    """Stands in for the emulator's own, which knows no key, no metric, and of a rule's states only ``ENABLED``."""
    bus = str(event.get("EventBusName", "default"))
    seen: View = view or eventbridge._pattern_event_view(event)
    refused = bus_keys.refusal(bus, event)
    if refused is not None:
        _keep(bus, refused.code, refused.message, json.dumps(seen.event_with_detail()))
        return
    states = {_ALL} if is_read_only(event) else {"ENABLED", _ALL}
    for key, rule in list(eventbridge._rules.items()):
        matches = (
            rule.get("EventBusName", "default") == bus
            and rule.get("State") in states
            and rule.get("EventPattern")
            and is_wanted(event, rule)
            and eventbridge._matches_pattern_view(rule["EventPattern"], seen, f"rule {key}")
        )
        if matches:
            count("MatchedEvents", rule)
            count("TriggeredRules", rule)
            for target in list(eventbridge._targets.get(key, [])):
                eventbridge._invoke_target(target, event, rule, seen)


def _keep(bus: str, code: str, message: str, body: str) -> None:
    """What a bus cannot encrypt goes to the bus's own queue; without one it is lost."""
    record = eventbridge._event_buses.get(bus) or {}
    given = record.get("DeadLetterConfig")
    queue = str(given.get("Arn", "")) if isinstance(given, Mapping) else ""
    if queue:
        attributes = {"ERROR_CODE": code, "ERROR_MESSAGE": message}
        dead_letters.keep(queue, body=body, attributes=attributes, source=bus_keys.source_of(str(record["Arn"])))
