"""Requests and responses, held against botocore's own model of a service."""

import functools
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from plumbline.rehearsal.api.errors import UnsupportedOperationError, validation_error
from plumbline.rehearsal.api.patterns import python_pattern

# A document of an API: its members are described by botocore's shapes, which every document is checked against at the
# border, both ways. Within the service it is read by name.
Document = dict[str, Any]

_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str, datetime),
    "blob": (str, bytes),
}


class ResponseError(Exception):
    """A response of ours that botocore's model of the operation does not allow: a fault of the rehearsal."""


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Botocore's model of a service.

    Args:
        service: As botocore names it, for example ``sagemaker-runtime``.
    """
    return botocore.session.get_session().get_service_model(service)


def operation_model(operation: str, *, service: str) -> OperationModel:
    """Botocore's model of an operation.

    Raises:
        UnsupportedOperationError: The service has no operation of that name.
    """
    model = service_model(service)
    if operation not in model.operation_names:
        raise UnsupportedOperationError(f"{operation} is no operation of {service}")
    return model.operation_model(operation)


def check_request(operation: str, request: Document, *, service: str) -> None:
    """Holds a request against the model.

    Raises:
        ApiError: ``ValidationException``, worded as AWS words it, when a member is missing, unknown, of the wrong
            type, or outside its enumeration, pattern or range.
    """
    shape = operation_model(operation, service=service).input_shape
    found = [] if shape is None else list(_violations(shape, request, "", inbound=True))
    if found:
        noun = "error" if len(found) == 1 else "errors"
        raise validation_error(f"{len(found)} validation {noun} detected: {'; '.join(found)}")


def check_response(operation: str, response: Document, *, service: str) -> None:
    """Holds a response against the model: members, types, required members and enumerations.

    Raises:
        ResponseError: The response does not fit.
    """
    shape = operation_model(operation, service=service).output_shape
    if shape is None:
        if response:
            raise ResponseError(f"{operation} answers nothing, got {sorted(response)}")
        return
    found = list(_violations(shape, response, "", inbound=False))
    if found:
        raise ResponseError(f"response of {operation}: {'; '.join(found)}")


def members_of(operation: str, document: Document, *, service: str, output: bool = False) -> Document:
    """The part of a document whose top-level members an operation's request (or response) has."""
    model = operation_model(operation, service=service)
    shape = model.output_shape if output else model.input_shape
    names = shape.members if isinstance(shape, StructureShape) else {}
    return {name: value for name, value in document.items() if name in names}


def typed_request(operation: str, request: Document, *, service: str) -> Document:
    """A request whose values have the types of the API, where a template may have written text."""
    shape = operation_model(operation, service=service).input_shape
    typed = _cast(shape, request) if shape is not None else request
    return typed if isinstance(typed, dict) else request


def _cast(shape: Shape, value: object) -> object:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return {name: _cast(members[name], item) if name in members else item for name, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_cast(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: _cast(shape.value, item) for name, item in value.items()}
    if shape.type_name == "boolean" and value in ("true", "false"):
        return value == "true"
    if shape.type_name in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if shape.type_name in ("float", "double") and isinstance(value, str):
        return float(value)
    if shape.type_name == "string" and isinstance(value, bool):
        return str(value).lower()
    if shape.type_name == "string" and isinstance(value, int | float):
        return str(value)
    return value


def _violations(shape: Shape, value: object, path: str, *, inbound: bool) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _structure(shape, value, path, inbound=inbound)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield _failed(value, path, "Member must be a list")
            return
        yield from _size(shape, len(value), value, path, "length")
        for index, item in enumerate(value):
            yield from _violations(shape.member, item, f"{path}.{index + 1}.member", inbound=inbound)
    elif isinstance(shape, MapShape):
        if not isinstance(value, dict):
            yield _failed(value, path, "Member must be a map")
            return
        yield from _size(shape, len(value), value, path, "length")
        for key, item in value.items():
            yield from _violations(shape.key, key, f"{path}.key", inbound=inbound)
            yield from _violations(shape.value, item, f"{path}.{key}.member", inbound=inbound)
    else:
        yield from _scalar(shape, value, path, inbound=inbound)


def _structure(shape: StructureShape, value: object, path: str, *, inbound: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _failed(value, path, "Member must be a structure")
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failed(None, _join(path, name), "Member must not be null")
    for name, item in value.items():
        if name not in shape.members:
            yield f"Unknown member '{_join(path, name)}', must be one of: {', '.join(shape.members)}"
        elif item is not None:
            yield from _violations(shape.members[name], item, _join(path, name), inbound=inbound)


def _scalar(shape: Shape, value: object, path: str, *, inbound: bool) -> Iterator[str]:
    accepted = _SCALARS.get(shape.type_name)
    mistyped = accepted is not None and not isinstance(value, accepted)
    if mistyped or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield _failed(value, path, f"Member must be of type {shape.type_name}")
        return
    enumeration = cast("list[str]", getattr(shape, "enum", []))
    if enumeration and value not in enumeration:
        yield _failed(value, path, f"Member must satisfy enum value set: [{', '.join(enumeration)}]")
        return
    if not inbound:
        return
    if isinstance(value, str) and shape.type_name == "string":
        yield from _size(shape, len(value), value, path, "length")
        pattern = shape.metadata.get("pattern")
        if pattern and not python_pattern(pattern).fullmatch(value):
            yield _failed(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    elif isinstance(value, int | float) and shape.type_name in ("integer", "long", "float", "double"):
        yield from _size(shape, value, value, path, "value")


def _size(shape: Shape, size: float, value: object, path: str, noun: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _failed(value, path, f"Member must have {noun} greater than or equal to {least}")
    if most is not None and size > most:
        yield _failed(value, path, f"Member must have {noun} less than or equal to {most}")


def _failed(value: object, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    where = ".".join(part[:1].lower() + part[1:] for part in path.split("."))
    return f"Value {shown} at '{where}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
