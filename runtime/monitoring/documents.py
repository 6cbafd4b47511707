"""The JSON documents of monitors: read from files, refused in a sentence, and written."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from runtime.errors import JobError
from runtime.monitoring.lines import told

_Model = TypeVar("_Model", bound=BaseModel)


def read_document(path: Path) -> dict[str, object]:
    """The JSON object of a file.

    Raises:
        JobError: It is missing, or is none.
    """
    try:
        found = json.loads(_content(path))
    except (ValueError, RecursionError) as error:
        raise JobError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise JobError(f"{path} is no JSON object.")
    return found


def read_model(path: Path, model: type[_Model], *, of: str = "Model Monitor") -> _Model:
    """A file in the format of a model.

    Args:
        path: The file.
        model: The format.
        of: Whose format it is, for the sentence.

    Raises:
        JobError: It is missing, or of another format; the sentence names the first place of all.
    """
    content = _content(path)
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = _place(content, fault["loc"])
        said = f"{place}: {fault['msg']}" if place else str(fault["msg"])
        raise JobError(f"{path}: {said}; accepted: {path.name} of {of}.") from error


def _place(content: bytes, location: Sequence[str | int]) -> str:
    """A place in a document; of one within a column, with the column's name, if it has one."""
    if len(location) > 2 and location[0] == "features":
        name = TypeAdapter(dict[str, Any]).validate_json(content)["features"][location[1]].get("name")
        if isinstance(name, str):
            return f"column {told(name)}: {'.'.join(map(str, location[2:]))}"
    return ".".join(map(str, location))


def refuse_twice(path: Path, names: Iterable[str]) -> None:
    """Refuses a document that has a column twice.

    Args:
        path: The document, for the sentence.
        names: Its columns.

    Raises:
        JobError: One occurs more than once.
    """
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise JobError(f"{path}: column {told(twice[0])} occurs more than once; accepted: each column once.")


def document_text(document: object) -> str:
    """A document as the content of a file."""
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JobError(f"{path} cannot be read: {error.strerror}; accepted: a file in JSON.") from error
