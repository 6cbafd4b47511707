"""Whether the API that a step calls takes the step's arguments, by botocore's own model of SageMaker."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from plumbline.errors import PlumblineError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

# Step type → API call, and the name that the service gives the job.
_CALLS = {
    "Processing": ("CreateProcessingJob", "ProcessingJobName"),
    "RegisterModel": ("CreateModelPackage", None),
    "Training": ("CreateTrainingJob", "TrainingJobName"),
}
_FUNCTIONS = frozenset({"Get", "Std:Join", "Std:JsonGet"})
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_DEPLOYED = "x" * 24  # as long as the shortest id that AWS gives: a placeholder's own length says nothing
_STAND_INS: dict[str, Json] = {"boolean": True, "double": 1.0, "float": 1.0, "integer": 1, "long": 1}


def validate(definition: Mapping[str, Json]) -> None:
    """Checks the arguments of every step that calls the SageMaker API, also of those inside conditions.

    Values that are known only at run time (`Get`, `Std:Join`, `Std:JsonGet`) pass as values of the type wanted. Left
    out: what only the service knows, such as whether a role may read a bucket.

    Raises:
        PlumblineError: Arguments that the API would refuse; names the step and every fault.
    """
    model = _service_model()
    for step in _steps(cast("Sequence[Mapping[str, Json]]", definition["Steps"])):
        name, kind = cast("str", step["Name"]), cast("str", step["Type"])
        if kind not in _CALLS:
            continue
        operation, job_name = _CALLS[kind]
        shape = cast("Shape", model.operation_model(operation).input_shape)
        arguments = dict(cast("Mapping[str, Json]", _filled(step["Arguments"], shape)))
        if job_name:
            arguments.setdefault(job_name, "job")
        report = ParamValidator().validate(arguments, shape)
        if report.has_errors():
            faults = " ".join(report.generate_report().split("\n"))
            raise PlumblineError(f"step {name}: {operation} would refuse its arguments: {faults}")


@functools.cache
def _service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


def _steps(steps: Sequence[Mapping[str, Json]]) -> Iterator[Mapping[str, Json]]:
    for step in steps:
        yield step
        arguments = cast("Mapping[str, Sequence[Mapping[str, Json]]]", step.get("Arguments", {}))
        for branch in ("IfSteps", "ElseSteps"):
            yield from _steps(arguments.get(branch, ()))


def _filled(value: Json, shape: Shape | None) -> Json:
    """`value` with a stand-in of the wanted type for each value that is known only on deploy or at run time."""
    if isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _FUNCTIONS:
        return _STAND_INS.get(shape.type_name, "stand-in") if shape else "stand-in"
    if isinstance(value, Mapping) and isinstance(shape, StructureShape):
        return {key: _filled(item, shape.members.get(key)) for key, item in value.items()}
    if isinstance(value, Mapping) and isinstance(shape, MapShape):
        return {key: _filled(item, shape.value) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(shape, ListShape):
        return [_filled(item, shape.member) for item in value]
    return _PLACEHOLDER.sub(_DEPLOYED, value) if isinstance(value, str) else value
