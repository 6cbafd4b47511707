"""Replays: what is in an archive goes on its bus again, under the replay's name.

Sources: EventBridge API reference, "StartReplay", "DescribeReplay" and "CancelReplay"; user guide, "Replaying archived
events": a replayed event has ``replay-name``, and rules may be named that alone see it.
"""

import threading
from collections.abc import Mapping

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, request_scope
from ministack.services import eventbridge

from plumbline.rehearsal.emulator_loop import on_loop
from plumbline.rehearsal.eventbridge.archives import events_of
from plumbline.rehearsal.eventbridge.delivery import Event, Members

_ONLY = "_OnlyRules"


def install() -> None:
    """Has the emulator of this process replay in this way."""
    eventbridge._start_replay = _start_replay


def is_wanted(event: Event, rule: Members) -> bool:
    """Whether a rule is among those that a replay is for; all are for an event that is not replayed."""
    only = event.get(_ONLY)
    return not isinstance(only, list) or rule.get("Arn") in only


def _start_replay(data: Members) -> object:
    name, source = str(data.get("ReplayName") or ""), str(data.get("EventSourceArn") or "")
    given = data.get("Destination")
    destination = given if isinstance(given, Mapping) else {}
    archive_name, error = eventbridge._archive_name_from_ref(source)
    if error:
        return error_response_json(*error, 400)
    archive = eventbridge._archives.get(archive_name)
    if archive is None:
        return error_response_json("ResourceNotFoundException", f"Archive {archive_name} does not exist.", 400)
    if name in eventbridge._replays:
        return error_response_json("ResourceAlreadyExistsException", f"Replay {name} already exists.", 400)
    if destination.get("Arn") != archive["EventSourceArn"]:
        message = "Parameter Destination.Arn is not valid. Reason: Must contain the ARN of the archive's event bus."
        return error_response_json("ValidationException", message, 400)
    start, end = (eventbridge._coerce_timestamp(data.get(member)) for member in ("EventStartTime", "EventEndTime"))
    if not isinstance(start, int | float) or not isinstance(end, int | float) or start >= end:
        message = "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."
        return error_response_json("ValidationException", message, 400)
    replay: dict[str, object] = {
        "ReplayName": name,
        "ReplayArn": f"arn:aws:events:{get_region()}:{get_account_id()}:replay/{name}",
        "Description": data.get("Description", ""),
        "EventSourceArn": source,
        "EventStartTime": start,
        "EventEndTime": end,
        "Destination": dict(destination),
        "State": "STARTING",
        "ReplayStartTime": eventbridge._now_ts(),
    }
    eventbridge._replays[name] = replay
    events = [event for event in events_of(archive) if start <= _time_of(event) <= end]
    threading.Thread(
        target=_replay, args=(replay, events, str(get_account_id()), str(get_region())), daemon=True, name="replay"
    ).start()
    return json_response({member: replay[member] for member in ("ReplayArn", "State", "ReplayStartTime")})


def _time_of(event: Event) -> float:
    time = event.get("Time")
    return float(time) if isinstance(time, int | float) else 0.0


def _replay(replay: dict[str, object], events: list[dict[str, object]], account: str, region: str) -> None:
    """Puts one event after the other on the bus."""
    destination = replay["Destination"]
    only = destination.get("FilterArns") if isinstance(destination, Mapping) else None

    def put() -> None:
        with request_scope(account, region):
            replay["State"] = "RUNNING"
            for event in events:
                replayed = {**event, "ReplayName": replay["ReplayName"]} | ({_ONLY: only} if only else {})
                eventbridge._dispatch_event(replayed)
                replay["EventLastReplayedTime"] = event["Time"]
            replay.update({"State": "COMPLETED", "ReplayEndTime": eventbridge._now_ts()})

    on_loop(put)
