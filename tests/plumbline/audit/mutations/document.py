"""A template as mutations see it: one tree, the text of pipeline definitions opened, and a path to every place."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from plumbline.audit.json_value import Json, as_object
from plumbline.audit.templates import AuditedTemplate

Location: TypeAlias = tuple[str | int, ...]
# A change of a document: what stands at a path from now on, or nothing.
Change: TypeAlias = tuple[Location, "Json | Nothing"]

STACK = "the stack"
_PROTECTION = "TerminationProtection"
_NAMES = ("Sid", "Name", "Id", "VariantName", "InputName", "OutputName", "ChannelName")


@dataclass(frozen=True)
class Nothing:
    """Stands for the absence of a value, which `None`, JSON's null, does not."""


NOTHING = Nothing()


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """A value in a template, and where it stands.

    Attributes:
        type: Type of the resource that it is in; `STACK` outside of resources.
        path: Keys and indexes from the document's root; those of a resource begin with `Resources` and its logical id.
        value: What stands there.
        above: The place that holds it; none for a resource, and for what is outside of resources.
    """

    type: str
    path: Location
    value: Json
    above: "Place | None" = None

    @property
    def key(self) -> str | int:
        """Its key in an object, or its index in a list."""
        return self.path[-1]

    @property
    def resource(self) -> str:
        """Logical id of the resource; empty outside of resources."""
        return str(self.path[1]) if len(self.path) > 1 else ""

    @property
    def text(self) -> str:
        """The path within the resource, for people: an item of a list by its name, when it has one."""
        keys: list[str] = []
        place: Place | None = self
        while place is not None and place.above is not None:
            keys.append(_item_name(place) if isinstance(place.key, int) else place.key)
            place = place.above
        return ".".join(reversed(keys))


def document_of(template: AuditedTemplate) -> dict[str, Json]:
    """The template's body with the texts of its pipeline definitions as objects, and its termination protection."""
    resources: dict[str, Json] = {name: _opened(resource) for name, resource in template.resources.items()}
    return {**template.body, "Resources": resources, _PROTECTION: template.termination_protection}


def template_of(document: Mapping[str, Json], template: AuditedTemplate) -> AuditedTemplate:
    """The template that a document stands for; what no document knows is taken from `template`."""
    resources: dict[str, Json] = {
        name: _closed(as_object(resource)) for name, resource in as_object(document["Resources"]).items()
    }
    body = {key: value for key, value in document.items() if key != _PROTECTION} | {"Resources": resources}
    protected = document.get(_PROTECTION)
    return dataclasses.replace(
        template, body=body, termination_protection=protected if isinstance(protected, bool) else None
    )


def places(document: Mapping[str, Json]) -> Iterator[Place]:
    """Every place of a document: what protects the stack, then each resource and all that is in it."""
    yield Place(type=STACK, path=(_PROTECTION,), value=document.get(_PROTECTION))
    for name, resource in as_object(document["Resources"]).items():
        root = Place(type=str(as_object(resource).get("Type")), path=("Resources", name), value=resource)
        yield from _below(root)


def changed(value: Json, path: Location, replacement: "Json | Nothing") -> Json:
    """A copy of a value with something else at a path; all that is off the path is shared, not copied."""
    key, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(key, int):
        if not rest and isinstance(replacement, Nothing):
            return value[:key] + value[key + 1 :]
        return [*value[:key], _inner(value[key], rest, replacement), *value[key + 1 :]]
    if isinstance(value, dict) and isinstance(key, str):
        if not rest and isinstance(replacement, Nothing):
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: _inner(value.get(key), rest, replacement)}
    raise KeyError(path)


def _inner(value: Json, rest: Location, replacement: "Json | Nothing") -> Json:
    if rest:
        return changed({} if value is None else value, rest, replacement)
    return None if isinstance(replacement, Nothing) else replacement


def _below(place: Place) -> Iterator[Place]:
    yield place
    inside = place.value
    items = inside.items() if isinstance(inside, dict) else enumerate(inside) if isinstance(inside, list) else ()
    for key, value in items:
        yield from _below(Place(type=place.type, path=(*place.path, key), value=value, above=place))


def _item_name(place: Place) -> str:
    item = as_object(place.value)
    return next((str(item[name]) for name in _NAMES if isinstance(item.get(name), str)), str(place.key))


def _opened(resource: dict[str, Json]) -> Json:
    found = _definition(resource)
    if found is None or not isinstance(found[1], str):
        return resource
    return changed(resource, found[0], json.loads(found[1]))


def _closed(resource: dict[str, Json]) -> Json:
    opened = _definition(resource)
    if opened is None or isinstance(opened[1], str):
        return resource
    return changed(resource, opened[0], json.dumps(opened[1], separators=(",", ":")))


def _definition(resource: dict[str, Json]) -> tuple[Location, Json] | None:
    """Where the definition of a pipeline stands, be it a text, filled in on deploy or not; none in other resources."""
    if resource.get("Type") != "AWS::SageMaker::Pipeline":
        return None
    path: Location = ("Properties", "PipelineDefinition", "PipelineDefinitionBody")
    body = as_object(as_object(resource.get("Properties")).get("PipelineDefinition")).get("PipelineDefinitionBody")
    if isinstance(body, dict) and "Fn::Sub" in body:
        inner = body["Fn::Sub"]
        return ((*path, "Fn::Sub", 0), inner[0]) if isinstance(inner, list) else ((*path, "Fn::Sub"), inner)
    return (path, body) if body is not None else None
