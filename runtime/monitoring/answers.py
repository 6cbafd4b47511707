"""What a model has answered, joined by inference id to the truth, which arrives later.

| file | an answer | a label |
|---|---|---|
| captured invocations (JSON lines) | a row of the answer; its id is `inferenceId`, or `eventId` without one | |
| ground truth of SageMaker Model Monitor (JSON lines) | | `groundTruthData`; its id is `eventMetadata.eventId` |
| a table (Parquet, CSV, JSON lines) | the answer's field, by the column `inference_id` | the label's, likewise |

An invocation of several rows gives the second one the id `<id>/1`, the third `<id>/2`, and so on.

Source: "Capture data from real-time endpoint" and "Ingest ground truth labels and merge them with predictions", Amazon
SageMaker developer guide.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from runtime.errors import JobError
from runtime.monitoring.captures import is_capture, rows_answered
from runtime.monitoring.lines import Scalar, lines_of, objects_of, suffix_of

ID = "inference_id"
_LINES = (".jsonl", ".json", ".ndjson")
_WHOLE = 2.0**53  # beyond it a float is no certain whole number
_Object = Mapping[str, Scalar]


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Answers with their truth.

    Attributes:
        labels: The truth, a row an answer that has one.
        answers: The answers, in the same order.
        counts: What was left out, by why, and how often: nothing is dropped in silence.
    """

    labels: pl.Series
    answers: pl.Series
    counts: Counter[str]


def joined(
    data: Iterable[Path], truth: Iterable[Path] | None, *, answer: str, label: str, numeric: bool = True
) -> Joined:
    """Reads answers and truth, and joins them.

    Of an id that has several answers, or several labels, the last one counts.

    Args:
        data: Captures, or tables with the answers.
        truth: Ground truth, or tables with the labels; None if the tables with the answers have the labels too.
        answer: The field of an answer that is compared with the label; of an answer that is a bare number, any name.
        label: The column of a label in a table.
        numeric: Whether an answer that is no finite number is no answer.

    Raises:
        JobError: A table lacks one of its columns, or answer and label have one name.
    """
    if answer == label:
        raise JobError(f"the answer and the label are both called {answer}; accepted: two names.")
    if ID in (answer, label):
        raise JobError(f"{ID} is neither answer nor label: it joins them.")
    counts: Counter[str] = Counter()
    if truth is None:
        both = table_of(data, [answer, label], counts)
        whole = both.drop_nulls()
        counts["rows without an answer or a label"] += both.height - whole.height
        return _kept(whole, answer, label, counts, numeric=numeric)
    answers = _once(_pairs(data, answer, counts, _answers_of), answer, "answers of an id that has a later one", counts)
    labels = truth_of(truth, label, counts)
    whole = answers.join(labels, on=ID, how="inner", maintain_order="left")
    counts["answers without a label"] += answers.height - whole.height
    counts["labels without an answer"] += labels.height - whole.height
    return _kept(whole, answer, label, counts, numeric=numeric)


def truth_of(paths: Iterable[Path], label: str, counts: Counter[str]) -> pl.DataFrame:
    """Labels by inference id: the columns `inference_id` and `label`, each id once, the last label of each.

    Args:
        paths: Ground truth, or tables with the labels.
        label: The column of a label in a table, and in what is given back.
        counts: Takes what is left out.
    """
    return _once(_pairs(paths, label, counts, _labels_of), label, "labels of an id that has a later one", counts)


def _kept(whole: pl.DataFrame, answer: str, label: str, counts: Counter[str], *, numeric: bool) -> Joined:
    if numeric:
        if whole.schema[answer].is_nested():
            raise JobError(f"the answers of {answer} are lists or objects; accepted: numbers.")
        numbers = whole[answer].cast(pl.Float64, strict=False)
        finite = numbers.is_finite().fill_null(value=False)
        counts["answers that are no finite number"] += whole.height - int(finite.sum())
        whole = whole.with_columns(numbers).filter(finite)
    present = whole.filter(as_texts(whole[label]).is_not_null())
    counts["labels that are no number"] += whole.height - present.height
    return Joined(labels=present[label], answers=present[answer], counts=+counts)


def _once(pairs: pl.DataFrame, name: str, said: str, counts: Counter[str]) -> pl.DataFrame:
    present = pairs.drop_nulls()
    counts[f"rows without {name} or an id"] += pairs.height - present.height
    once = present.unique(subset=ID, keep="last", maintain_order=True)
    counts[said] += present.height - once.height
    return once


def _pairs(
    paths: Iterable[Path],
    name: str,
    counts: Counter[str],
    read: Callable[[_Object, str, Counter[str]], Iterator[tuple[str | None, Scalar]]],
) -> pl.DataFrame:
    """Ids and values of all files, a row each; a value is a number where all are, or a text."""
    frames, found = [], list[tuple[str | None, Scalar]]()
    for path in paths:
        if suffix_of(path) in _LINES:
            for one in objects_of(lines_of(path, counts), counts):
                found += read(one, name, counts)
        else:
            frames.append(table_of([path], [ID, name], counts))
    ids = pl.Series(ID, [one for one, _ in found], dtype=pl.String)
    values = series_of(name, [value for _, value in found])
    frames.append(pl.DataFrame([ids, values]))
    frames = [frame.with_columns(as_texts(frame[ID])) for frame in frames if frame.height]
    if not frames:
        return pl.DataFrame(schema={ID: pl.String, name: pl.Float64})
    return _together(frames, name)


def _together(frames: Sequence[pl.DataFrame], name: str) -> pl.DataFrame:
    """One table; its values are numbers where those of all are, or texts."""
    plain = [
        frame.with_columns(frame[name].cast(pl.Int8)) if frame.schema[name] == pl.Boolean else frame for frame in frames
    ]
    if all(frame.schema[name].is_numeric() for frame in plain):
        return pl.concat([frame.with_columns(frame[name].cast(pl.Float64)) for frame in plain])
    return pl.concat([frame.with_columns(as_texts(frame[name])) for frame in plain])


def series_of(name: str, values: Sequence[Scalar]) -> pl.Series:
    """A column of numbers, if all that is there is one; of texts otherwise."""
    if all(value is None or isinstance(value, bool | int | float) for value in values):
        return pl.Series(name, [None if value is None else _float(value) for value in values], dtype=pl.Float64)
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Scalar) -> str | None:
    """As `as_texts` has it."""
    if value is None or isinstance(value, str):
        return value
    number = _float(value)
    return str(int(number)) if number.is_integer() and abs(number) < _WHOLE else str(number)


def _float(value: Scalar) -> float:
    try:
        return float(str(value)) if not isinstance(value, bool) else float(value)
    except (OverflowError, ValueError):
        return float("nan")


def _answers_of(one: _Object, name: str, counts: Counter[str]) -> Iterator[tuple[str | None, Scalar]]:
    if not is_capture(one):
        yield _id(one.get(ID)), plain(one.get(name))
        return
    id_ = id_of(one)
    for index, row in enumerate(rows_answered(one, counts, name=name)):
        yield numbered(id_, index), plain(row.get(name))


def id_of(capture: _Object) -> str | None:
    """The inference id of a captured invocation."""
    return _id_of(capture.get("eventMetadata"), ("inferenceId", "eventId"))


def numbered(id_: str | None, index: int) -> str | None:
    """The id of a row of an invocation, counted from 0."""
    return f"{id_}/{index}" if id_ and index else id_


def _labels_of(one: _Object, name: str, _counts: Counter[str]) -> Iterator[tuple[str | None, Scalar]]:
    data = one.get("groundTruthData")
    if not isinstance(data, Mapping):
        yield _id(one.get(ID)), plain(one.get(name))
        return
    text = data.get("data")
    value = text if isinstance(text, bool | int | float | str) else None
    yield _id_of(one.get("eventMetadata"), ("eventId",)), _number_if_any(value)


def _number_if_any(value: Scalar) -> Scalar:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value.strip() or None


def _id_of(metadata: Scalar, names: tuple[str, ...]) -> str | None:
    if not isinstance(metadata, Mapping):
        return None
    return next((str(metadata[name]) for name in names if metadata.get(name)), None)


def _id(value: Scalar) -> str | None:
    return _text(value)


def plain(value: object) -> Scalar:
    """A value that can be compared; of a list or an object there is none."""
    return value if isinstance(value, bool | int | float | str) else None


def as_texts(values: pl.Series) -> pl.Series:
    """Values as texts, one text a value however a file has it: true and 1.0 are `1`, and not-a-number is null."""
    if values.dtype == pl.Boolean:
        values = values.cast(pl.Int8)
    if not values.dtype.is_float():
        return values.cast(pl.String, strict=False)
    whole = values.is_finite() & (values == values.round()) & (values.abs() < _WHOLE)
    frame = pl.DataFrame({"value": values.fill_nan(None), "whole": whole.fill_null(value=False)})
    chosen = (
        pl.when("whole")
        .then(pl.col("value").cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(pl.col("value").cast(pl.String))
    )
    return frame.select(chosen.alias(values.name)).to_series()


def table_of(paths: Iterable[Path], columns: Sequence[str] | None, counts: Counter[str]) -> pl.DataFrame:
    """Reads tables into one.

    Args:
        paths: Parquet, CSV or JSON lines.
        columns: The columns to keep; None for all of the first file.
        counts: Takes what cannot be read.

    Raises:
        JobError: A table lacks one of the columns, or a file is no table.
    """
    frames = []
    for path in paths:
        try:
            frame = _read(path, counts)
        except (pl.exceptions.PolarsError, OSError):
            counts["files that cannot be read"] += 1
            continue
        columns = frame.columns if columns is None else columns
        if absent := [name for name in columns if name not in frame.columns]:
            raise JobError(f"{path.name} has no column {absent[0]}; it has: {', '.join(frame.columns)}.")
        frames.append(frame.select(columns))
    if not frames:
        return pl.DataFrame(schema=dict.fromkeys(columns or (), pl.String))
    try:
        return pl.concat(frames, how="vertical_relaxed")
    except pl.exceptions.PolarsError:
        raise JobError("a column is of one type in one file, and of another in the next; accepted: one type.") from None


def _read(path: Path, counts: Counter[str]) -> pl.DataFrame:
    kind = suffix_of(path)
    if kind == ".parquet":
        return pl.read_parquet(path)
    if kind == ".csv":
        # An id may read as a number, and is none.
        return pl.read_csv(path, infer_schema_length=None, schema_overrides={ID: pl.String})
    if kind in _LINES:
        rows = list(objects_of(lines_of(path, counts), counts))
        names = dict.fromkeys(name for row in rows for name in row)
        return pl.DataFrame([series_of(name, [plain(row.get(name)) for row in rows]) for name in names])
    raise JobError(f"{path.name} is no table; accepted: .parquet, .csv, .jsonl, .json, .ndjson.")
