"""Tables read into a summary, a batch at a time: Parquet, CSV and JSON lines, the last two also compressed with gzip.

Nothing of what cannot be read ends the reading, and nothing is dropped in silence: it is counted in the summary's
`faults`, by what is wrong with it.

| suffix | a row |
|---|---|
| `.parquet` | a row; times and dates are seconds since 1970 |
| `.csv` | a line, by the names of the first one; an empty cell is missing, and what reads as a number is one |
| `.jsonl`, `.json`, `.ndjson` | an object on a line of its own; a null, and a name that a line lacks, are missing |
| the same, as an endpoint captures them | a row of a request; a line may hold several |
"""

import csv
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from runtime.monitoring.captures import is_capture, rows_asked
from runtime.monitoring.lines import Scalar, lines_of, objects_of, suffix_of
from runtime.monitoring.summary import Column, Summary

# Of Parquet and of lines. Larger ones read no faster, and the memory is that of a batch of all columns.
_BATCH, _LINES = 1 << 16, 1 << 14
_NO_ROWS = "files without a row"

_Item = TypeVar("_Item")
_Reader = Callable[[Path, Summary, Collection[str], Sequence[str]], None]


def summarized(paths: Iterable[Path], *, texts: Collection[str] = (), names: Sequence[str] = ()) -> Summary:
    """Reads files into one summary.

    Args:
        paths: The files; other suffixes than the module's are counted as faults.
        texts: Columns of CSV whose cells are texts, whatever they read as: the code `007` is no number.
        names: The columns of a captured request in CSV, which does not name them, in their order.
    """
    summary = Summary()
    for path in paths:
        reader = _READERS.get(suffix_of(path))
        if reader is None:
            summary.faults["files of an unknown kind"] += 1
            continue
        before = summary.rows
        reader(path, summary, texts, names)
        if summary.rows == before:
            summary.faults[_NO_ROWS] += 1
    return summary


def files_of(place: Path) -> list[Path]:
    """The files of a folder and the folders in it, in the order of their names; of a file, the file.

    What begins with a dot or an underscore is no data (Spark and Hadoop mark their own files so).
    """
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file() and path.name[0] not in "._")


def add_rows(summary: Summary, rows: Sequence[Mapping[str, Scalar]]) -> None:
    """Takes rows as JSON has them.

    Args:
        summary: What takes them.
        rows: The rows.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    for name in [*names, *(known for known in summary.columns if known not in names)]:
        column = summary.column(name)
        _add_values(column, [row.get(name) for row in rows])
    summary.rows += len(rows)


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    found = iter(items)
    while batch := list(islice(found, _LINES)):
        yield batch


# ------------------------------------------------------------------------------------------------ Parquet
def _read_parquet(path: Path, summary: Summary, _texts: Collection[str], _names: Sequence[str]) -> None:
    try:
        schema = pq.read_schema(path)
        if len(set(schema.names)) < len(schema.names):
            summary.faults["files of Parquet that name a column twice"] += 1
            return
        texts = [field.name for field in schema if _is_text(field.type)]
        # Without buffering ahead: it would hold all row groups at once.
        file = pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False)
        with file, ThreadPoolExecutor(os.cpu_count()) as pool:
            for batch in file.iter_batches(batch_size=_BATCH):
                held = {name: summary.column(name) for name in schema.names}
                absent = [column for name, column in summary.columns.items() if name not in held]
                for column in absent:
                    column.add_missing(batch.num_rows)
                list(pool.map(_add_array, held.values(), batch.columns))
                summary.rows += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        summary.faults["files that are no Parquet"] += 1


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _add_array(column: Column, array: pa.Array) -> None:
    """Takes an array of a batch."""
    kind = array.type
    column.add_missing(array.null_count)
    if array.null_count:
        array = array.drop_null()
    if len(array) == 0:
        return
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        column.add_numbers(array.cast(pa.float64(), safe=False).to_numpy(), whole=True)
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column.add_numbers(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), whole=False)
    elif pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_time(kind):
        stamps = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        column.add_numbers(stamps.to_numpy() / 1e6, whole=False)
    elif pa.types.is_dictionary(kind) and _is_text(kind.value_type):
        counts = np.bincount(array.indices.to_numpy(), minlength=len(array.dictionary)).tolist()
        texts = Counter(
            {text: count for text, count in zip(array.dictionary.to_pylist(), counts, strict=True) if count}
        )
        column.add_missing(texts.pop("", 0))
        column.add_texts(texts)
    else:
        column.add_unknown(len(array))


# ------------------------------------------------------------------------------------------------ lines
def _read_json(path: Path, summary: Summary, texts: Collection[str], names: Sequence[str]) -> None:
    for rows in _batches(_rows(path, summary.faults, texts, names)):
        add_rows(summary, rows)


def _rows(
    path: Path, faults: Counter[str], texts: Collection[str], names: Sequence[str]
) -> Iterator[Mapping[str, Scalar]]:
    for found in objects_of(lines_of(path, faults), faults):
        if is_capture(found):
            yield from rows_asked(found, faults, texts=texts, names=names)
        else:
            yield found


def _read_csv(path: Path, summary: Summary, texts: Collection[str], _names: Sequence[str]) -> None:
    # The reader gets a line feed back at each end: a cell may hold one, between quotes.
    cells = csv.reader(f"{line}\n" for line in lines_of(path, summary.faults))
    try:
        header = next(cells, None)
        if header is None:
            return
        if len(set(header)) < len(header):
            summary.faults["files of CSV whose first line names a column twice"] += 1
            return
        for batch in _batches(cells):
            rows = [row for row in batch if len(row) == len(header)]
            if len(rows) < len(batch):
                summary.faults["lines of CSV with another number of cells than the first"] += len(batch) - len(rows)
            _add_cells(summary, header, rows, texts)
    except csv.Error:
        summary.faults["files of CSV that break off"] += 1


def _add_cells(summary: Summary, header: list[str], rows: list[list[str]], texts: Collection[str]) -> None:
    for index, name in enumerate(header):
        _add_column(summary.column(name), [row[index] for row in rows], as_texts=name in texts)
    for name, column in summary.columns.items():
        if name not in header:
            column.add_missing(len(rows))
    summary.rows += len(rows)


def _add_column(column: Column, cells: Sequence[str], *, as_texts: bool) -> None:
    stripped = pl.Series(cells, dtype=pl.String).str.strip_chars()
    present = stripped.filter(stripped != "")
    column.add_missing(len(stripped) - len(present))
    numbers = present.cast(pl.Float64, strict=False)
    if not as_texts:
        column.add_numbers(numbers.drop_nulls().to_numpy(), whole=False)
        present = present.filter(numbers.is_null())
    column.add_texts({str(text): int(count) for text, count in present.value_counts().iter_rows()})


def _add_values(column: Column, values: Sequence[Scalar]) -> None:
    numbers: list[float] = []
    texts: Counter[str] = Counter()
    missing = unknown = 0
    for value in values:
        if value is None or value == "":
            missing += 1
        elif isinstance(value, bool | int | float):
            numbers.append(_number(value))
        elif isinstance(value, str):
            texts[value] += 1
        else:
            unknown += 1
    column.add_missing(missing)
    column.add_unknown(unknown)
    column.add_numbers(np.array(numbers, dtype=np.float64), whole=False)
    column.add_texts(texts)


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of JSON has as many digits as it likes
        return float("inf") if value > 0 else float("-inf")


_READERS: Mapping[str, _Reader] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_json,
    ".json": _read_json,
    ".ndjson": _read_json,
}
