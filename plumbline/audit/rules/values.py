"""Values of a template as a rule has to take them: some are known only when the stack is deployed."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plumbline.audit.access.intrinsics import TemplateValues, UnresolvableError
from plumbline.audit.access.physical_names import Place
from plumbline.audit.json_value import Document, Json, as_list, as_object

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")
_PSEUDO_PARAMETERS = "AWS::"


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A value that only deploying tells.

    Attributes:
        reason: Why it cannot be worked out.
    """

    reason: str


Possible = Json | Unknown


def is_intrinsic(value: Json) -> bool:
    """Whether a value is worked out on deploy: an object with one key, `Ref` or `Fn::…`."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    (key,) = value
    return key == "Ref" or key.startswith("Fn::")


class Values:
    """Works out the values of one template, as far as the templates tell."""

    def __init__(self, *, body: Document, place: Place, published: Mapping[str, str]) -> None:
        """Takes what the values depend on.

        Args:
            body: The template.
            place: Where its stack is deployed; what is not known stands as `${AWS::AccountId}` or `${AWS::Region}`.
            published: Values of the account's SSM parameters by their name.
        """
        self._body = body
        self._parameters = as_object(body.get("Parameters"))
        self._values = TemplateValues(body=body, place=place, parameters={}, published=published)

    def possible(self, value: Json, path: str) -> tuple[Possible, ...]:
        """All that a value may turn out to be; one that may be anything else, too, is among them as unknown.

        Args:
            value: Any part of the template.
            path: Where it stands.
        """
        if isinstance(value, str) and "{{resolve:" in value:
            return (Unknown(reason="it is looked up on deploy"),)
        if not is_intrinsic(value):
            return (value,)
        ((key, argument),) = as_object(value).items()
        if key == "Ref" and isinstance(argument, str) and argument in self._parameters:
            return self._parameter(argument, as_object(self._parameters[argument]), path)
        found = self._resolved(value, path)
        if isinstance(found, Unknown) and key == "Fn::FindInMap":
            mapping = self.text(as_list(argument)[0]) if as_list(argument) else ""
            return tuple(_leaves(as_object(self._body.get("Mappings")).get(mapping))) or (found,)
        return (found,)

    def text(self, value: Json) -> str:
        """A value as a text; what cannot be worked out stands in it as `${Name}`."""
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if not is_intrinsic(value):
            return json.dumps(value) if isinstance(value, dict | list) else str(value)
        ((key, argument),) = as_object(value).items()
        if key == "Fn::Sub" or (key == "Fn::Join" and isinstance(argument, list) and len(argument) == 2):
            return "".join(piece for piece, _ in self.pieces(value))
        found = self._resolved(value, "")
        return hole(value) if isinstance(found, Unknown) else self.text(found)

    def texts(self, value: Json) -> tuple[str, ...]:
        """The texts of a value that may stand for a list of one."""
        if is_intrinsic(value):
            found = self._resolved(value, "")
            if isinstance(found, list):
                return tuple(self.text(item) for item in found)
        return tuple(self.text(item) for item in as_list(value))

    def is_worked_out_later(self, value: Json) -> bool:
        """Whether a value stands for another one."""
        return is_intrinsic(value)

    def pieces(self, value: Json) -> list[tuple[str, bool]]:
        """A text in its pieces, each with whether it is written in the template rather than put in on deploy."""
        if isinstance(value, str):
            return [(value, True)]
        ((key, argument),) = as_object(value).items() if is_intrinsic(value) else (("", None),)
        if key == "Fn::Sub":
            return self._substituted(argument)
        if key == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
            return self._joined(argument[0], argument[1])
        return [(self.text(value), False)]

    def _joined(self, separator: Json, items: Json) -> list[tuple[str, bool]]:
        if is_intrinsic(items):
            found = self._resolved(items, "")
            if not isinstance(found, list):
                return [(hole(items), False)]
            items = found
        pieces: list[tuple[str, bool]] = []
        for number, item in enumerate(as_list(items)):
            if number and separator:
                pieces.append((str(separator), True))
            pieces += self.pieces(item)
        return pieces

    def _substituted(self, argument: Json) -> list[tuple[str, bool]]:
        template, given = argument, dict[str, Json]()
        if isinstance(argument, list) and len(argument) == 2:
            template, given = argument[0], as_object(argument[1])
        if not isinstance(template, str):
            return [(hole({"Fn::Sub": argument}), False)]
        pieces: list[tuple[str, bool]] = []
        end = 0
        for match in _SUBSTITUTION.finditer(template):
            pieces.append((template[end : match.start()], True))
            end = match.end()
            literal, name = match.group(1), match.group(2).strip()
            if literal:
                pieces.append((f"${{{name}}}", True))
            elif name in given:
                pieces.append((self.text(given[name]), False))
            else:
                is_attribute = "." in name and not name.startswith(_PSEUDO_PARAMETERS)
                found = self._resolved({"Fn::GetAtt" if is_attribute else "Ref": name}, "")
                pieces.append((f"${{{name}}}" if isinstance(found, Unknown) else self.text(found), False))
        pieces.append((template[end:], True))
        return pieces

    def _parameter(self, name: str, declaration: dict[str, Json], path: str) -> tuple[Possible, ...]:
        kind = str(declaration.get("Type", "String"))
        allowed = declaration.get("AllowedValues")
        if isinstance(allowed, list) and allowed:
            return tuple(allowed)
        if kind == "Number" and "MinValue" in declaration and "MaxValue" in declaration:
            return (declaration["MinValue"], declaration["MaxValue"])
        if kind.startswith("AWS::SSM::Parameter::Value"):
            return (self._resolved({"Ref": name}, path),)
        anything = Unknown(reason=f"the parameter {name} may be anything")
        if "Default" not in declaration:
            return (anything,)
        if kind in ("CommaDelimitedList",) or kind.startswith("List<"):
            return (list[Json](str(declaration["Default"]).split(",")), anything)
        return (declaration["Default"], anything)

    def _resolved(self, value: Json, path: str) -> Possible:
        try:
            return self._values.resolve(value, path)
        except UnresolvableError as error:
            return Unknown(reason=str(error).removeprefix(path).removeprefix(".").removeprefix(": "))
        # What stands where no list, no name or no number belongs, or names itself.
        except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError):
            return Unknown(reason=f"{next(iter(as_object(value)), 'it')} is malformed or names itself")


def hole(value: Json) -> str:
    """What stands in a text for a value that cannot be worked out; the same for the same value only."""
    ((key, argument),) = as_object(value).items()
    if key == "Ref" and isinstance(argument, str):
        return f"${{{argument}}}"
    if key == "Fn::GetAtt":
        return f"${{{argument if isinstance(argument, str) else '.'.join(str(part) for part in as_list(argument))}}}"
    said = argument if isinstance(argument, str) else hashlib.sha256(json.dumps(argument).encode()).hexdigest()[:8]
    return f"${{{key} {said.replace('}', ' ')}}}"


def without_branches(value: Json, holds: Callable[[str], bool]) -> Json:
    """A value in which every `Fn::If` is decided and nothing stands for `AWS::NoValue`; None where nothing is left.

    Args:
        value: Any part of a template.
        holds: Whether a condition holds.
    """
    if isinstance(value, list):
        items = [(item, without_branches(item, holds)) for item in value]
        return [after for before, after in items if after is not None or before is None]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return None
    branches = value.get("Fn::If")
    if len(value) == 1 and isinstance(branches, list) and len(branches) == 3 and isinstance(branches[0], str):
        return without_branches(branches[1] if holds(branches[0]) else branches[2], holds)
    members = {key: without_branches(item, holds) for key, item in value.items()}
    return {key: item for key, item in members.items() if item is not None or value[key] is None}


def _leaves(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [] if value is None else [value]
