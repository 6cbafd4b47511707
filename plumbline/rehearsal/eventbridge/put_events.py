"""Events that go to the bus of another account by ``PutEvents``, and how any event arrives on a bus.

The bus's policy and the sender's both decide.

Sources: EventBridge user guide, "Permissions for event buses in Amazon EventBridge" and "Sending and receiving events
between AWS accounts in Amazon EventBridge".
"""

import json
import uuid
from collections.abc import Mapping

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge

from plumbline.rehearsal.eventbridge.delivery import Event

_FORWARDED = "_Forwarded"
_own_put_events = eventbridge._put_events


def install() -> None:
    """Has the emulator of this process deliver such events."""
    eventbridge._put_events = _put_events


def is_foreign(bus_arn: str) -> bool:
    """Whether an ARN is that of a bus in another account or region than the one in scope."""
    parts = bus_arn.split(":")
    return (
        len(parts) == 6
        and parts[2] == "events"
        and parts[5].startswith("event-bus/")
        and (parts[4], parts[3]) != (str(get_account_id()), str(get_region()))
    )


def has_come_from_another_bus(event: Event) -> bool:
    """Whether an event has made its one hop."""
    return bool(event.get(_FORWARDED))


def arrive(bus_arn: str, event: Event) -> bool:
    """Hands an event that comes from another bus or another account to a bus; False where there is no such bus."""
    _, _, _, region, account, resource = bus_arn.split(":")
    name = resource.removeprefix("event-bus/")
    with request_scope(account, region):
        if name != "default" and name not in eventbridge._event_buses:
            return False
        arrived = {**event, "EventBusName": name, _FORWARDED: True}
        eventbridge._events_log_list().append(arrived)
        eventbridge._dispatch_event(arrived)
        eventbridge._archive_event(arrived)
        return True


def _put_events(data: Mapping[str, object], allow_aws_source: bool = False) -> object:
    entries = data.get("Entries", [])
    listed = entries if isinstance(entries, list) else []
    if not any(is_foreign(str(entry.get("EventBusName", ""))) for entry in listed):
        return _own_put_events(data, allow_aws_source)
    results = [_put_one(entry, allow_aws_source=allow_aws_source) for entry in listed]
    failed = sum("ErrorCode" in result for result in results)
    body = json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, body


def _put_one(entry: Mapping[str, object], *, allow_aws_source: bool) -> dict[str, object]:
    bus = str(entry.get("EventBusName", ""))
    if not is_foreign(bus):
        answer = json.loads(_own_put_events({"Entries": [entry]}, allow_aws_source)[2])
        result: dict[str, object] = answer["Entries"][0]
        return result
    if not allow_aws_source and str(entry.get("Source", "")).startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    identity = str(uuid.uuid4())
    event = {
        "EventId": identity,
        "Source": entry.get("Source", ""),
        "DetailType": entry.get("DetailType", ""),
        "Detail": entry.get("Detail", "{}"),
        "Time": int(eventbridge._now_ts()),
        "Resources": entry.get("Resources", []),
        "Account": get_account_id(),
        "Region": get_region(),
    }
    if not arrive(bus, event):
        return {
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"EventBridge EventBusName {bus} does not exist.",
        }
    return {"EventId": identity}
