"""JSON as it stands in a template."""

from collections.abc import Mapping
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Document: TypeAlias = Mapping[str, Json]


def as_object(value: Json) -> dict[str, Json]:
    """A value that is an object; everything else counts as an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """A value that may stand for a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def as_texts(value: Json) -> list[str]:
    """The texts of a value that may stand for a list of one."""
    return [item for item in as_list(value) if isinstance(item, str)]
