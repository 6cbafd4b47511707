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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import polars as pl

from runtime.errors import JobError
from runtime.monitoring.captures import is_capture, rows_answered
from runtime.monitoring.lines import NAMED_TWICE, NO_ROWS, UNKNOWN_KIND, Scalar, lines_of, objects_of, suffix_of
from runtime.monitoring.summary import COLUMNS

ID = "inference_id"
_LINES = (".jsonl", ".json", ".ndjson")
_NAMED = 20  # columns in a sentence, and columns left out that are told apart
_FIRST = 5  # labels in a sentence
_TRUTHS = {"true": "1", "false": "0"}
_OTHER_CLASS: Mapping[str, Sequence[str]] = {"1": ("0", "-1"), "0": ("1",), "-1": ("1",)}
_WHOLE = 2.0**53  # beyond it a float is no certain whole number
_Object = Mapping[str, Scalar]


class NoTruthError(JobError):
    """No answer is left whose truth is known and one that counts."""


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
        numbers = whole[answer].cast(pl.Float64, strict=False)
        finite = numbers.is_finite().fill_null(value=False)
        counts["answers that are no finite number"] += whole.height - int(finite.sum())
        whole = whole.with_columns(numbers).filter(finite)
    else:
        whole = _with_finite(whole, answer, "answers", counts)
        whole = whole.with_columns(beside(whole[answer], whole[label]))
    present = with_labels(whole, label, counts)
    return Joined(labels=present[label], answers=present[answer], counts=+counts)


def beside(answers: pl.Series, labels: pl.Series) -> pl.Series:
    """Labels as the answers are: texts that read as numbers are numbers beside numbers, and as they are beside texts.

    Args:
        answers: Of a model.
        labels: Their truth; numbers if all of them read as such, texts otherwise.
    """
    if labels.dtype != pl.String or not answers.dtype.is_numeric():
        return labels
    numbers = labels.cast(pl.Float64, strict=False)
    if numbers.null_count() == labels.null_count():
        return numbers
    return pl.select(pl.coalesce(as_texts(numbers), labels)).to_series()


def with_labels(table: pl.DataFrame, label: str, counts: Counter[str]) -> pl.DataFrame:
    """The rows whose label is neither not-a-number nor infinite, whether a file has it as a number or as a text.

    Args:
        table: Without a null in the column of the label.
        label: That column.
        counts: Takes what is left out.
    """
    return _with_finite(table, label, "labels", counts)


def _with_finite(table: pl.DataFrame, name: str, what: str, counts: Counter[str]) -> pl.DataFrame:
    texts = as_texts(table[name])
    told = table.filter(texts.is_not_null() & texts.cast(pl.Float64, strict=False).is_finite().fill_null(value=True))
    counts[f"{what} that are no finite number"] += table.height - told.height
    return told


def classes_of(labels: pl.Series, *, positive: str, counts: Counter[str]) -> pl.Series:
    """Whether each label of two classes is the positive one; null of a label that is neither of them.

    `true` and `false` are `1` and `0`, and `1.0` is `1`. Beside the positive label `1` the other one is `0`, or `-1`
    where no label is `0`; beside `0` and `-1` it is `1`; beside any other text, the one that most rows have.

    Args:
        labels: None is missing.
        positive: The positive label, as text.
        counts: Takes the labels that are neither.

    Raises:
        JobError: No label is positive, and there are several others, so that nobody knows which one is negative.
    """
    texts, wanted = _class_names(labels), class_name(positive)
    others = texts.filter(texts != wanted).value_counts(name="rows").iter_rows()
    ranked = [text for text, _ in sorted(others, key=lambda one: (-one[1], one[0]))]
    known = _OTHER_CLASS.get(wanted)
    if known is None and len(ranked) > 1 and not (texts == wanted).any():
        raise JobError(
            f"no rows are with the positive label; the first values there are: {first_of(sorted(ranked), most=_FIRST)}."
        )
    negative = next((name for name in known or ranked if name in ranked), known[0] if known else "")
    told = texts.to_frame("label").select(pl.when(pl.col("label").is_in([wanted, negative])).then(pl.col("label")))
    classes = told.to_series() == wanted
    if odd := [name for name in ranked if name != negative]:
        counts[f"labels that are neither {wanted:.60} nor {negative:.60}, such as {first_of(odd, most=_FIRST)}"] += int(
            (classes.is_null() & texts.is_not_null()).sum()
        )
    return classes


def _class_names(labels: pl.Series) -> pl.Series:
    """Labels as texts, one text a class: `1` of true, TRUE and 1.0."""
    texts = as_texts(labels).str.strip_chars()
    numbers = as_texts(texts.cast(pl.Float64, strict=False))
    lower = texts.str.to_lowercase().replace_strict(_TRUTHS, default=None, return_dtype=pl.String)
    return pl.select(pl.coalesce(lower, numbers, texts)).to_series()


def class_name(label: str) -> str:
    """A label of two classes as `classes_of` has it: `1` of true and 1.0."""
    return str(_class_names(pl.Series([label]))[0])


def first_of(names: Sequence[str], *, most: int = _NAMED) -> str:
    """The first of some names, for a sentence: at most 20, or so many."""
    more = len(names) - most
    return ", ".join(f"{name:.60}" for name in names[:most]) + (f" and {more} more" if more > 0 else "")


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
            before = len(found)
            for one in objects_of(lines_of(path, counts), counts):
                found += read(one, name, counts)
            if len(found) == before:
                counts[NO_ROWS] += 1
        else:
            frame = table_of([path], [ID, name], counts)
            if not frame.is_empty():
                frames.append(frame)
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
    if number != number:
        return None
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
    """A number for a text that is just how one is written: `7`, but neither `007` nor `7.0`, which stay apart."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        number = float(text)
    except ValueError:
        return text or None
    return number if not isfinite(number) or _text(number) == text else text


def _id_of(metadata: Scalar, names: tuple[str, ...]) -> str | None:
    if not isinstance(metadata, Mapping):
        return None
    return next((_text(found) for name in names if (found := plain(metadata.get(name)))), None)


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
    """Reads tables into one. Files that are no table, or have no row, are counted and passed over.

    Args:
        paths: Parquet, CSV or JSON lines.
        columns: The columns to keep; None for all of the first table, at most 2,000. Columns that a later one has
            besides are then counted by name, at most 20 of them.
        counts: Takes what cannot be read.

    Raises:
        JobError: A table lacks one of the columns, has too many, or a column holds lists or is of several types.
    """
    frames = list[pl.DataFrame]()
    for path in paths:
        if (frame := _read(path, columns, counts)) is None:
            continue
        if frame.is_empty():
            counts[NO_ROWS] += 1
            continue
        kept = columns if columns is not None else (frames[0].columns if frames else frame.columns)
        _refuse_absent(path, kept, frame.columns)
        if columns is None:
            _refuse_many(path, frame.width)
            _count_besides(frame, kept, counts)
        kinds = {name: frame.schema[name] for name in kept}
        if odd := [name for name, kind in kinds.items() if kind.is_nested() or kind in (pl.Binary, pl.Duration)]:
            raise JobError(
                f"{odd[0]:.60} of {path.name} holds lists, objects, bytes or durations; accepted: numbers and texts."
            )
        texts = [name for name, kind in kinds.items() if kind in (pl.Categorical, pl.Enum)]
        frames.append(frame.select(kept).with_columns(pl.col(texts).cast(pl.String)))
    if not frames:
        return pl.DataFrame(schema=dict.fromkeys(columns or (), pl.String))
    try:
        return pl.concat(_of_one_type(frames), how="vertical_relaxed")
    except pl.exceptions.PolarsError:
        raise JobError("a column is of one type in one file, and of another in the next; accepted: one type.") from None


def _count_besides(frame: pl.DataFrame, kept: Collection[str], counts: Counter[str]) -> None:
    """Counts the columns that the first table does not have, by name and rows."""
    besides = [name for name in frame.columns if name not in kept]
    for name in besides[:_NAMED]:
        counts[f"rows with a column {name:.60}, which the first file does not have"] += frame.height
    if more := len(besides) - len(besides[:_NAMED]):
        counts["other columns that the first file does not have"] += more


def _of_one_type(frames: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """Makes a column texts in all tables, if it is of texts in some: 1.0 is `1` in each of them."""
    kinds = {name: {frame.schema[name] for frame in frames} - {pl.Null()} for name in frames[0].columns}
    for name, found in kinds.items():
        # Polars would take a date for the number of its days.
        if any(kind.is_temporal() for kind in found) and any(kind.is_numeric() for kind in found):
            raise pl.exceptions.SchemaError(name)
    mixed = [name for name, found in kinds.items() if pl.String() in found and len(found) > 1]
    return [frame.with_columns(as_texts(frame[name]) for name in mixed) for frame in frames]


def _read(path: Path, columns: Sequence[str] | None, counts: Counter[str]) -> pl.DataFrame | None:
    """A table, with the columns asked for among others; None of a file that is none, which is counted."""
    kind = suffix_of(path)
    try:
        if kind == ".parquet":
            return _read_parquet(path, columns)
        if kind == ".csv":
            # An id may read as a number, and is none.
            frame = pl.read_csv(path, infer_schema_length=None, schema_overrides={ID: pl.String})
            if not any(f"{name}_duplicated_0" in frame.columns for name in frame.columns):  # as Polars renames them
                counts["lines of CSV that a quoted cell of a line before takes"] += _line_ends(frame)
                return _with_numbers(frame)
            counts[NAMED_TWICE] += 1
        elif kind in _LINES:
            return _read_lines(path, columns, counts)
        else:
            counts[UNKNOWN_KIND] += 1
    except pl.exceptions.NoDataError:
        counts[NO_ROWS] += 1
    # A panic is what Polars makes of some files that are broken; it derives from no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
        counts["files that cannot be read"] += 1
    return None


def _line_ends(table: pl.DataFrame) -> int:
    """How many there are within names and cells: a quote that nobody ended may find an end by chance, lines later."""
    cells = table.select(pl.col(pl.String).str.count_matches("\n").sum())
    return sum(name.count("\n") for name in table.columns) + sum(int(one.item()) for one in cells)


def _with_numbers(table: pl.DataFrame) -> pl.DataFrame:
    """A table of CSV in which a column of numbers stays one beside `nan`, which Polars takes for a text."""
    texts = [name for name, kind in table.schema.items() if kind == pl.String and name != ID]
    numbers = {name: table[name].cast(pl.Float64, strict=False) for name in texts}
    return table.with_columns(one for name, one in numbers.items() if one.null_count() == table[name].null_count())


def _read_parquet(path: Path, columns: Sequence[str] | None) -> pl.DataFrame:
    present = pl.read_parquet_schema(path)
    if columns is None:
        _refuse_many(path, len(present))
        return pl.read_parquet(path)
    if all(name in present for name in columns):
        return pl.read_parquet(path, columns=list(columns))
    return pl.read_parquet(path, n_rows=1)  # enough to say what it has instead


def _read_lines(path: Path, columns: Sequence[str] | None, counts: Counter[str]) -> pl.DataFrame:
    values: dict[str, list[Scalar]] = {name: [] for name in columns or ()}
    rows, others, lacking = 0, dict[str, None](), set(values)
    for row in objects_of(lines_of(path, counts), counts):
        if columns is None:
            values |= {name: [None] * rows for name in row if name not in values}
            _refuse_many(path, len(values))
        else:
            lacking -= row.keys()
            if len(others) < _NAMED:
                others |= dict.fromkeys(row)
        for name, column in values.items():
            column.append(plain(row.get(name)))
        rows += 1
    if rows and lacking:
        _refuse_absent(path, list(columns or ()), [name for name in others if name not in lacking])
    return pl.DataFrame([series_of(name, column) for name, column in values.items()])


def _refuse_absent(path: Path, columns: Sequence[str], present: Sequence[str]) -> None:
    if absent := [name for name in columns if name not in present]:
        raise JobError(f"{path.name} has no column {absent[0]}; it has: {first_of(present)}.")


def _refuse_many(path: Path, columns: int) -> None:
    if columns > COLUMNS:
        raise JobError(f"{path.name} has more than {COLUMNS:,} columns; accepted: {COLUMNS:,} at most.")
