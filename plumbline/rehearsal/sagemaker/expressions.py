"""The values of a definition's expressions and conditions, within one execution."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.definition import Scalar

_PATH = re.compile(r"\[\s*'([^']*)'\s*\]|\[\s*\"([^\"]*)\"\s*\]|\[(\d+)\]|([^.\[\]]+)")
# The member by which the service lets an item of a list be addressed by name.
_NAMES = ("OutputName", "InputName", "ChannelName", "MetricName", "Name")


class UnresolvedError(Exception):
    """An expression has no value: the step that holds it fails with this message."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resolver:
    """What expressions refer to.

    Attributes:
        parameters: The execution's parameters.
        execution: The execution's own variables, ``PipelineExecutionArn`` and the like.
        outputs: What the steps that have ended left behind, by name, in the shape of the service's Describe call.
        property_file: Reads a property file, given the step and the file's name.
        object_at: Reads a JSON object at an S3 URI.
    """

    parameters: Mapping[str, Scalar]
    execution: Mapping[str, str]
    outputs: Mapping[str, Document]
    property_file: Callable[[str, str], object]
    object_at: Callable[[str], object]

    def resolve(self, value: object) -> object:
        """A value with every expression in it replaced.

        Raises:
            UnresolvedError: An expression has no value.
        """
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Get"}:
            return self._get(value["Get"])
        if set(value) == {"Std:Join"}:
            join = value["Std:Join"]
            return join["On"].join(_text(self.resolve(item)) for item in join["Values"])
        if set(value) == {"Std:JsonGet"}:
            return self._json_get(value["Std:JsonGet"])
        return {name: self.resolve(item) for name, item in value.items()}

    def holds(self, condition: Document) -> bool:
        """Whether a condition is true.

        Raises:
            UnresolvedError: An operand has no value, or the two cannot be compared.
        """
        match condition["Type"]:
            case "Or":
                return any(self.holds(item) for item in condition["Conditions"])
            case "Not":
                return not self.holds(condition["Expression"])
            case "In":
                accepted = self.resolve(condition["Values"])
                return isinstance(accepted, list) and self.resolve(condition["QueryValue"]) in accepted
        return _compare(condition["Type"], self.resolve(condition["LeftValue"]), self.resolve(condition["RightValue"]))

    def _get(self, reference: str) -> object:
        namespace, _, rest = reference.partition(".")
        if namespace == "Parameters":
            return self.parameters[rest]
        if namespace == "Execution":
            if rest not in self.execution:
                raise UnresolvedError(f"Execution variable {rest} has no value here")
            return self.execution[rest]
        step, _, path = rest.partition(".")
        if step not in self.outputs:
            raise UnresolvedError(f"Step {step} has no output, so {reference} has no value")
        return follow(self.outputs[step], path)

    def _json_get(self, call: Document) -> object:
        if "PropertyFile" in call:
            source = call["PropertyFile"]["Get"] if isinstance(call["PropertyFile"], dict) else call["PropertyFile"]
            _, step, _, name = source.split(".", 3)
            content = self.property_file(step, name)
        else:
            content = self.object_at(_text(self.resolve(call["S3Uri"])))
        return follow(content, call["Path"])


def follow(document: object, path: str) -> object:
    """The value at a path such as ``a.b[0]`` or ``Outputs['train'].S3Output.S3Uri``.

    Raises:
        UnresolvedError: There is nothing at the path.
    """
    value = document
    for match in _PATH.finditer(path.removeprefix("$.")):
        key = next((group for group in (match[1], match[2], match[4]) if group is not None), None)
        try:
            if match[3] is not None:
                value = value[int(match[3])]  # type: ignore[index]
            elif isinstance(value, list):
                value = next(item for item in value if key in [item.get(name) for name in _NAMES])
            else:
                value = value[key]  # type: ignore[index]
        except (KeyError, IndexError, TypeError, StopIteration) as error:
            raise UnresolvedError(f"there is nothing at {path}") from error
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _compare(kind: str, left: object, right: object) -> bool:
    if kind == "Equals":
        return left == right
    if not _comparable(left, right):
        raise UnresolvedError(f"{left!r} and {right!r} cannot be compared by {kind}")
    assert isinstance(left, int | float) and isinstance(right, int | float)  # noqa: S101 - told to mypy
    match kind:
        case "GreaterThan":
            return left > right
        case "GreaterThanOrEqualTo":
            return left >= right
        case "LessThan":
            return left < right
    return left <= right


def _comparable(left: object, right: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
