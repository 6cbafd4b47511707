"""``AWS::CodeBuild::Project``, by way of the API.

Source: CloudFormation template reference, "AWS::CodeBuild::Project": the API's members with a capital first letter;
``Ref`` gives the name; only ``Name`` makes a new project.
"""

from collections.abc import Mapping

from botocore.model import ListShape, Shape, StructureShape
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.api.shapes import Document, service_model
from plumbline.rehearsal.codebuild.projects import Projects, Scope
from plumbline.rehearsal.codebuild.service import check_request

TYPE = "AWS::CodeBuild::Project"
Created = tuple[str, dict[str, str]]
_ERROR = "{message} (Service: AWSCodeBuild; Status Code: {status}; Error Code: {code})"
# What an update takes away when the template says it no longer.
_OPTIONAL = ("description", "concurrentBuildLimit", "logsConfig", "cache", "tags", "sourceVersion")
# Properties that say nothing while they are at what they are anyway.
_AT_REST: Mapping[str, object] = {"Visibility": "PRIVATE", "Triggers": {"Webhook": False}}


class ProjectRefusedError(Exception):
    """CodeBuild refuses a request of CloudFormation's; the message becomes the stack event's reason."""


def register(projects: Projects) -> None:
    """Has the emulator of this process provision projects by way of the API.

    Args:
        projects: The projects.
    """

    def create(logical_id: str, properties: Document, stack: str) -> Created:
        name = str(properties.get("Name") or provisioners._physical_name(stack, logical_id, max_len=255))
        request = request_of({**properties, "Name": name})
        _ask("CreateProject", request, projects)
        return name, {"Arn": _scope().arn(f"project/{name}")}

    def update(physical_id: str, _old: Document, new: Document, stack: str, logical_id: str = "") -> Created:
        if new.get("Name") and new["Name"] != physical_id:
            return create(logical_id, new, stack)
        request = request_of({**new, "Name": physical_id})
        projects.forget(_scope(), physical_id, [member for member in _OPTIONAL if member not in request])
        _ask("UpdateProject", request, projects)
        return physical_id, {"Arn": _scope().arn(f"project/{physical_id}")}

    def delete(physical_id: str, _properties: Document) -> None:
        projects.delete(_scope(), {"name": physical_id})

    provisioners._RESOURCE_HANDLERS[TYPE] = {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": delete,
    }


def request_of(properties: Document) -> Document:
    """The request of CreateProject that a template's properties stand for.

    Raises:
        UnsupportedOperationError: A property has no member of the API.
    """
    shape = service_model("codebuild").operation_model("CreateProject").input_shape
    given = {name: value for name, value in properties.items() if _AT_REST.get(name) != value}
    assert shape is not None  # noqa: S101 - told to mypy: CreateProject has one
    request = _converted(shape, given, TYPE)
    assert isinstance(request, dict)  # noqa: S101 - told to mypy: a structure
    return request


def _converted(shape: Shape, value: object, where: str) -> object:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = {name.lower(): (name, member) for name, member in shape.members.items()}
        converted = {}
        for name, item in value.items():
            if name.lower() not in members:
                raise UnsupportedOperationError(f"{where}.{name} is no part of the rehearsal's CodeBuild")
            api_name, member = members[name.lower()]
            converted[api_name] = _converted(member, item, f"{where}.{name}")
        return converted
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_converted(shape.member, item, where) for item in value]
    # A template may write every scalar as a text.
    if shape.type_name in ("integer", "long"):
        return int(str(value))
    if shape.type_name == "boolean":
        return str(value).lower() == "true"
    return str(value) if isinstance(value, int | float) else value


def _ask(operation: str, request: Document, projects: Projects) -> None:
    try:
        check_request(operation, request)
        (projects.create if operation == "CreateProject" else projects.update)(_scope(), request)
    except ApiError as error:
        raise ProjectRefusedError(_ERROR.format(message=error.message, status=error.status, code=error.code)) from error


def _scope() -> Scope:
    return Scope(account=str(get_account_id()), region=str(get_region()))
