"""Raw dataset and labelled windows → Parquet with raw inputs, label and features, split by time.

A labelled window holds flights that an endpoint was asked about in production, with what became of them. No flight is
both trained on and judged on: of a window, the days that the dataset has are left out, and from training those that are
held out, for a flight may be asked about more than once.
"""

import dataclasses
import datetime
import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from runtime.columns import Column
from runtime.errors import JobError
from runtime.jobs import ProcessingJob
from runtime.labelled_windows import LabelledWindow, labelled_windows

from .features import INPUTS, LABEL, date, features

# A percentile interval over few days is too narrow, the more so the fewer they are. Of models that gain nothing, the
# lower end of a 95 % interval lies above zero for 3.9 % with 16 days instead of for 2.5 %, for 5.5 % with 8 and for
# 9.4 % with 4 (by Student's t over the days' means). From 8 days on the error is about twice the nominal one at most.
FEWEST_DAYS = 8

LATE_MINUTES = 15  # a flight is late if it arrives more minutes than this after its scheduled time
FEATURE_PREFIX = "feature."
_FLIGHTS, _WEATHER = "flights.csv", "weather.csv"
DESCRIPTION = "dataset.json"  # what the dataset's owner says of it
HELD_OUT = "windows.json"  # beside the newest rows, which may be none: what became of the labelled windows
_FIRST = 40  # characters of a value that is none
_IDENTIFIER_LENGTH = 16  # hexadecimal digits of a dataset's name
_HOUR = ["origin", "time_hour"]  # by which a flight has its weather
_DELAY = "arr_delay"
TIME_ORDER = ("year", "month", "day", "sched_dep_time")


@dataclass(frozen=True, kw_only=True)
class Windows:
    """What became of the labelled windows.

    Attributes:
        held_out: The newest ones, by id, on which the model is judged and not trained.
        trained_on: The others.
        days: How many days of departure the ones held out have, or, if none is, all of them.
        left_out: How many rows of a window are of days that the dataset or a window held out has, where there are any.
    """

    held_out: Sequence[str]
    trained_on: Sequence[str]
    days: int
    left_out: Mapping[str, int]

    @property
    def said(self) -> str:
        """In a sentence."""
        left = sum(self.left_out.values())
        rest = f"; {left} rows left out, of days that the dataset has or that are held out" if left else ""
        if self.held_out:
            counts = f"{len(self.held_out)} held out, of {self.days} days; {len(self.trained_on)} trained on"
            return f"labelled windows: {counts}{rest}"
        if not self.trained_on:
            return f"labelled windows: none{rest}"
        return (
            f"labelled windows: {len(self.trained_on)} trained on; none held out, since all of them have {self.days} "
            f"days of departures, and it takes {FEWEST_DAYS} to tell one model from another{rest}"
        )


def prepare(job: ProcessingJob) -> None:
    """Reads the inputs `dataset` and `labelled`, writes the outputs `train`, `test` and `newest`.

    The last `--test-days` days of the dataset are the test rows. Of the labelled windows, as many of the newest as it
    takes for 8 days of departures are held out whole, as the newest rows, and the older ones are trained on. If all of
    them have fewer days, none is held out, since nothing could be told from so few, and all are trained on. `newest`
    always has `windows.json`, which says so, and rows only if there are any.

    All tables hold the raw inputs, the label `late` and the features (`feature.…`), in the order of scheduled
    departure. Rows without an arrival, cancelled and diverted flights, are left out: they are neither late nor on time.
    Nothing that is known only after departure is written. The owner's `dataset.json` goes with the test rows, for an
    evaluation to have it from its owner too.

    Raises:
        JobError: The dataset or a labelled window lacks something, cannot be read or is not the one that the run names,
            in a sentence that begins with `rejected: `; or an input is known only after departure.
    """
    dataset = job.input("dataset")
    refuse_other_data(dataset, identifier=job.arguments.text("dataset-id"))
    refuse_hindsight([column.name for column in INPUTS], dataset=dataset)
    windows = labelled_windows(job.input("labelled"), identifier=job.arguments.text("labelled-id"))
    given = {window.id: window_rows(window) for window in windows}
    rows = labelled(dataset)
    if rows.is_empty():
        raise JobError("rejected: the dataset: none of its flights has an arrival.")
    last_day: datetime.date = rows.select(date().max()).item()
    later = {name: found for name, window in given.items() if (found := window.filter(date() > last_day)).height}
    became = held_out({name: _days_of(found) for name, found in later.items()})
    judged = pl.concat([rows.clear(), *(later[name] for name in became.held_out)])
    judged_days = judged.select(date()).to_series().unique()
    learned = {name: later[name].filter(~date().is_in(judged_days.implode())) for name in became.trained_on}
    kept = {name: later[name].height for name in became.held_out} | {name: one.height for name, one in learned.items()}
    became = dataclasses.replace(
        became,
        trained_on=[name for name, found in learned.items() if found.height],
        left_out={name: left for name, window in given.items() if (left := window.height - kept.get(name, 0))},
    )
    first_test_day = last_day - datetime.timedelta(days=job.arguments.integer("test-days") - 1)
    before = rows.filter(date() < first_test_day)
    parts = {
        "train": pl.concat([before, *learned.values()]),
        "test": rows.filter(date() >= first_test_day),
        "newest": judged,
    }
    for name, part in parts.items():
        folder = job.output(name)
        if part.is_empty():
            if name == "newest":
                continue
            raise JobError(f"rejected: the dataset: no rows are left to {name}; its last day is {last_day}.")
        # Early stopping looks at the last of the training rows.
        prepared = with_features(part.sort(TIME_ORDER, maintain_order=True))
        prepared.write_parquet(folder / "part-00000.parquet")
        late = prepared[LABEL].sum() / prepared.height
        print(f"{name}: {prepared.height} rows from {first_day(part)} on, {late:.4f} of them late")
    print(became.said)
    said = {**dataclasses.asdict(became), "said": became.said}
    (job.output("newest") / HELD_OUT).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(dataset / DESCRIPTION, job.output("test") / DESCRIPTION)


def held_out(days: Mapping[str, Collection[object]]) -> Windows:
    """Which of the windows are held out: as many of the newest as it takes for `FEWEST_DAYS` days.

    Args:
        days: The days of departure of each window, by its id, the oldest first.
    """
    names, seen = list(days), set[object]()
    for place in reversed(range(len(names))):
        seen |= set(days[names[place]])
        if len(seen) >= FEWEST_DAYS:
            return Windows(held_out=names[place:], trained_on=names[:place], days=len(seen), left_out={})
    return Windows(held_out=(), trained_on=names, days=len(seen), left_out={})


def window_rows(window: LabelledWindow) -> pl.DataFrame:
    """The inputs and the label of a window.

    Raises:
        JobError: A column is missing, of another type or has a value that the model does not take, or a row lacks a
            required input, its day of departure or its label.
    """
    columns = {column.name: column.dtype for column in INPUTS}
    for name, dtype in columns.items():
        found = window.table.schema.get(name)
        if found != dtype:
            what = "is missing" if found is None else f"is of type {found}"
            raise JobError(f"rejected: labelled window {window.id}: column {name} {what}; accepted: {dtype}.")
    for column in INPUTS:
        _refuse_strange(window.table[column.name], column, where=f"labelled window {window.id}")
    _refuse_missing(window.table, where=f"labelled window {window.id}")
    label = window.table.schema.get(LABEL)
    if label is None or not (label == pl.Boolean or label.is_integer()):
        what = "is missing" if label is None else f"is of type {label}"
        raise JobError(f"rejected: labelled window {window.id}: column {LABEL} {what}; accepted: 0 or 1.")
    faults = {
        "no day of departure": date().is_null(),
        f"no {LABEL} of 0 or 1": ~pl.col(LABEL).cast(pl.Int64).is_in([0, 1]).fill_null(value=False),
    }
    for fault, rows in faults.items():
        if count := window.table.select(rows.sum()).item():
            raise JobError(
                f"rejected: labelled window {window.id}: {count} of {window.table.height} rows have {fault}."
            )
    return window.table.select(*columns, pl.col(LABEL).cast(pl.Boolean))


def refuse_other_data(dataset: Path, *, identifier: str) -> None:
    """Compares the dataset with its name: the hash of dataset.json, which holds the hashes of the other files.

    The name is what the step cache and the model package know of the data. Were it possible to change the data under
    it, both would tell of rows that no job has read.

    Raises:
        JobError: A file is missing, or is not the one that the name stands for.
    """
    found = _sha256(dataset / DESCRIPTION)[:_IDENTIFIER_LENGTH]
    if found != identifier:
        raise JobError(f"rejected: the dataset: {DESCRIPTION} has the hash {found}, the run names {identifier}.")
    files = _described(dataset).get("files")
    if not isinstance(files, dict) or not all(isinstance(file, dict) for file in files.values()):
        raise JobError(f"rejected: the dataset: {DESCRIPTION} does not say which files there are.")
    if absent := [name for name in (_FLIGHTS, _WEATHER) if name not in files]:
        raise JobError(f"rejected: the dataset: {DESCRIPTION} says nothing of {absent[0]}.")
    for name, file in files.items():
        if _sha256(dataset / name) != file.get("sha256"):
            raise JobError(f"rejected: the dataset: {name} is not the file that {DESCRIPTION} describes.")


def refuse_hindsight(inputs: Sequence[str], *, dataset: Path) -> None:
    """Compares the model's inputs with what the dataset's owner says is known only after departure.

    Raises:
        JobError: An input is among them.
    """
    leaked = sorted(set(inputs) & set(known_after_departure(dataset)))
    if leaked:
        raise JobError(f"input {leaked[0]} is known only after departure, says dataset.json; no model may see it.")


def known_after_departure(folder: Path) -> list[str]:
    """The columns that nobody knows before departure, as the owner of the dataset wrote it in its `dataset.json`.

    Raises:
        JobError: The folder has no such file, or the file no such list.
    """
    columns = _described(folder).get("known_after_departure")
    if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
        raise JobError(
            f"rejected: the dataset: {DESCRIPTION} does not say what is known_after_departure; accepted: a list of "
            "columns."
        )
    return columns


def joined(dataset: Path) -> pl.DataFrame:
    """Every column of every flight, with the weather of its scheduled hour at its origin, in the order of departure.

    Raises:
        JobError: A file or a column is missing or has something that is none of its values, a flight has no day, or
            the weather of an hour is ambiguous.
    """
    flights = _table(dataset / _FLIGHTS)
    weather = _table(dataset / _WEATHER).drop("year", "month", "day", "hour", strict=False)
    if weather.select(pl.struct(_HOUR).is_duplicated().any()).item():
        raise JobError(f"rejected: the dataset: {_WEATHER} has two rows for one hour at one airport.")
    rows = flights.join(weather, on=_HOUR, how="left", maintain_order="left")
    columns = (*INPUTS, Column(name=_DELAY, kind="number", required=False))
    for column in columns:
        if column.name not in rows.columns:
            raise JobError(f"rejected: the dataset: column {column.name} is missing; accepted: {column.accepted}.")
        _refuse_strange(rows[column.name], column, where="the dataset")
    rows = rows.with_columns(pl.col(column.name).cast(column.dtype) for column in columns)
    arrived = rows.filter(pl.col(_DELAY).is_not_null())
    _refuse_missing(arrived, where="the dataset")
    if count := rows.select(date().is_null().sum()).item():
        raise JobError(f"rejected: the dataset: {count} of {rows.height} rows have no day of departure.")
    return rows.sort(TIME_ORDER, maintain_order=True)


def _refuse_strange(values: pl.Series, column: Column, *, where: str) -> None:
    strange = values.filter(column.refused(values))
    if len(strange):
        raise JobError(
            f"rejected: {where}: column {values.name}: {len(strange)} of {len(values)} rows have something else than "
            f"{column.accepted}, the first {str(strange[0])[:_FIRST]!r}."
        )


def _refuse_missing(rows: pl.DataFrame, *, where: str) -> None:
    for name in [column.name for column in INPUTS if column.required]:
        if count := rows[name].null_count():
            raise JobError(f"rejected: {where}: column {name}: {count} of {rows.height} flights have none.")


def labelled(dataset: Path) -> pl.DataFrame:
    """Raw inputs and label of every flight with an arrival."""
    return (
        joined(dataset)
        .filter(pl.col(_DELAY).is_not_null())
        .select(*(column.name for column in INPUTS), (pl.col(_DELAY) > LATE_MINUTES).alias(LABEL))
    )


def with_features(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their features beside them, the names of which begin with `feature.`."""
    return pl.concat(
        [rows, features(rows.drop(LABEL)).rename(lambda name: f"{FEATURE_PREFIX}{name}")], how="horizontal"
    )


def _days_of(rows: pl.DataFrame) -> Collection[object]:
    """The days of departure that there are."""
    return rows.select(date().unique()).to_series().to_list()


def first_day(rows: pl.DataFrame) -> str:
    """First date of departure among rows."""
    return str(rows.select(date().min()).item())


def _described(folder: Path) -> Mapping[str, object]:
    """What the owner says of a dataset."""
    try:
        found = json.loads(_content(folder / DESCRIPTION))
    except (ValueError, RecursionError) as error:
        raise JobError(f"rejected: the dataset: {DESCRIPTION} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise JobError(f"rejected: the dataset: {DESCRIPTION} is no JSON object.")
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(_content(path)).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JobError(f"rejected: the dataset: input {path.parent.name} has no {path.name}.") from error


def _table(path: Path) -> pl.DataFrame:
    content = _content(path)
    try:
        table = pl.read_csv(content, null_values=["NA", ""], infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:  # it unpacks what is packed
        first = str(error).partition("\n")[0]
        raise JobError(f"rejected: the dataset: {path.name} is no CSV that can be read: {first}.") from error
    if absent := [name for name in _HOUR if name not in table.columns]:
        raise JobError(f"rejected: the dataset: {path.name} has no column {absent[0]}.")
    for name in _HOUR:
        if count := table[name].null_count():  # as in a row that breaks off
            raise JobError(f"rejected: the dataset: {path.name}: {count} of {table.height} rows have no {name}.")
    return table.with_columns(pl.col(_HOUR).cast(pl.String))
