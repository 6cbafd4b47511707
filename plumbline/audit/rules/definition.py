"""The steps inside the definition of a SageMaker pipeline, as it stands in a template."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plumbline.audit.json_value import Json, as_list, as_object
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.template import Resource, remembered
from plumbline.audit.rules.values import Possible, Unknown, is_intrinsic

_HOLE = re.compile(r"\$\{[^}]+\}")
_PARAMETER = "Parameters."
# What stands for another value in a definition (SageMaker developer guide, "Pipelines: Define a pipeline").
_LATER = ("Get", "Std:Join", "Std:JsonGet")
# Where steps nest: conditions have branches.
_BRANCHES = ("IfSteps", "ElseSteps")


class UnreadableError(Exception):
    """Says why the steps of a definition cannot be read.

    Args:
        path: Where the definition stands.
        reason: Why.
    """

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One step of a pipeline.

    Attributes:
        name: Its name.
        type: Its type, e.g. `Training`.
        arguments: Its arguments.
    """

    name: str
    type: str
    arguments: Part


class StepValues:
    """Works out the values of a definition: its parameters can be given anew with every run."""

    def __init__(self, parameters: Mapping[str, dict[str, Json]]) -> None:
        """Takes the parameters that the definition declares, by their name."""
        self._parameters = parameters

    def possible(self, value: Json, path: str) -> tuple[Possible, ...]:  # noqa: ARG002  # the protocol has it
        """All that a value may turn out to be."""
        if isinstance(value, str) and _HOLE.search(value):
            return (Unknown(reason=f"it is {value}, which only deploying tells"),)
        if not self.is_worked_out_later(value):
            return (value,)
        ((key, argument),) = as_object(value).items()
        if key == "Get" and isinstance(argument, str) and argument.startswith(_PARAMETER):
            return self._parameter(argument.removeprefix(_PARAMETER))
        return (Unknown(reason=f"{key} tells in a run only"),)

    def text(self, value: Json) -> str:
        """A value as a text; what only a run tells stands in it as `${Name}`."""
        if isinstance(value, str):
            return value
        if not self.is_worked_out_later(value):
            return json.dumps(value)
        ((key, argument),) = as_object(value).items()
        if key == "Std:Join":
            joined = as_object(argument)
            return str(joined.get("On", "")).join(self.text(item) for item in as_list(joined.get("Values")))
        return f"${{{argument if isinstance(argument, str) else key}}}"

    def texts(self, value: Json) -> tuple[str, ...]:
        """The texts of a value that may stand for a list of one."""
        return tuple(self.text(item) for item in as_list(value))

    def is_worked_out_later(self, value: Json) -> bool:
        """Whether a value stands for another one."""
        return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _LATER

    def _parameter(self, name: str) -> tuple[Possible, ...]:
        declaration = self._parameters.get(name, {})
        allowed = declaration.get("EnumValues")
        if isinstance(allowed, list) and allowed:
            return tuple(allowed)
        anything = Unknown(reason=f"the pipeline's parameter {name} may be anything")
        return (declaration["DefaultValue"], anything) if "DefaultValue" in declaration else (anything,)


@remembered
def steps(pipeline: Resource) -> tuple[Step, ...]:
    """Every step of a pipeline, those inside conditions too.

    Args:
        pipeline: A resource of type AWS::SageMaker::Pipeline.

    Raises:
        UnreadableError: The definition is not in the template, or is no JSON.
    """
    definition = _definition(pipeline)
    declared = {str(as_object(one).get("Name")): as_object(one) for one in as_list(definition.get("Parameters"))}
    context = StepValues(declared)
    path = "Properties.PipelineDefinition.Steps"
    return tuple(_steps(Part(value=definition.get("Steps"), path=path, context=context), path))


def readable_steps(pipeline: Resource, *types: str) -> tuple[Step, ...]:
    """The steps of some types; none where the definition cannot be read, which is for a rule of its own to say.

    Args:
        pipeline: A resource of type AWS::SageMaker::Pipeline.
        types: Types of steps; left out, all of them.
    """
    try:
        return tuple(step for step in steps(pipeline) if not types or step.type in types)
    except UnreadableError:
        return ()


def _steps(found: Part, path: str) -> Iterator[Step]:
    for part in found.items:
        name = part.at("Name").text or "without a name"
        arguments = Part(value=as_object(part.value).get("Arguments"), path=f"{path}[{name}]", context=part.context)
        yield Step(name=name, type=part.at("Type").text, arguments=arguments)
        for branch in _BRANCHES:
            yield from _steps(arguments.at(branch), path)


def _definition(pipeline: Resource) -> dict[str, Json]:
    given = pipeline.at("PipelineDefinition")
    body = given.at("PipelineDefinitionBody")
    if given.at("PipelineDefinitionS3Location").is_there and not body.is_there:
        raise UnreadableError(path=f"{given.path}.PipelineDefinitionS3Location", reason="it is in S3")
    value = body.value if body.is_there else given.value
    if isinstance(value, dict) and not is_intrinsic(value):
        found: Json = value
    else:
        text = _text(pipeline, value)
        try:
            found = json.loads(text)
        except ValueError as error:
            reason = f"it is no JSON: {error}" if text else "it is missing"
            raise UnreadableError(path=body.path, reason=reason) from None
    if not isinstance(found, dict) or not isinstance(found.get("Steps"), list):
        raise UnreadableError(path=body.path, reason="it has no Steps")
    return found


def _text(pipeline: Resource, value: Json) -> str:
    """The text of a definition; a hole where a JSON value belongs stands between quotation marks."""
    if value is None:
        return ""
    text, is_quoted = "", False
    for piece, is_written in pipeline.template.values.pieces(value):
        if is_written:
            text += piece
            is_quoted ^= len(re.findall(r'(?<!\\)(?:\\\\)*"', piece)) % 2 == 1
        else:
            text += piece if is_quoted or not _HOLE.search(piece) else json.dumps(piece)
    return text
