"""CloudFormation's intrinsic functions, worked out to what stands in the account after deployment."""

import re
from collections.abc import Callable, Mapping, Sequence

from plumbline.audit.access.physical_names import Place, attribute, naming_property, physical_name, reference
from plumbline.audit.json_value import Document, Json, as_list, as_object

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")


class UnresolvableError(Exception):
    """Says which value of which template cannot be worked out, and why.

    Args:
        path: Where it stands, e.g. `Resources.Role.Properties.RoleName`.
        reason: Why.
    """

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class _NoValueError(Exception):
    """Says that a value is `AWS::NoValue`: whatever holds it leaves it out."""


class TemplateValues:
    """The values of one template, in one place, with given parameters."""

    def __init__(
        self, *, body: Document, place: Place, parameters: Mapping[str, str], published: Mapping[str, str]
    ) -> None:
        """Takes what the values depend on.

        Args:
            body: The template.
            place: Where its stack is deployed.
            parameters: Values of parameters; one that is not named has its default.
            published: Values of the account's SSM parameters by their name.
        """
        self._declared = as_object(body.get("Parameters"))
        self._resources = as_object(body.get("Resources"))
        self._conditions = as_object(body.get("Conditions"))
        self._mappings = as_object(body.get("Mappings"))
        self._place = place
        self._given = parameters
        self._published = published
        self._pseudo: dict[str, Json] = {
            "AWS::AccountId": place.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": place.partition,
            "AWS::Region": place.region,
            "AWS::StackName": place.stack_name,
            "AWS::StackId": f"arn:{place.partition}:cloudformation:{place.region}:{place.account}:stack/"
            f"{place.stack_name}/00000000-0000-0000-0000-000000000000",
            "AWS::URLSuffix": place.url_suffix,
        }
        self._functions: dict[str, Callable[[Json, str], Json]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
        }
        self._tests: dict[str, Callable[[Json, str], bool]] = {
            "Condition": lambda argument, path: self.condition(str(argument), path),
            "Fn::And": lambda argument, path: all(self._holds(item, path) for item in as_list(argument)),
            "Fn::Equals": self._equals,
            "Fn::Not": lambda argument, path: not self._holds(self._arguments(argument, 1, path)[0], path),
            "Fn::Or": lambda argument, path: any(self._holds(item, path) for item in as_list(argument)),
        }

    def resolve(self, value: Json, path: str) -> Json:
        """Works a value out.

        Args:
            value: Any part of the template.
            path: Where it stands, for the sentence of an error.

        Raises:
            UnresolvableError: It depends on something that the templates do not say.
        """
        try:
            return self._resolve(value, path)
        except _NoValueError:
            raise UnresolvableError(path=path, reason="it is AWS::NoValue") from None

    def condition(self, name: str, path: str) -> bool:
        """Whether a condition of the template holds.

        Raises:
            UnresolvableError: It is missing, or depends on something that the templates do not say.
        """
        if name not in self._conditions:
            raise UnresolvableError(path=path, reason=f"the condition {name} is not in the template")
        return self._holds(self._conditions[name], f"Conditions.{name}")

    def name_of(self, logical_id: str, path: str) -> str:
        """Name or id of a resource.

        Raises:
            UnresolvableError: There is no such resource, or its name cannot be worked out.
        """
        resource_type = self._type(logical_id, path)
        key = naming_property(resource_type)
        properties = as_object(as_object(self._resources[logical_id]).get("Properties"))
        name: dict[str, Json] = {}
        if key is not None and key in properties:
            # Without a value, CloudFormation invents the name.
            holder = self._resolve({key: properties[key]}, f"Resources.{logical_id}.Properties")
            name = as_object(holder)
        return physical_name(resource_type=resource_type, logical_id=logical_id, properties=name, place=self._place)

    def _resolve(self, value: Json, path: str) -> Json:
        if isinstance(value, str) and "{{resolve:" in value:
            raise UnresolvableError(path=path, reason=f"{value} is a dynamic reference, which no template tells")
        if isinstance(value, list):
            return [found for number, item in enumerate(value) for found in self._present(item, f"{path}[{number}]")]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key in self._functions:
                return self._functions[key](argument, f"{path}.{key}")
            if key.startswith("Fn::"):
                raise UnresolvableError(path=path, reason=f"{key} is not understood")
        return {key: found for key, item in value.items() for found in self._present(item, f"{path}.{key}")}

    def _present(self, value: Json, path: str) -> list[Json]:
        """The value, or nothing if it is AWS::NoValue."""
        try:
            return [self._resolve(value, path)]
        except _NoValueError:
            return []

    def _text(self, value: Json, path: str) -> str:
        found = self._resolve(value, path)
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            raise UnresolvableError(path=path, reason="it is no text")
        return str(found)

    def _list(self, value: Json, path: str) -> list[Json]:
        found = self._resolve(value, path)
        if not isinstance(found, list):
            raise UnresolvableError(path=path, reason="it is no list")
        return found

    def _arguments(self, argument: Json, count: int, path: str) -> Sequence[Json]:
        if not isinstance(argument, list) or len(argument) != count:
            raise UnresolvableError(path=path, reason=f"it takes a list of {count}")
        return argument

    def _ref(self, argument: Json, path: str) -> Json:
        name = str(argument)
        if name == "AWS::NoValue":
            raise _NoValueError
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._declared:
            return self._parameter(name, as_object(self._declared[name]), path)
        return reference(resource_type=self._type(name, path), name=self.name_of(name, path), place=self._place)

    def _parameter(self, name: str, declaration: dict[str, Json], path: str) -> Json:
        value = self._given.get(name, declaration.get("Default"))
        if value is None:
            raise UnresolvableError(path=path, reason=f"the parameter {name} has no default and is not given")
        kind = str(declaration.get("Type", "String"))
        text = str(value)
        if kind.startswith("AWS::SSM::Parameter::Value"):
            if text not in self._published:
                raise UnresolvableError(path=path, reason=f"no template of account {self._place.account} writes {text}")
            text = self._published[text]
        if kind == "CommaDelimitedList" or "List<" in kind:
            return [item.strip() for item in text.split(",")]
        return text

    def _type(self, logical_id: str, path: str) -> str:
        resource_type = as_object(self._resources.get(logical_id)).get("Type")
        if not isinstance(resource_type, str):
            raise UnresolvableError(path=path, reason=f"{logical_id} is neither a parameter nor a resource")
        return resource_type

    def _get_att(self, argument: Json, path: str) -> Json:
        parts = argument.split(".", 1) if isinstance(argument, str) else as_list(argument)
        if len(parts) != 2:
            raise UnresolvableError(path=path, reason=f"{argument} names no attribute of a resource")
        logical_id, attribute_name = str(parts[0]), str(parts[1])
        resource_type = self._type(logical_id, path)
        found = attribute(
            resource_type=resource_type,
            name=self.name_of(logical_id, path),
            attribute_name=attribute_name,
            place=self._place,
        )
        if found is None:
            raise UnresolvableError(
                path=path, reason=f"{attribute_name} of {logical_id}, a {resource_type}, is not known before deploy"
            )
        return found

    def _sub(self, argument: Json, path: str) -> Json:
        text, extra = argument, {}
        if isinstance(argument, list):
            text, extra = argument[0], as_object(self._arguments(argument, 2, path)[1])

        def replaced(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in extra:
                return self._text(extra[name], f"{path}.{name}")
            is_attribute = "." in name
            return self._text({"Fn::GetAtt" if is_attribute else "Ref": name}, path)

        return _SUBSTITUTION.sub(replaced, str(text))

    def _join(self, argument: Json, path: str) -> Json:
        separator, items = self._arguments(argument, 2, path)
        return str(separator).join(self._text(item, path) for item in self._list(items, path))

    def _if(self, argument: Json, path: str) -> Json:
        name, yes, no = self._arguments(argument, 3, path)
        return self._resolve(yes if self.condition(str(name), path) else no, path)

    def _select(self, argument: Json, path: str) -> Json:
        number, items = self._arguments(argument, 2, path)
        found = self._list(items, path)
        place = self._text(number, path)
        if not place.isdecimal() or int(place) >= len(found):
            raise UnresolvableError(path=path, reason=f"it selects item {place} of {len(found)}")
        return found[int(place)]

    def _split(self, argument: Json, path: str) -> Json:
        separator, text = self._arguments(argument, 2, path)
        return list(self._text(text, path).split(str(separator)))

    def _find_in_map(self, argument: Json, path: str) -> Json:
        found: Json = self._mappings
        for key in (self._text(key, path) for key in self._arguments(argument, 3, path)):
            if key not in as_object(found):
                raise UnresolvableError(path=path, reason=f"the mapping has no {key}")
            found = as_object(found)[key]
        return found

    def _holds(self, value: Json, path: str) -> bool:
        parts = as_object(value)
        for key, test in self._tests.items():
            if parts.keys() == {key}:
                return test(parts[key], path)
        raise UnresolvableError(path=path, reason=f"{value} is no condition")

    def _equals(self, argument: Json, path: str) -> bool:
        one, other = self._arguments(argument, 2, path)
        return self._text(one, path) == self._text(other, path)
