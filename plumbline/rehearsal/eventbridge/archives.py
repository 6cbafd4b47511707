"""Archives that hold what they say.

Sources: EventBridge API reference, "CreateArchive" and "DescribeArchive"; user guide, "Archiving and replaying events
in Amazon EventBridge": what a replay has put on a bus is not archived again.
"""

import json
import re
from collections.abc import Mapping

from ministack.core.responses import error_response_json
from ministack.services import eventbridge

from plumbline.rehearsal import clock
from plumbline.rehearsal.eventbridge import bus_keys
from plumbline.rehearsal.eventbridge.delivery import Event, Members

_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,48}")
_DAY = 86_400
_HIDDEN = frozenset({"Events", "LastUpdatedTime"})
_own_create_archive = eventbridge._create_archive


def install() -> None:
    """Has the emulator of this process keep archives in this way."""
    eventbridge._create_archive = _create_archive
    eventbridge._describe_archive = _describe_archive
    eventbridge._archive_event = archive_event


def archive_event(event: Event, view: object = None) -> None:
    """Stands in for the emulator's own, which knows no key and no retention, and archives what is replayed."""
    if event.get("ReplayName") is not None:
        return
    seen = view or eventbridge._pattern_event_view(event)
    record = eventbridge._event_buses.get(str(event.get("EventBusName", "default"))) or {}
    for archive in list(eventbridge._archives.values()):
        pattern, key = archive.get("EventPattern"), archive.get("KmsKeyIdentifier")
        if archive.get("EventSourceArn") != record.get("Arn"):
            continue
        if pattern and not eventbridge._matches_pattern_view(pattern, seen, f"archive {archive['ArchiveName']}"):
            continue
        if key and bus_keys.archive_refusal(str(key), str(record["Arn"])) is not None:
            continue
        archive.setdefault("Events", []).append(dict(event))
        _count(archive)


def events_of(archive: dict[str, object]) -> list[dict[str, object]]:
    """What is in an archive, oldest first."""
    _count(archive)
    kept = archive.get("Events")
    return list(kept) if isinstance(kept, list) else []


def _count(archive: dict[str, object]) -> None:
    """Drops what is older than the archive keeps, and says how much is left."""
    kept, days = archive.get("Events"), int(str(archive.get("RetentionDays") or 0))
    since = clock.now() - days * _DAY if days else 0
    events = [one for one in kept if one["Time"] > since] if isinstance(kept, list) else []
    archive["Events"] = events
    archive["EventCount"] = len(events)
    archive["SizeBytes"] = sum(len(json.dumps(one)) for one in events)


def _create_archive(data: Members) -> object:
    name, bus_arn = str(data.get("ArchiveName") or ""), str(data.get("EventSourceArn") or "")
    if name and not _NAME.fullmatch(name):
        return error_response_json(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'archiveName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length less than or equal to 48",
            400,
        )
    bus, error = eventbridge._event_bus_name_from_ref(bus_arn)
    if error:
        return error_response_json(*error, 400)
    if bus not in eventbridge._event_buses:
        return error_response_json("ResourceNotFoundException", f"Event bus {bus} does not exist.", 400)
    return _own_create_archive(data)


def _describe_archive(data: Members) -> object:
    name = str(data.get("ArchiveName") or "")
    archive = eventbridge._archives.get(name)
    if archive is None:
        return error_response_json("ResourceNotFoundException", f"Archive {name} does not exist.", 400)
    _count(archive)
    shown: Mapping[str, object] = {member: value for member, value in archive.items() if member not in _HIDDEN}
    return eventbridge.json_response({member: value for member, value in shown.items() if value not in ("", None)})
