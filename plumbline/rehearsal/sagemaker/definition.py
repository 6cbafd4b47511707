"""The pipeline definition language, version 2020-12-01: what a definition says, checked once, before anything runs."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

from plumbline.rehearsal.api.errors import validation_error
from plumbline.rehearsal.api.shapes import Document

VERSION = "2020-12-01"
Scalar = str | int | float | bool

# What the rehearsal runs. AWS has more step types; a definition with one of those is refused when it is created.
STEP_TYPES = ("Processing", "Training", "RegisterModel", "Model", "Condition", "Fail", "Lambda")
_TRIGGERS = ("Completed", "Succeeded", "Failed", "Stopped", "Any")
_CONDITIONS = {
    "Equals",
    "GreaterThan",
    "GreaterThanOrEqualTo",
    "LessThan",
    "LessThanOrEqualTo",
    "In",
    "Not",
    "Or",
}
# Developer guide, Retry Policy for Pipeline Steps.
RETRYABLE = frozenset(
    {
        "Step.SERVICE_FAULT",
        "Step.THROTTLING",
        "SageMaker.JOB_INTERNAL_ERROR",
        "SageMaker.CAPACITY_ERROR",
        "SageMaker.RESOURCE_LIMIT",
    }
)
_DURATION = re.compile(
    r"P?(?:(?P<y>\d+)Y)?(?:(?P<mo>\d+)M)?(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<mi>\d+)M)?)?",
    re.IGNORECASE,
)
_SECONDS = {"y": 31_536_000, "mo": 2_592_000, "w": 604_800, "d": 86_400, "h": 3_600, "mi": 60}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of the pipeline, typed String, Integer, Float or Boolean."""

    name: str
    type: str
    default: Scalar | None = None
    accepted: tuple[Scalar, ...] = ()

    def read(self, text: str) -> Scalar:
        """The value that a start request gives as text.

        Raises:
            ApiError: It has another type, or is not among the accepted values.
        """
        value = self._typed(text)
        if self.accepted and value not in self.accepted:
            shown = ", ".join(str(item) for item in self.accepted)
            raise validation_error(
                f"Value {text!r} of pipeline parameter {self.name} is not one of its enum values: [{shown}]"
            )
        return value

    def _typed(self, text: str) -> Scalar:
        try:
            match self.type:
                case "Integer":
                    return int(text)
                case "Float":
                    return float(text)
                case "Boolean":
                    return {"true": True, "false": False}[text.lower()]
        except (ValueError, KeyError) as error:
            raise validation_error(
                f"Value {text!r} of pipeline parameter {self.name} is not of its type {self.type}"
            ) from error
        return text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dependency:
    """A step that must have ended before another starts, and how."""

    step: str
    trigger: str = "Completed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often, and how soon, a step is tried again after which kinds of failure."""

    exceptions: frozenset[str]
    interval_seconds: float
    backoff: float
    attempts: int

    def wait_before(self, attempt: int) -> float:
        """Seconds to wait before a retry, numbered from 1."""
        return float(self.interval_seconds * self.backoff ** (attempt - 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PropertyFile:
    """A JSON file that a processing step leaves in one of its outputs."""

    name: str
    output: str
    path: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One step, its arguments still unresolved."""

    name: str
    type: str
    arguments: Document
    display_name: str | None = None
    description: str | None = None
    depends_on: tuple[Dependency, ...] = ()
    retries: tuple[RetryPolicy, ...] = ()
    cache_seconds: float | None = None
    property_files: tuple[PropertyFile, ...] = ()
    function_arn: str | None = None
    output_parameters: tuple[str, ...] = ()
    if_steps: tuple["Step", ...] = ()
    else_steps: tuple["Step", ...] = ()

    def dependencies(self) -> tuple[Dependency, ...]:
        """What it waits for: the dependencies that it names, then the steps that its arguments refer to."""
        named = {dependency.step for dependency in self.depends_on}
        own = {"IfSteps", "ElseSteps"} if self.type == "Condition" else set()
        references = {name: value for name, value in self.arguments.items() if name not in own}
        referred = dict.fromkeys(step for step, _ in step_references(references) if step not in named)
        return (*self.depends_on, *(Dependency(step=step) for step in referred))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definition:
    """A pipeline definition."""

    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]

    def all_steps(self) -> Iterator[Step]:
        """Every step, those of branches included."""
        yield from _walk(self.steps)

    def values(self, given: Mapping[str, str]) -> dict[str, Scalar]:
        """The parameters of an execution.

        Args:
            given: What the start request gives, by name.

        Raises:
            ApiError: One is unknown, missing, of another type, or outside its enumeration.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise validation_error(f"Pipeline parameters [{', '.join(unknown)}] are not defined in the pipeline")
        values: dict[str, Scalar] = {}
        missing = []
        for parameter in self.parameters:
            if parameter.name in given:
                values[parameter.name] = parameter.read(given[parameter.name])
            elif parameter.default is not None:
                values[parameter.name] = parameter.default
            else:
                missing.append(parameter.name)
        if missing:
            raise validation_error(f"Pipeline parameters [{', '.join(missing)}] have neither a value nor a default")
        return values


def parse(text: str) -> Definition:
    """Reads a definition and checks all that can be known before it runs.

    Raises:
        ApiError: ``ValidationException``: no JSON, another version, a step type or condition that is not known, a
            name used twice, a reference to a parameter, step or property file that is not there, or a cycle.
    """
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise validation_error(f"Pipeline definition is not valid JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("Version") != VERSION:
        raise validation_error(f"Pipeline definition must have Version {VERSION}")
    if not isinstance(raw.get("Steps"), list) or not raw["Steps"]:
        raise validation_error("Pipeline definition must have at least one step")
    definition = Definition(
        parameters=tuple(_parameter(item) for item in raw.get("Parameters", [])),
        steps=tuple(_step(item) for item in raw["Steps"]),
    )
    _check_names(definition)
    _check_references(definition)
    _check_cycles(definition)
    return definition


def step_references(value: object) -> Iterator[tuple[str, str]]:
    """The (step, path) pairs that expressions in a value refer to."""
    for reference in references(value):
        namespace, _, rest = reference.partition(".")
        if namespace == "Steps":
            step, _, path = rest.partition(".")
            yield step, path


def references(value: object) -> Iterator[str]:
    """What every ``Get`` in a value names."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
        else:
            for item in value.values():
                yield from references(item)


def duration_seconds(text: str) -> float:
    """The length of an ISO 8601 duration as CacheConfig takes it: ``P30D``, ``PT1H``, also ``30d`` and ``T16m``.

    Raises:
        ApiError: It is no duration.
    """
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        raise validation_error(f"CacheConfig ExpireAfter {text!r} is not an ISO 8601 duration")
    return float(sum(int(number) * _SECONDS[unit] for unit, number in found.groupdict().items() if number))


def _walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _walk(step.if_steps)
        yield from _walk(step.else_steps)


def _parameter(raw: Document) -> Parameter:
    if raw.get("Type") not in ("String", "Integer", "Float", "Boolean"):
        raise validation_error(f"Pipeline parameter {raw.get('Name')} has unknown type {raw.get('Type')}")
    return Parameter(
        name=raw["Name"], type=raw["Type"], default=raw.get("DefaultValue"), accepted=tuple(raw.get("EnumValues", []))
    )


def _step(raw: Document) -> Step:
    name, kind = raw.get("Name"), raw.get("Type")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9\-_]{1,64}", name):
        raise validation_error(f"Step name {name!r} must match [A-Za-z0-9\\-_]{{1,64}}")
    if kind not in STEP_TYPES:
        raise validation_error(
            f"Step {name} has type {kind}, which the rehearsal does not run (a limit of the rehearsal, not of AWS); "
            f"it runs {', '.join(STEP_TYPES)}"
        )
    arguments = cast("Document", raw.get("Arguments", {}))
    if kind == "Condition":
        _check_conditions(name, arguments.get("Conditions", []))
    return Step(
        name=name,
        type=kind,
        arguments=arguments,
        display_name=raw.get("DisplayName"),
        description=raw.get("Description"),
        depends_on=tuple(_dependency(name, item) for item in raw.get("DependsOn", [])),
        retries=tuple(_retry(name, item) for item in raw.get("RetryPolicies", [])),
        cache_seconds=_cache(raw.get("CacheConfig")),
        property_files=tuple(
            PropertyFile(name=item["PropertyFileName"], output=item["OutputName"], path=item["FilePath"])
            for item in raw.get("PropertyFiles", [])
        ),
        function_arn=raw.get("FunctionArn"),
        output_parameters=tuple(item["OutputName"] for item in raw.get("OutputParameters", [])),
        if_steps=tuple(_step(item) for item in arguments.get("IfSteps", [])) if kind == "Condition" else (),
        else_steps=tuple(_step(item) for item in arguments.get("ElseSteps", [])) if kind == "Condition" else (),
    )


def _dependency(name: str, raw: str | Document) -> Dependency:
    if isinstance(raw, str):
        return Dependency(step=raw)
    if raw.get("Trigger", "Completed") not in _TRIGGERS:
        raise validation_error(f"Step {name} depends on {raw.get('Step')} with unknown trigger {raw['Trigger']}")
    return Dependency(step=raw["Step"], trigger=raw.get("Trigger", "Completed"))


def _retry(name: str, raw: Document) -> RetryPolicy:
    exceptions = frozenset(raw.get("ExceptionType", []))
    if not exceptions or exceptions - RETRYABLE:
        raise validation_error(
            f"RetryPolicies of step {name} name unknown exception types "
            f"[{', '.join(sorted(exceptions - RETRYABLE))}]; known are [{', '.join(sorted(RETRYABLE))}]"
        )
    attempts = raw.get("MaxAttempts", 5)
    if not 1 <= attempts <= 20:
        raise validation_error(f"RetryPolicies of step {name}: MaxAttempts {attempts} is not between 1 and 20")
    return RetryPolicy(
        exceptions=exceptions,
        interval_seconds=raw.get("IntervalSeconds", 1),
        backoff=raw.get("BackoffRate", 2.0),
        attempts=attempts,
    )


def _cache(raw: Document | None) -> float | None:
    if not raw or not raw.get("Enabled"):
        return None
    if not raw.get("ExpireAfter"):
        raise validation_error("CacheConfig that is enabled must have ExpireAfter")
    return duration_seconds(raw["ExpireAfter"])


def _check_conditions(name: str, conditions: list[Document]) -> None:
    if not conditions:
        raise validation_error(f"Condition step {name} has no conditions")
    for condition in conditions:
        kind = condition.get("Type")
        if kind not in _CONDITIONS:
            raise validation_error(f"Condition step {name} has unknown condition type {kind}")
        if kind == "Or":
            _check_conditions(name, condition.get("Conditions", []))
        if kind == "Not":
            _check_conditions(name, [condition["Expression"]])


def _check_names(definition: Definition) -> None:
    for noun, names in (
        ("step", [step.name for step in definition.all_steps()]),
        ("parameter", [parameter.name for parameter in definition.parameters]),
    ):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise validation_error(f"Pipeline definition has more than one {noun} of name [{', '.join(repeated)}]")


def _check_references(definition: Definition) -> None:
    steps = {step.name: step for step in definition.all_steps()}
    parameters = {parameter.name for parameter in definition.parameters}
    for step in steps.values():
        for dependency in step.depends_on:
            if dependency.step not in steps:
                raise validation_error(f"Step {step.name} depends on step {dependency.step}, which is not defined")
        for reference in references(step.arguments):
            namespace, _, rest = reference.partition(".")
            if namespace == "Parameters" and rest not in parameters:
                raise validation_error(f"Step {step.name} refers to parameter {rest}, which is not defined")
            if namespace not in ("Parameters", "Execution", "Steps"):
                raise validation_error(f"Step {step.name} refers to {reference}, which is nothing known")
        for name, path in step_references(step.arguments):
            if name not in steps:
                raise validation_error(f"Step {step.name} refers to step {name}, which is not defined")
            if path.startswith("PropertyFiles."):
                _check_property_file(step, steps[name], path.removeprefix("PropertyFiles."))


def _check_property_file(step: Step, source: Step, name: str) -> None:
    if name not in {file.name for file in source.property_files}:
        raise validation_error(f"Step {step.name} refers to property file {name}, which {source.name} does not declare")


def _check_cycles(definition: Definition) -> None:
    waits_for = {step.name: {dependency.step for dependency in step.dependencies()} for step in definition.all_steps()}
    for step in definition.all_steps():
        for child in (*step.if_steps, *step.else_steps):
            waits_for[child.name].add(step.name)
    while waits_for:
        free = {name for name, others in waits_for.items() if not others & set(waits_for)}
        if not free:
            raise validation_error(f"Pipeline definition has a cycle among steps [{', '.join(sorted(waits_for))}]")
        waits_for = {name: others for name, others in waits_for.items() if name not in free}
