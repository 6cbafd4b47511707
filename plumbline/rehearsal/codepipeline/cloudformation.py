"""The CloudFormation type AWS::CodePipeline::Pipeline.

Source: CloudFormation template reference. ``Ref`` gives the name, ``Fn::GetAtt`` the version; the name replaces.
What making and changing it takes is decided by ``plumbline.rehearsal.provisioning``.
"""

import contextlib
from collections.abc import Iterator

from ministack.services.cloudformation import provisioners, stacks

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.service import scope_of_request
from plumbline.rehearsal.api.shapes import Document, typed_request
from plumbline.rehearsal.codepipeline.service import Service

Created = tuple[str, dict[str, str]]
TYPE = "AWS::CodePipeline::Pipeline"
_NAME_LENGTH = 100
# Properties that are no part of the pipeline's declaration.
_BESIDE = frozenset({"DisableInboundStageTransitions", "RestartExecutionOnUpdate", "Tags"})


class ResourceFailedError(Exception):
    """A pipeline could not be made, changed or deleted; the message becomes the stack event's reason."""


def register(service: Service) -> None:
    """Adds the type to the emulator's CloudFormation."""
    handler = _Handler(service)
    provisioners._RESOURCE_HANDLERS[TYPE] = {
        "create": handler.create,
        "update": handler.update,
        "delete": handler.delete,
    }
    provisioners._REPLACING_PROPERTIES[TYPE] = frozenset({"Name"})
    provisioners._CUSTOM_NAME_REPLACEMENT[TYPE] = {"name": "Name"}
    provisioners._STACK_TAG_PROPERTY[TYPE] = ("Tags", "list")
    waits = stacks._runs_on_worker_thread

    def runs_on_worker_thread(resource_type: str) -> bool:
        """Its work calls the emulator, which must go on serving meanwhile."""
        return resource_type == TYPE or bool(waits(resource_type))

    stacks._runs_on_worker_thread = runs_on_worker_thread


class _Handler:
    """What CloudFormation does with a pipeline."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def create(self, logical_id: str, properties: Document, stack_name: str) -> Created:
        generated = provisioners._physical_name(stack_name, logical_id, max_len=_NAME_LENGTH)
        name = str(properties.get("Name") or generated)
        with _worded():
            tags = _tags(properties)
            request = {"pipeline": declaration(name, properties)} | ({"tags": tags} if tags else {})
            made = self._perform("CreatePipeline", request)
            for stage, reason in _disabled(properties).items():
                self._perform("DisableStageTransition", _transition(name, stage) | {"reason": reason})
        return name, {"Version": str(made["pipeline"]["version"])}

    def update(self, name: str, old: Document, properties: Document, _stack_name: str) -> Created:
        changed = declaration(name, old) != declaration(name, properties)
        with _worded():
            if changed:
                self._perform("UpdatePipeline", {"pipeline": declaration(name, properties)})
            self._update_transitions(name, old, properties)
            self._update_tags(name, old, properties)
            if changed and str(properties.get("RestartExecutionOnUpdate", "false")).lower() == "true":
                self._perform("StartPipelineExecution", {"name": name})
            found = self._perform("GetPipeline", {"name": name})
        return name, {"Version": str(found["pipeline"]["version"])}

    def delete(self, name: str, _properties: Document) -> None:
        with _worded():
            self._perform("DeletePipeline", {"name": name})

    def _perform(self, operation: str, request: Document) -> Document:
        typed = typed_request(operation, request, service=self._service.model)
        return self._service.perform(operation, typed, scope_of_request())

    def _update_transitions(self, name: str, old: Document, properties: Document) -> None:
        before, after = _disabled(old), _disabled(properties)
        for stage in before.keys() - after.keys():
            with contextlib.suppress(ApiError):  # the stage may be gone
                self._perform("EnableStageTransition", _transition(name, stage))
        for stage, reason in after.items():
            if before.get(stage) != reason:
                self._perform("DisableStageTransition", _transition(name, stage) | {"reason": reason})

    def _update_tags(self, name: str, old: Document, properties: Document) -> None:
        arn = scope_of_request().arn_of("codepipeline", name)
        gone = {tag["key"] for tag in _tags(old)} - {tag["key"] for tag in _tags(properties)}
        if gone:
            self._perform("UntagResource", {"resourceArn": arn, "tagKeys": sorted(gone)})
        if _tags(properties) != _tags(old):
            self._perform("TagResource", {"resourceArn": arn, "tags": _tags(properties)})


def declaration(name: str, properties: Document) -> Document:
    """A pipeline as the API declares it, from the resource's properties."""
    made: Document = {}
    for member, value in properties.items():
        if member == "ArtifactStores":
            made["artifactStores"] = {one["Region"]: _lowered(one["ArtifactStore"]) for one in value}
        elif member not in _BESIDE:
            made[_lower(member)] = _lowered(value)
    return made | {"name": name}


def _lowered(value: object) -> object:
    """A value with the API's spelling of members; a configuration's keys are its own."""
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if isinstance(value, dict):
        return {_lower(key): item if key == "Configuration" else _lowered(item) for key, item in value.items()}
    return value


def _lower(member: str) -> str:
    return member[:1].lower() + member[1:]


def _tags(properties: Document) -> list[dict[str, str]]:
    # CloudFormation's own tags are none of a type whose schema says cloudFormationSystemTags: false
    return [
        {"key": str(tag["Key"]), "value": str(tag["Value"])}
        for tag in properties.get("Tags", [])
        if not str(tag["Key"]).startswith("aws:")
    ]


def _disabled(properties: Document) -> dict[str, str]:
    return {one["StageName"]: one["Reason"] for one in properties.get("DisableInboundStageTransitions", [])}


def _transition(name: str, stage: str) -> Document:
    return {"pipelineName": name, "stageName": stage, "transitionType": "Inbound"}


@contextlib.contextmanager
def _worded() -> Iterator[None]:
    """Words a refusal of CodePipeline's as CloudFormation does."""
    try:
        yield
    except ApiError as error:
        raise ResourceFailedError(
            f'Resource handler returned message: "{error.message} (Service: CodePipeline, Status Code: {error.status}, '
            f'Error Code: {error.code})" ({TYPE})'
        ) from error
