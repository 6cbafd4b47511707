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

import os
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from runtime.monitoring.captures import is_capture, rows_asked
from runtime.monitoring.lines import (
    NAMED_TWICE,
    NO_ROWS,
    UNKNOWN_KIND,
    Scalar,
    every_line_of,
    lines_of,
    objects_of,
    rows_of_csv,
    suffix_of,
    told,
)
from runtime.monitoring.summary import Column, Summary

# Of Parquet and of lines. Larger ones read no faster, and the memory is that of a batch of all columns.
_BATCH, _LINES = 1 << 16, 1 << 14
# Of a batch of either: rows may be as long as they like. What a parser makes of text takes up to twenty times its size.
_BYTES, _CHARACTERS = 1 << 26, 1 << 23
# Faults of CSV.
_BLANK = "blank lines of CSV"
_ANOTHER_NUMBER = "lines of CSV with another number of cells than the first"

_Item = TypeVar("_Item")
_Reader = Callable[[Path, Summary, Collection[str], Sequence[str]], None]


def summarized(
    paths: Iterable[Path], *, texts: Collection[str] = (), names: Sequence[str] = (), folder: Path | None = None
) -> Summary:
    """Reads files into one summary.

    Args:
        paths: The files; other suffixes than the module's are counted as faults.
        texts: Columns of CSV whose cells are texts, whatever they read as: the code `007` is no number.
        names: The columns of a captured request in CSV, which does not name them, in their order.
        folder: From where a file that has a fault is named; left out, by its own name.
    """
    summary = Summary()
    for path in paths:
        before, rows = summary.faults.copy(), summary.rows
        reader = _READERS.get(suffix_of(path))
        if reader is None:
            summary.faults[UNKNOWN_KIND] += 1
        else:
            reader(path, summary, texts, names)
            if summary.rows == rows:
                summary.faults[NO_ROWS] += 1
        for fault in summary.faults - before:
            summary.place(fault, _named(path, folder))
    return summary


def summarized_in(place: Path, *, texts: Collection[str] = (), names: Sequence[str] = ()) -> Summary:
    """Reads a file, or the files of a folder, into one summary; what is passed over in the folder is a fault of it.

    Args:
        place: The file or folder.
        texts: As of `summarized`.
        names: As of `summarized`.
    """
    files, passed = walked(place)
    found = summarized(files, texts=texts, names=names, folder=place)
    found.merge(passed)
    return found


def files_of(place: Path) -> list[Path]:
    """The files of a folder and the folders in it, as `walked` finds them; of a file, the file."""
    return walked(place)[0]


def hold_captures(paths: Iterable[Path]) -> bool:
    """Whether the first object in lines of JSON, of all these files, is a captured invocation."""
    of_json = (path for path in paths if _READERS.get(suffix_of(path)) is _read_json)
    objects = (found for path in of_json for found in objects_of(lines_of(path, Counter()), Counter()))
    return is_capture(next(objects, {}))


def walked(place: Path) -> tuple[list[Path], Summary]:
    """The files of a folder and the folders in it, in the order of their names, and what else there is.

    A name that begins with a dot or an underscore is of no data, be it a file's or a folder's (Spark and Hive mark
    their own so). A link is followed, but no folder is read twice.

    Args:
        place: The folder; of a file, the file is all there is.

    Returns:
        The files, and a summary without rows whose faults are what was passed over and does not begin so.
    """
    files, passed = list[Path](), Summary()
    if place.is_file():
        return [place], passed

    def pass_over(path: Path, fault: str) -> None:
        passed.faults[fault] += 1
        passed.place(fault, _named(path, place))

    folders, links, seen = [place], deque[Path](), set[tuple[int, int]]()
    while folders or links:
        folder = folders.pop() if folders else links.popleft()
        try:
            status = folder.stat()
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError:
            pass_over(folder, "folders that cannot be read")
            continue
        if (status.st_dev, status.st_ino) in seen:
            pass_over(folder, "links to folders that are read already")
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            path = folder / entry.name
            try:
                if entry.name[0] in "._":
                    continue
                if entry.is_dir():
                    (links if entry.is_symlink() else folders).append(path)
                elif entry.is_file():
                    files.append(path)
                else:
                    pass_over(path, "links that lead to no file" if entry.is_symlink() else "pipes and devices")
            except OSError:
                pass_over(path, "files that cannot be read")
    return sorted(files), passed


def _named(path: Path, folder: Path | None) -> str:
    within = folder is not None and path != folder and path.is_relative_to(folder)
    return told(str(path.relative_to(folder)) if folder is not None and within else path.name)


def add_rows(summary: Summary, rows: Sequence[Mapping[str, Scalar]]) -> None:
    """Takes rows as JSON has them.

    Args:
        summary: What takes them.
        rows: The rows.
    """
    cells: dict[str, list[Scalar]] = {}
    for row in rows:
        for name, value in row.items():
            cells.setdefault(name, []).append(value)
    for name, values in cells.items():
        column = summary.column(name, cells=len(values))
        if column is not None:
            column.add_missing(len(rows) - len(values))
            _add_values(column, values)
    _end_batch(summary, len(rows), besides=cells)


def _end_batch(summary: Summary, rows: int, *, besides: Collection[str]) -> None:
    """Counts the rows of a batch, and that they lack all columns but those that it had."""
    for name, column in summary.columns.items():
        if name not in besides:
            column.add_missing(rows)
    summary.rows += rows
    summary.bound()


# ------------------------------------------------------------------------------------------------ Parquet
def _read_parquet(path: Path, summary: Summary, _texts: Collection[str], _names: Sequence[str]) -> None:
    try:
        metadata = pq.read_metadata(path)
        names = metadata.schema.to_arrow_schema().names
    except (pa.ArrowException, OSError, ValueError) as error:
        # What the system refuses has a number; what Arrow finds in a file has none.
        refused = isinstance(error, OSError) and error.errno
        summary.faults["files that cannot be read" if refused else "files that are no Parquet"] += 1
        return
    if len(set(names)) < len(names):
        summary.faults["files of Parquet that name a column twice"] += 1
        return
    try:
        _read_batches(path, metadata, summary)
    except (pa.ArrowException, OSError, ValueError):
        summary.faults["files whose rest cannot be read"] += 1


def _read_batches(path: Path, metadata: pq.FileMetaData, summary: Summary) -> None:
    leaves = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    # As dictionaries, texts are counted without being repeated, and a long one that many rows have is held once.
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and not _is_decimal(leaf)]
    # Without buffering ahead: it would hold all row groups at once.
    file = pq.ParquetFile(path, metadata=metadata, read_dictionary=texts, pre_buffer=False)
    with file, ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in file.iter_batches(batch_size=_batch_of(metadata)):
            # All of a batch is read before any of it is counted: what cannot be read leaves no half of it.
            read = dict(zip(batch.schema.names, map(_read_array, batch.columns), strict=True))
            held = [(summary.column(name, cells=batch.num_rows), cells) for name, cells in read.items()]
            list(pool.map(_add_cells_of, held))
            _end_batch(summary, batch.num_rows, besides=read)


def _is_decimal(leaf: pq.ColumnSchema) -> bool:
    return bool(leaf.logical_type.type == "DECIMAL")


def _batch_of(metadata: pq.FileMetaData) -> int:
    """How many rows are read at a time: a number takes 8 bytes, and a text what it takes in the file, unpacked."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=0.0)
    return max(1, min(_BATCH, int(_BYTES / max(1.0, widest, 8.0 * metadata.num_columns))))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cells:
    """What an array comes down to."""

    missing: int
    unknown: int = 0
    numbers: np.ndarray[tuple[int], np.dtype[np.float64]] | None = None
    whole: bool = False
    texts: Counter[str] = field(default_factory=Counter)


def _add_cells_of(one: tuple[Column | None, _Cells]) -> None:
    column, cells = one
    if column is None:
        return
    column.add_missing(cells.missing)
    column.add_unknown(cells.unknown)
    if cells.numbers is not None:
        column.add_numbers(cells.numbers, whole=cells.whole)
    if cells.texts:
        column.add_texts(cells.texts)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _read_array(array: pa.Array) -> _Cells:
    """Reads an array of a batch."""
    kind, missing = array.type, array.null_count
    if missing:
        array = array.drop_null()
    if len(array) == 0:
        return _Cells(missing=missing)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return _Cells(missing=missing, numbers=array.cast(pa.float64(), safe=False).to_numpy(), whole=True)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _Cells(missing=missing, numbers=numbers)
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_time(kind):
        stamps = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return _Cells(missing=missing, numbers=stamps.to_numpy() / 1e6)
    if pa.types.is_dictionary(kind) and _is_text(kind.value_type):
        counts = np.bincount(array.indices.to_numpy(), minlength=len(array.dictionary)).tolist()
        texts = Counter(
            {text: count for text, count in zip(array.dictionary.to_pylist(), counts, strict=True) if count}
        )
        return _Cells(missing=missing + texts.pop("", 0), texts=texts)
    return _Cells(missing=missing, unknown=len(array))


# ------------------------------------------------------------------------------------------------ lines
def _read_json(path: Path, summary: Summary, texts: Collection[str], names: Sequence[str]) -> None:
    for lines in _batches(lines_of(path, summary.faults), size=len):
        rows = _rows(lines, summary.faults, texts, names)
        while batch := list(islice(rows, _LINES)):  # a line of a capture may have many rows
            add_rows(summary, batch)


def _batches(items: Iterable[_Item], *, size: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    batch, characters = list[_Item](), 0
    for item in items:
        batch.append(item)
        characters += size(item)
        if len(batch) == _LINES or characters >= _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _rows(
    lines: Iterable[str], faults: Counter[str], texts: Collection[str], names: Sequence[str]
) -> Iterator[Mapping[str, Scalar]]:
    for found in objects_of(lines, faults):
        if is_capture(found):
            yield from rows_asked(found, faults, texts=texts, names=names)
        else:
            yield found


def _read_csv(path: Path, summary: Summary, texts: Collection[str], _names: Sequence[str]) -> None:
    lines = every_line_of(path, summary.faults)
    first: str | None = ""
    for first in lines:
        if first is None or first.strip():
            break
        summary.faults[_BLANK] += 1
    every = rows_of_csv(chain([first or ""], (line for line in lines if line is not None)), summary.faults)
    # UTF-16 and UTF-32 may read as UTF-8, with zeros beside each letter.
    header = None if first is None or "\0" in first else next(every)
    if header is None:
        summary.faults["files of CSV whose first line cannot be read"] += 1
        return
    if len(set(header)) < len(header):
        summary.faults[NAMED_TWICE] += 1
        return
    blank = [""] if len(header) == 1 else []  # of one column, a blank line is a row whose cell is empty
    whole = (row or blank for row in every if row is not None)
    for batch in _batches(whole, size=lambda row: sum(map(len, row))):
        rows = [row for row in batch if len(row) == len(header)]
        if len(rows) < len(batch):
            blanks = batch.count([])
            summary.faults += Counter({_BLANK: blanks, _ANOTHER_NUMBER: len(batch) - len(rows) - blanks})
        if rows:
            _add_cells(summary, header, rows, texts)


def _add_cells(summary: Summary, header: Sequence[str], rows: Sequence[Sequence[str]], texts: Collection[str]) -> None:
    for index, name in enumerate(header):
        column = summary.column(name, cells=len(rows))
        if column is not None:
            _add_column(column, [row[index] for row in rows], as_texts=name in texts)
    _end_batch(summary, len(rows), besides=set(header))


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
