"""Windows of answers whose truth is known, as production wrote them down: what a training run gets besides its dataset.

A run names them by the hash of `labelled.json`, which has the hashes of the tables, and gets both through a manifest of
SageMaker's: each file lies below the input where its key says.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from runtime.errors import JobError
from runtime.monitoring.documents import read_model

DESCRIPTION = "labelled.json"
NONE = "none"  # the identifier of a run without windows
RESERVED = "inference_id"  # the one column of a window that is neither input, nor label, nor answer
_IDENTIFIER_LENGTH = 16  # hexadecimal digits
_WINDOWS = "labelled"  # the folder of all models' windows, and of the descriptions of one model's


class _Window(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    key: Annotated[str, Field(pattern=r"^labelled/[^/.][^/]*/[^/.][^/]*/labelled\.parquet$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rows: Annotated[int, Field(ge=0)]


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    windows: Sequence[_Window]


@dataclass(frozen=True, kw_only=True)
class LabelledWindow:
    """One window.

    Attributes:
        id: Its name, which sorts by time.
        table: Its rows as they were written down.
    """

    id: str
    table: pl.DataFrame


def labelled_windows(folder: Path, *, identifier: str) -> list[LabelledWindow]:
    """The windows of a run, the oldest first.

    Args:
        folder: The input.
        identifier: What the run calls them: 16 hexadecimal digits, or `none`.

    Raises:
        JobError: They are not those that the run names, or one of them is missing, is another, or cannot be read; the
            sentence begins with `rejected: `.
    """
    path = _description_in(folder)
    found = hashlib.sha256(path.read_bytes()).hexdigest()[:_IDENTIFIER_LENGTH]
    windows = _described(path)
    if identifier == NONE:
        if windows:
            raise JobError(f"rejected: the run names no labelled windows; {DESCRIPTION} has {len(windows)} of them.")
        return []
    if found != identifier:
        raise JobError(f"rejected: {DESCRIPTION} has the hash {found}; the run names {identifier}.")
    ids = [window.id for window in windows]
    if ids != sorted(set(ids)):
        raise JobError(f"rejected: the windows of {DESCRIPTION} are not in the order of time, each of them once.")
    return [LabelledWindow(id=window.id, table=_table(folder, window)) for window in windows]


def _described(path: Path) -> Sequence[_Window]:
    try:
        return read_model(path, _Description, of="labelled windows").windows
    except JobError as error:
        raise JobError(f"rejected: {error}") from error


def _description_in(folder: Path) -> Path:
    """The description, by name: where it lies depends on who wrote the manifest. Windows may lie beside it."""
    found = [path for path in folder.rglob(DESCRIPTION) if path.relative_to(folder).parts[0] != _WINDOWS]
    if len(found) != 1:
        raise JobError(f"rejected: input {folder.name} has {len(found)} files {DESCRIPTION}; accepted: 1.")
    return found[0]


def _table(folder: Path, window: _Window) -> pl.DataFrame:
    path = folder / window.key
    if window.key.split("/")[2] != window.id:
        raise JobError(f"rejected: labelled window {window.id}: its file is {window.key}, that of another window.")
    if not path.is_file():
        raise JobError(f"rejected: labelled window {window.id}: {window.key} is missing.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != window.sha256:
        raise JobError(
            f"rejected: labelled window {window.id}: {window.key} is not the file that {DESCRIPTION} describes."
        )
    try:
        table = pl.read_parquet(content)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise JobError(
            f"rejected: labelled window {window.id}: {window.key} is no Parquet that can be read."
        ) from error
    if table.height != window.rows:
        raise JobError(
            f"rejected: labelled window {window.id} has {table.height} rows; {DESCRIPTION} says {window.rows}."
        )
    return table
