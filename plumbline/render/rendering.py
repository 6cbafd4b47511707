"""`pipeline.py` → `definition.json`: the same text from the same folder, wherever and whenever it is rendered."""

import difflib
import importlib.util
import json
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from plumbline.configuration import Model
from plumbline.errors import PlumblineError
from plumbline.render.offline import offline_session
from plumbline.render.validation import Json, validate

# What the training stack fills in on deploy. It refuses any other name, and so does this, earlier.
PLACEHOLDERS = frozenset(
    {
        "PipelineName",
        "PrepareRoleArn",
        "CheckRoleArn",
        "TrainRoleArn",
        "EvaluateRoleArn",
        "DataBucket",
        "ModelsBucket",
        "DataKeyArn",
        "ModelsKeyArn",
        "SubnetA",
        "SubnetB",
        "JobSecurityGroup",
        "RuntimeImage",
        "ModelPackageGroupName",
    }
)
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_FIRST_KEYS = ("Name", "Type", "Version")  # a reader wants to know what it is before what it has
_LAST_KEYS = ("Steps", "IfSteps", "ElseSteps")  # and what is nested comes after what it is nested in


class _PipelineModule(Protocol):
    def define(self, model: Model, session: object) -> "_Pipeline": ...


class _Pipeline(Protocol):
    def definition(self) -> str: ...


def render(model: Model) -> str:
    """The pipeline definition of a model as the text of its `definition.json`.

    Imports the model's `pipeline.py`, calls its `define(model, session)` with a session that has no network, checks the
    arguments of every step against botocore's model of the API, and writes the result with two spaces of indent and a
    fixed order of keys. Values that are known only on deploy stand as `${Placeholder}`, in CloudFormation's `Fn::Sub`
    syntax.

    Raises:
        PlumblineError: The model has no `pipeline.py` or one that ends in an error, or the definition holds an unknown
            placeholder, a run's id in a cached step or arguments that the API would refuse.
    """
    with offline_session() as session, _errors_told(model):
        text = _pipeline_module(model).define(model, session).definition()
    definition = cast("Mapping[str, Json]", json.loads(text))
    validate(definition)
    _check_placeholders(text, model=model)
    _check_cached_steps(definition, model=model)
    return json.dumps(_ordered(definition), indent=2, ensure_ascii=False) + "\n"


def is_stale(model: Model) -> bool:
    """Whether the committed `definition.json` differs from what `pipeline.py` and the model's code render to now."""
    return difference(model) != ""


def difference(model: Model) -> str:
    """Unified diff from the committed `definition.json` to a fresh rendering; empty when it is up to date."""
    path = model.definition_path
    committed = path.read_text(encoding="utf-8") if path.exists() else ""
    return "".join(
        difflib.unified_diff(
            committed.splitlines(keepends=True),
            render(model).splitlines(keepends=True),
            fromfile=f"{model.name}/definition.json (committed)",
            tofile=f"{model.name}/definition.json (rendered)",
        )
    )


def write(model: Model) -> Path:
    """Renders a model's definition into its `definition.json`, whole or not at all; returns the file's path.

    Raises:
        PlumblineError: The definition cannot be rendered (see `render`) or its file cannot be written.
    """
    path, text = model.definition_path, render(model)
    beside = path.with_name(f".{path.name}.new")
    try:
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise PlumblineError(
            f"{path}: it cannot be written ({error.strerror}); it is as it was.", exit_code=1
        ) from error
    return path


@contextmanager
def _errors_told(model: Model) -> Iterator[None]:
    """Turns whatever `pipeline.py` ends in into a sentence that names its line: it is input, and may raise anything."""
    try:
        yield
    except PlumblineError:
        raise
    except Exception as error:
        path = (model.folder / "pipeline.py").absolute()
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        found = str(error)
        if isinstance(error, SyntaxError) and error.filename == str(path):
            lines, found = [error.lineno], error.msg
        place = f"{model.name}/{path.name}" + (f":{lines[-1]}" if lines else "")
        raise PlumblineError(f"{place}: {type(error).__name__}: {' '.join(found.split())}") from error


def _pipeline_module(model: Model) -> _PipelineModule:
    path = model.folder / "pipeline.py"
    if not path.is_file():
        raise PlumblineError(
            f"{path}: there is no such file; accepted: a module with define(model, session) -> Pipeline."
        )
    name = f"plumbline_pipeline_{model.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PlumblineError(f"{path}: Python cannot load it as a module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    if not callable(getattr(module, "define", None)):
        raise PlumblineError(f"{path}: it has no function define(model, session) -> Pipeline.")
    return cast("_PipelineModule", module)


def _check_placeholders(text: str, *, model: Model) -> None:
    unknown = sorted(set(_PLACEHOLDER.findall(text)) - PLACEHOLDERS)
    if unknown:
        raise PlumblineError(
            f"{model.folder / 'pipeline.py'}: unknown placeholder ${{{unknown[0]}}}; "
            f"accepted: {', '.join(sorted(PLACEHOLDERS))}."
        )


def _check_cached_steps(definition: Mapping[str, Json], *, model: Model) -> None:
    """A value that changes with every run, in the arguments of a cached step, means that its cache never hits."""
    for step in cast("Sequence[Mapping[str, Json]]", definition["Steps"]):
        if "CacheConfig" in step and '"Execution.' in json.dumps(step["Arguments"]):
            raise PlumblineError(
                f"{model.folder / 'pipeline.py'}: the arguments of the cached step {step['Name']} hold a value of the "
                "execution, so its cache never hits; accepted: parameters and content-hashed URIs."
            )


def _ordered(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value, key=_rank) if value[key] is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_ordered(item) for item in value]
    return value


def _rank(key: str) -> tuple[int, str]:
    if key in _FIRST_KEYS:
        return (_FIRST_KEYS.index(key) - len(_FIRST_KEYS), key)
    return (_LAST_KEYS.index(key) + 1 if key in _LAST_KEYS else 0, key)
