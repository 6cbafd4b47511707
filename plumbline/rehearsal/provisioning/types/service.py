"""A type of CloudFormation's that is provisioned by the emulator's own API of its service."""

import json
from collections.abc import Callable, Mapping

from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.provisioning.notation import Properties, values

Created = tuple[str, dict[str, str]]
Answer = tuple[int, Mapping[str, str], bytes]
Operation = Callable[[dict[str, object]], Answer]


class ServiceRefusedError(Exception):
    """A service refuses a request of CloudFormation's; the message becomes the stack event's reason."""


def ask(operation: Operation, request: Mapping[str, object]) -> dict[str, object]:
    """Has a service do something, and returns its answer.

    Args:
        operation: The emulator's function.
        request: Its request; members without a value are left out.

    Raises:
        ServiceRefusedError: It refuses.
    """
    status, _, body = operation({member: value for member, value in request.items() if value is not None})
    answer: dict[str, object] = json.loads(body or b"{}")
    if status >= 400:
        code = str(answer.get("__type", "")).rpartition("#")[2]
        raise ServiceRefusedError(f"{answer.get('message') or answer.get('Message')} (Error Code: {code})")
    return answer


def add(
    resource_type: str,
    *,
    create: Callable[[str, Properties], Created],
    update: Callable[[str, Properties, Properties], Created],
    delete: Callable[[str, Properties], None],
    name: str,
    length: int,
) -> None:
    """Adds a type that its name identifies.

    Args:
        resource_type: The type's name.
        create: Makes a resource of the given name; returns what ``Ref`` and ``Fn::GetAtt`` give.
        update: Changes it in place, from (id, old properties, new properties).
        delete: Deletes it, from (id, properties).
        name: The path of the property that names the resource, whose change makes a new one.
        length: How long the name may be, in characters.
    """

    def chosen(logical_id: str, properties: Properties, stack: str) -> str:
        given = values(properties, name)
        return str(given[0]) if given else str(provisioners._physical_name(stack, logical_id, max_len=length))

    def make(logical_id: str, properties: Properties, stack: str) -> Created:
        return create(chosen(logical_id, properties, stack), properties)

    def change(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str = "") -> Created:
        wanted = chosen(logical_id, new, stack)
        # CloudFormation deletes the one of the old name afterwards.
        return update(physical_id, old, new) if wanted == physical_id else create(wanted, new)

    provisioners._RESOURCE_HANDLERS[resource_type] = {
        "create": make,
        "update": change,
        "update_with_logical_id": True,
        "delete": delete,
    }
