"""CloudFormation's own calls, decided for the role that a stack is deployed with.

MiniStack provisions without making requests, so the policy of an execution role would prove nothing. Here each
creation, change and deletion of a resource takes what ``handlers`` says of its type. A refusal fails the resource in
CloudFormation's words, and what was created by then is taken back. A type that nobody has written down fails by name.
Resources of a stack without a role are not decided: on AWS they would be the caller's requests.
"""

import contextlib
import dataclasses
import uuid
from collections.abc import Iterable, Iterator, Mapping

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners, stacks

from plumbline.rehearsal.enforcement import AccessDenied, Caller, authorize, deploying_caller
from plumbline.rehearsal.enforcement.object_keys import key_use
from plumbline.rehearsal.provisioning.handlers import handler_of
from plumbline.rehearsal.provisioning.notation import (
    Handler,
    Properties,
    Request,
    Resource,
    change,
    changed_properties,
    completion,
    creation,
    deletion,
    values,
)

Created = tuple[str, dict[str, str]]
_provision = stacks._provision_resource
_update = stacks._update_resource
_delete = stacks._delete_resource


class ResourceRefusedError(Exception):
    """The stack's role may not; the message becomes the stack event's reason."""


def install() -> None:
    """Has the emulator of this process decide what its CloudFormation does."""
    stacks._provision_resource = _provision_resource
    stacks._update_resource = _update_resource
    stacks._delete_resource = _delete_resource


def _provision_resource(resource_type: str, logical_id: str, properties: Properties, stack: str) -> Created:
    subject = _subject(resource_type, properties, stack, logical_id)
    if subject is None:
        created: Created = _provision(resource_type, logical_id, properties, stack)
        return created
    subject.decide(creation(subject.handler, subject.resource))
    made: Created = _provision(resource_type, logical_id, properties, stack)
    try:
        subject.decide(completion(subject.handler, subject.known_as(made[0])))
    except ResourceRefusedError:
        _delete(resource_type, made[0], properties, stack, logical_id)
        raise
    return made


def _update_resource(
    resource_type: str,
    physical_id: str,
    old: Properties,
    new: Properties,
    stack: str,
    logical_id: str = "",
    attributes: Mapping[str, str] | None = None,
) -> Created:
    subject = _subject(resource_type, new, stack, logical_id) if old != new else None
    if subject is not None:
        replaced = changed_properties(old, new) & subject.handler.replacing
        present = subject.known_as(physical_id)
        had = _tagged(old, subject.handler, stack)
        subject.decide(
            creation(subject.handler, subject.resource) if replaced else change(subject.handler, present, had)
        )
    updated: Created = _update(resource_type, physical_id, old, new, stack, logical_id, attributes)
    return updated


def _delete_resource(
    resource_type: str, physical_id: str, properties: Properties, stack: str = "", logical_id: str = ""
) -> None:
    subject = _subject(resource_type, properties, stack, logical_id)
    if subject is not None:
        subject.decide(deletion(subject.handler, subject.known_as(physical_id)))
    _delete(resource_type, physical_id, properties, stack, logical_id)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Subject:
    """A resource, and the role that a stack provisions it in."""

    caller: Caller
    handler: Handler
    resource: Resource

    def known_as(self, physical_id: str) -> Resource:
        """The resource once it has an id, from which comes its name where AWS or CloudFormation has chosen one."""
        given = values(self.resource.properties, self.handler.name) if self.handler.name else []
        name = self.resource.name if given else _name_in(physical_id)
        return dataclasses.replace(self.resource, id=physical_id, name=name)

    def decide(self, requests: Iterable[Request]) -> None:
        """Decides requests, and what reading an encrypted object asks of its key.

        Raises:
            ResourceRefusedError: The role may not.
        """
        made: list[Request] = []
        for request in requests:
            if request not in made:
                made.append(request)
                self._decide(request.action, request.resource, request.keys)

    def _decide(self, action: str, resource: str, keys: Mapping[str, str | list[str]]) -> None:
        with self._worded(action):
            authorize(principal=self.caller, action=action, resource=resource, context=keys)
        key = key_use(action, resource, keys, region=self.caller.region, of_upload=False)
        if key is not None:
            with self._worded(key.action):
                authorize(principal=self.caller, action=key.action, resource=key.resource, context=key.context)

    @contextlib.contextmanager
    def _worded(self, action: str) -> Iterator[None]:
        try:
            yield
        except AccessDenied as error:
            service = action.partition(":")[0].capitalize()
            raise ResourceRefusedError(
                f'Resource handler returned message: "{error} (Service: {service}, Status Code: 403, '
                f'Request ID: {uuid.uuid4()})" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: AccessDenied)'
            ) from error


def _subject(resource_type: str, properties: Properties, stack: str, logical_id: str) -> _Subject | None:
    """What is to be decided; None in a stack without a role.

    Raises:
        ResourceRefusedError: The role does not trust CloudFormation, or nobody has written down the type's calls.
    """
    try:
        caller = deploying_caller(stack)
    except AccessDenied as error:
        raise ResourceRefusedError(str(error)) from error
    if caller is None:
        return None
    handler = handler_of(resource_type)
    if handler is None:
        raise ResourceRefusedError(
            f"{resource_type}: no table of the rehearsal says which IAM actions CloudFormation takes for this type; "
            "add it under plumbline/rehearsal/provisioning/handlers"
        )
    properties = _tagged(properties, handler, stack)
    given = values(properties, handler.name) if handler.name else []
    name = str(given[0]) if given else str(provisioners._physical_name(stack, logical_id))
    resource = Resource(properties=properties, account=str(get_account_id()), region=str(get_region()), name=name)
    return _Subject(caller=caller, handler=handler, resource=resource)


def _tagged(properties: Properties, handler: Handler, stack: str) -> Properties:
    """A resource's properties with CloudFormation's own tag or, for types that it does not tag, without."""
    tags = properties.get("Tags")
    if isinstance(tags, Mapping):
        return properties
    own = [tag for tag in (tags if isinstance(tags, list) else []) if not str(tag["Key"]).startswith("aws:")]
    system = [{"Key": "aws:cloudformation:stack-name", "Value": stack}] if handler.system_tags else []
    return {**properties, "Tags": [*own, *system]}


def _name_in(physical_id: str) -> str:
    """The name in what ``Ref`` gives: an ARN, a queue's URL, a rule with its bus, or the name itself."""
    if physical_id.startswith(("arn:", "http")):
        return physical_id.rpartition(":")[2].rpartition("/")[2]
    return physical_id.rpartition("|")[2]
