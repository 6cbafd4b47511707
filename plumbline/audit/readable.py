"""Values of templates as a person reads them: worked out where the templates say enough, named where they do not."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from plumbline.audit.access.intrinsics import TemplateValues, UnresolvableError
from plumbline.audit.access.physical_names import Place
from plumbline.audit.json_value import Json, as_list, as_object
from plumbline.audit.templates import AuditedTemplate

_SUBSTITUTION = re.compile(r"\$\{!?([^}]+)\}")


class ReadableTemplate:
    """The resources of one template, with values that can be read."""

    def __init__(self, template: AuditedTemplate, published: Mapping[str, str]) -> None:
        """Takes what the values depend on.

        Args:
            template: The template.
            published: Values of the account's SSM parameters by their name.
        """
        self._values = TemplateValues(body=template.body, place=_place(template), parameters={}, published=published)

    def value(self, value: Json, path: str) -> Json:
        """A value with every intrinsic worked out or, if the templates do not say enough, named as `${LogicalId}`."""
        try:
            return self._values.resolve(value, path)
        except UnresolvableError:
            pass
        if isinstance(value, list):
            return [self.value(item, path) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (rendered := rendered_intrinsic(value)) is not None:
            return rendered
        return {key: self.value(item, path) for key, item in value.items()}

    def problems(self, value: Json, path: str) -> Iterator[str]:
        """Sentences on the intrinsics of a value that cannot be worked out, each with its path."""
        try:
            self._values.resolve(value, path)
        except UnresolvableError as error:
            inner = []
            if isinstance(value, list):
                inner = [one for n, item in enumerate(value) for one in self.problems(item, f"{path}[{n}]")]
            elif isinstance(value, dict) and not (len(value) == 1 and rendered_intrinsic(value) is not None):
                inner = [one for key, item in value.items() for one in self.problems(item, f"{path}.{key}")]
            yield from inner or [str(error)]


def unresolved_in_policies(templates: Sequence[AuditedTemplate]) -> tuple[str, ...]:
    """Sentences on intrinsics in policies that the templates do not say enough about, each with file and path."""
    published = _published(templates)
    found = []
    for template in templates:
        reader = ReadableTemplate(template, published.get(template.account, {}))
        for logical_id, body in template.resources.items():
            path = f"Resources.{logical_id}.Properties"
            for place, statement in _statements(body.get("Properties"), path):
                found += [f"{template.file}: {problem}" for problem in reader.problems(statement, place)]
    return tuple(dict.fromkeys(found))


def _statements(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _statements(item, f"{path}[{number}]")
    for key, item in as_object(value).items():
        if key == "Statement":
            yield f"{path}.{key}", item
        else:
            yield from _statements(item, f"{path}.{key}")


def readable(templates: Sequence[AuditedTemplate]) -> list[tuple[AuditedTemplate, dict[str, dict[str, Json]]]]:
    """Every template with the readable properties of its resources, by logical id; ids that AWS invents are named."""
    published = _published(templates)
    names = InventedNames(templates)
    read = []
    for template in templates:
        reader = ReadableTemplate(template, published.get(template.account, {}))
        properties_of = {
            logical_id: as_object(
                names.in_value(reader.value(body.get("Properties"), f"Resources.{logical_id}.Properties"))
            )
            for logical_id, body in template.resources.items()
        }
        read.append((template, properties_of))
    return read


def _published(templates: Sequence[AuditedTemplate]) -> dict[str | None, dict[str, str]]:
    """Values of the SSM parameters that the templates make, by account and name."""
    published: dict[str | None, dict[str, str]] = {}
    for template in templates:
        reader = ReadableTemplate(template, {})
        for logical_id, body in template.resources.items():
            if body.get("Type") == "AWS::SSM::Parameter":
                properties = as_object(reader.value(body.get("Properties"), logical_id))
                known = published.setdefault(template.account, {})
                known[str(properties.get("Name", logical_id))] = str(properties.get("Value"))
    return published


class InventedNames:
    """What people call resources whose ids AWS invents on deploy, for which stand-ins are worked out here.

    A key is called by its alias, a security group by its description, anything else of EC2 by its logical id.
    """

    def __init__(self, templates: Sequence[AuditedTemplate]) -> None:
        """Looks for keys and what is of EC2.

        Args:
            templates: The templates.
        """
        self._names: dict[str, str] = {}
        for template in templates:
            self._names |= _names(template, ReadableTemplate(template, {}))
        longest_first = sorted(self._names, key=len, reverse=True)
        self._invented = re.compile("|".join(re.escape(name) for name in longest_first) or r"(?!)")

    def in_text(self, text: str) -> str:
        """A text with every stand-in replaced."""
        return self._invented.sub(lambda found: self._names[found[0]], text)

    def in_value(self, value: Json) -> Json:
        """A value with every stand-in replaced."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, list):
            return [self.in_value(item) for item in value]
        return {key: self.in_value(item) for key, item in value.items()} if isinstance(value, dict) else value


def _names(template: AuditedTemplate, reader: ReadableTemplate) -> dict[str, str]:
    """What people call the resources whose ids AWS invents, by the stand-in of the id or ARN."""
    names = {}
    for logical_id, body in template.resources.items():
        resource_type, properties = str(body.get("Type")), as_object(body.get("Properties"))
        if resource_type.startswith("AWS::EC2::"):
            name = str(properties.get("GroupDescription", logical_id))
            names[str(reader.value({"Fn::GetAtt": [logical_id, "Id"]}, logical_id))] = f"<{name}>"
        elif resource_type == "AWS::KMS::Alias":
            key = str(reader.value(properties.get("TargetKeyId"), logical_id))
            alias = str(reader.value(properties.get("AliasName"), logical_id)).removeprefix("alias/")
            names[key] = f"<key {alias}>"
    names.pop("None", None)
    return names


def rendered_intrinsic(value: Mapping[str, Json]) -> str | None:
    """An intrinsic function as a text with `${LogicalId}` where deploying decides; none if it is none."""
    ((key, argument),) = value.items()
    if key == "Ref":
        return f"${{{argument}}}"
    if key == "Fn::GetAtt":
        return f"${{{'.'.join(str(part) for part in as_list(argument))}}}"
    if key == "Fn::Sub":
        text, names = (argument, {}) if isinstance(argument, str) else _pair(argument)
        return _SUBSTITUTION.sub(lambda found: _rendered(names.get(found[1], {"Ref": found[1]})), str(text))
    if key == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
        return str(argument[0]).join(_rendered(part) for part in as_list(argument[1]))
    return f"${{{key.removeprefix('Fn::')} {json.dumps(argument)}}}" if key.startswith("Fn::") else None


def _pair(argument: Json) -> tuple[Json, dict[str, Json]]:
    parts = as_list(argument)
    return (parts[0], as_object(parts[1])) if len(parts) == 2 else ("", {})


def _rendered(value: Json) -> str:
    if isinstance(value, dict) and len(value) == 1 and (text := rendered_intrinsic(value)) is not None:
        return text
    return value if isinstance(value, str) else json.dumps(value)


def _place(template: AuditedTemplate) -> Place:
    return Place(
        stack_name=template.stack_name,
        account=template.account or "${AWS::AccountId}",
        region=template.region or "${AWS::Region}",
    )
