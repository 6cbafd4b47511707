"""Reads a TOML file into a frozen pydantic model; every refusal is a sentence for the person who wrote it."""

import tomllib
import types
import typing
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from plumbline.errors import PlumblineError


class Settings(BaseModel):
    """Base of everything configured: frozen, no unknown keys, no silent conversion between types.

    A field's `description` says what is accepted; it is quoted in the error when the value is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


SettingsT = TypeVar("SettingsT", bound=Settings)


def refusal(*, field: str, value: object, accepted: str) -> PydanticCustomError:
    """Makes the error that a rule over several fields raises.

    Args:
        field: Dotted path below the model whose validator raises it, e.g. `train.max_wait_seconds`.
        value: The value that was given.
        accepted: What would be accepted, in words.
    """
    return PydanticCustomError(
        "refused", "{accepted}", {"field": field, "value": str(value), "accepted": accepted, "rule": True}
    )


def read_settings(path: Path, settings: type[SettingsT], *, extra: dict[str, object] | None = None) -> SettingsT:
    """Reads `path` as TOML into `settings`.

    Args:
        path: The file; errors name it by its last two parts.
        settings: The model to fill.
        extra: Values that do not stand in the file (the folder of a model, say).

    Raises:
        PlumblineError: The file is missing, is not TOML, or breaks a rule; one line a problem, each naming file, field,
            value and what is accepted. Exit code 2.
    """
    name = path.name if path.name == "platform.toml" else f"{path.parent.name}/{path.name}"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlumblineError(f"{name}: the file is missing; it is expected at {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlumblineError(f"{name}: the file cannot be read as UTF-8 text: {error}.") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlumblineError(f"{name}: not valid TOML: {error}.") from None
    given = extra or {}
    for field in given.keys() & values.keys():
        known = ", ".join(sorted(settings.model_fields.keys() - given.keys()))
        raise PlumblineError(f"{name}: {field} is {values[field]!r}, an unknown key; accepted here: {known}.")
    try:
        return settings.model_validate({**values, **given})
    except ValidationError as error:
        sentences = [_sentence(name, settings, detail) for detail in error.errors(include_url=False)]
        raise PlumblineError("\n".join(dict.fromkeys(sentences))) from None


def _sentence(file: str, settings: type[Settings], error: ErrorDetails) -> str:
    location = [str(part) for part in error["loc"]]
    field = ".".join(location)
    context = error.get("ctx", {})
    if context.get("rule"):
        field = ".".join([*location, *context["field"].split(".")])
        return f"{file}: {field} is {context['value']}; accepted: {context['accepted']}."
    if error["type"] == "extra_forbidden":
        known = sorted(_fields(settings, location[:-1]))
        close = get_close_matches(location[-1], known, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        return f"{file}: {field} is {error['input']!r}, an unknown key{hint}; accepted here: {', '.join(known)}."
    accepted = _accepted(settings, location) or error["msg"]
    if error["type"] == "missing":
        return f"{file}: {field} is missing; accepted: {accepted}."
    return f"{file}: {field} is {error['input']!r}; accepted: {accepted}."


def _fields(settings: type[Settings], location: Sequence[str]) -> list[str]:
    for part in location:
        field = settings.model_fields.get(part)
        inner = _settings_type(field.annotation) if field else None
        if inner is None:
            return []
        settings = inner
    return list(settings.model_fields)


def _accepted(settings: type[Settings], location: Sequence[str]) -> str | None:
    accepted = None
    for part in location:
        field = settings.model_fields.get(part)
        if field is None:
            return accepted
        accepted = field.description or accepted
        inner = _settings_type(field.annotation)
        if inner is None:
            return accepted
        settings = inner
    return accepted


def _settings_type(annotation: object) -> type[Settings] | None:
    """Finds the settings class in an annotation such as `Account` or `Account | None`."""
    candidates = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, Settings):
            return candidate
    return None
