"""A window of a deployed model's traffic: what was asked and answered, and as much of the truth as is known.

| file in the input `data` | what |
|---|---|
| `windows/<id>/window.json` | which window it is, and which of the other files are of it |
| `windows/<id>/earlier.json` | the files of what versions before have answered in the older window, if they have |
| captures (JSON lines) | what the endpoint was asked and has answered |
| ground truth (JSON lines) | labels, which arrive later and are joined by inference id |

The truth of a window is known when the next ones have passed, so the checks that need it look at an older window.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, RootModel

from runtime.columns import Column
from runtime.errors import JobError
from runtime.monitoring.answers import ID, beside, id_of, numbered, plain, series_of, truth_of
from runtime.monitoring.captures import is_capture, rows_answered, rows_asked
from runtime.monitoring.documents import read_model
from runtime.monitoring.lines import Scalar, lines_of, objects_of

WINDOW_FILE, EARLIER_FILE = "window.json", "earlier.json"
# Answers that are held at once, in rows: beyond it a sample by inference id is taken, the same one each time.
MOST_ROWS = 200_000
_DIGEST_BITS = 64


class Span(BaseModel):
    """From one moment up to another, which is not part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: datetime
    until: datetime

    @property
    def id(self) -> str:
        """Its name, e.g. `20130501T0000Z`: when it ended, in UTC."""
        return f"{self.until.astimezone(UTC):%Y%m%dT%H%MZ}"


class _Earlier(RootModel[Sequence[str]]):
    """What `earlier.json` says."""


class Window(BaseModel):
    """What `window.json` says.

    Attributes:
        id: Name of the window, e.g. `20130501T0000Z`: when it ended.
        model: The model.
        version: ARN of the version that the endpoint served when the window was closed.
        endpoint: The endpoint.
        asked: When what was asked is looked at.
        answered: The older window whose truth should be known by now.
        captures: Files of what was asked, relative to the input.
        answers: Files of what this version has captured in the older window.
        labels: Files of the truth.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    model: str
    version: str
    endpoint: str
    asked: Span
    answered: Span
    captures: Sequence[str]
    answers: Sequence[str] = ()
    labels: Sequence[str] = ()


def earlier_in(path: Path) -> Sequence[str]:
    """The files of what versions before have answered: their truth is kept, and no check of this version looks at it.

    Args:
        path: Of `window.json`, beside which they are named.

    Raises:
        JobError: The list cannot be read.
    """
    beside = path.with_name(EARLIER_FILE)
    return read_model(beside, _Earlier).root if beside.is_file() else ()


def files_in(folder: Path, names: Sequence[str]) -> list[Path]:
    """The named files of a folder.

    Raises:
        JobError: One is missing, or lies outside the folder.
    """
    found = []
    for name in names:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise JobError(f"the window names {name}, which lies outside its folder.")
        if not path.is_file():
            raise JobError(f"the window names {name}, which is not there.")
        found.append(path)
    return found


def invocations(
    captures: Sequence[Path], *, columns: Sequence[Column], answer: str, counts: Counter[str], most: int = MOST_ROWS
) -> pl.DataFrame:
    """What was asked and answered, a row an answer: the inputs, the answer and the column `inference_id`.

    Args:
        captures: Files of captures.
        columns: The model's inputs; others in a request are not looked at.
        answer: The field of an answer.
        counts: Takes what is left out.
        most: The most rows: of more, those with the smallest hashes of their ids are kept.
    """
    names = [column.name for column in columns]
    texts = [column.name for column in columns if column.kind == "text"]
    limit, kept, seen = 1 << _DIGEST_BITS, list[tuple[int, Mapping[str, Scalar]]](), 0
    for row in _rows(captures, names=names, texts=texts, answer=answer, counts=counts):
        seen += 1
        place = _hash(str(row[ID]))
        if place >= limit:
            continue
        kept.append((place, row))
        while len(kept) > most and limit > 1:
            limit //= 2
            kept = [one for one in kept if one[0] < limit]
    if seen > len(kept):
        counts["answers beyond the sample that is looked at"] += seen - len(kept)
    rows = [row for _, row in kept]
    ids = pl.Series(ID, [row[ID] for row in rows], dtype=pl.String)
    return pl.DataFrame([ids, *(series_of(name, [plain(row.get(name)) for row in rows]) for name in [*names, answer])])


def with_truth(
    asked: pl.DataFrame, labels: Sequence[Path], *, answer: str, label: str, counts: Counter[str]
) -> pl.DataFrame:
    """Answers whose truth is known, with the truth in the column `label`.

    Args:
        asked: As `invocations` gives it.
        labels: Files of the truth.
        answer: The field of an answer.
        label: The column of a label.
        counts: Takes what is left out.
    """
    whole = asked.drop_nulls([ID, answer])
    counts["answers without an id or a value"] += asked.height - whole.height
    once = whole.unique(subset=ID, keep="last", maintain_order=True)
    counts["answers of an id that has a later one"] += whole.height - once.height
    truth = truth_of(labels, label, counts)
    found = once.join(truth, on=ID, how="inner", maintain_order="left")
    counts["answers without a label"] += once.height - found.height
    counts["labels without an answer"] += truth.height - found.height
    return found.with_columns(beside(found[answer], found[label]))


def _rows(
    paths: Sequence[Path], *, names: Sequence[str], texts: Sequence[str], answer: str, counts: Counter[str]
) -> Iterator[dict[str, Scalar]]:
    for path in paths:
        for capture in objects_of(lines_of(path, counts), counts):
            if not is_capture(capture):
                counts["lines that are no capture"] += 1
                continue
            asked = list(rows_asked(capture, counts, texts=texts, names=names))
            answered = list(rows_answered(capture, counts, name=answer))
            if len(asked) != len(answered):
                counts["captures with another number of answers than of rows"] += 1
                continue
            id_ = id_of(capture)
            for index, (row, said) in enumerate(zip(asked, answered, strict=True)):
                yield {**{name: row.get(name) for name in names}, answer: said.get(answer), ID: numbered(id_, index)}


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_DIGEST_BITS // 8).digest())
