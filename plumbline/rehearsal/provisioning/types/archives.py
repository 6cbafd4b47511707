"""``AWS::Events::Archive``.

Source: CloudFormation template reference, "AWS::Events::Archive": ``Ref`` gives the name, ``Arn`` the ARN; another name
or another source makes a new archive.
"""

import json
from collections.abc import Mapping

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge

from plumbline.rehearsal.provisioning.notation import Properties
from plumbline.rehearsal.provisioning.types.service import Answer, Created, ServiceRefusedError, add, ask

_CHANGEABLE = ("Description", "KmsKeyIdentifier", "RetentionDays")


def register() -> None:
    """Adds the type to the emulator of this process."""
    add("AWS::Events::Archive", create=_create, update=_change, delete=_delete, name="ArchiveName", length=48)


def _create(name: str, properties: Properties) -> Created:
    ask(_create_archive, _request(properties) | {"ArchiveName": name, "EventSourceArn": properties.get("SourceArn")})
    return name, {"Arn": f"arn:aws:events:{get_region()}:{get_account_id()}:archive/{name}"}


def _create_archive(request: dict[str, object]) -> Answer:
    # As it is when asked, not as it was imported: EventBridge's part of the rehearsal stands in for it.
    answer: Answer = eventbridge._create_archive(request)
    return answer


def _change(physical_id: str, old: Properties, new: Properties) -> Created:
    if old.get("SourceArn") != new.get("SourceArn"):
        raise ServiceRefusedError(
            f"CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
            f"{physical_id} and update the stack again."
        )
    cleared: dict[str, object] = {"Description": "", "EventPattern": "", "KmsKeyIdentifier": "", "RetentionDays": 0}
    ask(eventbridge._update_archive, cleared | _request(new) | {"ArchiveName": physical_id})
    return physical_id, {"Arn": f"arn:aws:events:{get_region()}:{get_account_id()}:archive/{physical_id}"}


def _delete(physical_id: str, properties: Properties) -> None:  # noqa: ARG001 - the handler's signature
    eventbridge._archives.pop(physical_id, None)


def _request(properties: Properties) -> dict[str, object]:
    """What the API takes of a template's properties: an event pattern as text, and a number as a number."""
    request: dict[str, object] = {member: properties[member] for member in _CHANGEABLE if member in properties}
    pattern = properties.get("EventPattern")
    if pattern:
        request["EventPattern"] = json.dumps(pattern) if isinstance(pattern, Mapping) else pattern
    if "RetentionDays" in request:
        request["RetentionDays"] = int(str(request["RetentionDays"]))
    return request
