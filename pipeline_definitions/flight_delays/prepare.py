"""Raw dataset → Parquet with raw inputs, label and features, split by time."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl

from runtime.errors import JobError
from runtime.jobs import ProcessingJob

from .features import INPUTS, LABEL, date, features

LATE_MINUTES = 15  # a flight is late if it arrives more minutes than this after its scheduled time
FEATURE_PREFIX = "feature."
DESCRIPTION = "dataset.json"  # what the dataset's owner says of it
_IDENTIFIER_LENGTH = 16  # hexadecimal digits of a dataset's name
_TIME_ORDER = ("year", "month", "day", "sched_dep_time")


def prepare(job: ProcessingJob) -> None:
    """Reads the input `dataset`, writes the outputs `train` and `test`.

    The last `--test-days` days of the dataset are the test rows. Both files hold the raw inputs, the label `late` and
    the features (`feature.…`), in the order of scheduled departure. Rows without an arrival, cancelled and diverted
    flights, are left out: they are neither late nor on time. Nothing that is known only after departure is written.
    The owner's `dataset.json` goes with the test rows, for an evaluation to have it from its owner too.

    Raises:
        JobError: The dataset lacks something or is not the one that the run names, or an input is known only after
            departure.
    """
    dataset = job.input("dataset")
    refuse_other_data(dataset, identifier=job.arguments.text("dataset-id"))
    refuse_hindsight([column.name for column in INPUTS], dataset=dataset)
    rows = labelled(dataset)
    last_day = rows.select(date().max()).item()
    first_test_day = last_day - timedelta(days=job.arguments.integer("test-days") - 1)
    for name, part in (
        ("train", rows.filter(date() < first_test_day)),
        ("test", rows.filter(date() >= first_test_day)),
    ):
        if part.is_empty():
            raise JobError(f"no rows are left to {name}: the dataset ends on {last_day}.")
        prepared = with_features(part)
        prepared.write_parquet(job.output(name) / "part-00000.parquet")
        late = prepared[LABEL].sum() / prepared.height
        print(f"{name}: {prepared.height} rows from {first_day(part)} on, {late:.4f} of them late")
    shutil.copyfile(dataset / DESCRIPTION, job.output("test") / DESCRIPTION)


def refuse_other_data(dataset: Path, *, identifier: str) -> None:
    """Compares the dataset with its name: the hash of dataset.json, which holds the hashes of the other files.

    The name is what the step cache and the model package know of the data. Were it possible to change the data under
    it, both would tell of rows that no job has read.

    Raises:
        JobError: A file is missing, or is not the one that the name stands for.
    """
    description = dataset / DESCRIPTION
    found = _sha256(description)[:_IDENTIFIER_LENGTH]
    if found != identifier:
        raise JobError(f"the dataset's dataset.json has the hash {found}, the run names {identifier}.")
    for name, file in json.loads(description.read_text(encoding="utf-8"))["files"].items():
        if _sha256(dataset / name) != file["sha256"]:
            raise JobError(f"the dataset's {name} is not the file that its dataset.json describes.")


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
    path = folder / DESCRIPTION
    if not path.is_file():
        raise JobError(f"input {folder.name} has no {path.name}.")
    columns = json.loads(path.read_text(encoding="utf-8")).get("known_after_departure")
    if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
        raise JobError(f"{path.name} does not say what is known_after_departure; accepted: a list of columns.")
    return columns


def joined(dataset: Path) -> pl.DataFrame:
    """Every column of every flight, with the weather of its scheduled hour at its origin, in the order of departure.

    Raises:
        JobError: A file is missing, or the weather of an hour is ambiguous.
    """
    flights = _table(dataset / "flights.csv")
    weather = _table(dataset / "weather.csv").drop("year", "month", "day", "hour")
    if weather.select(pl.struct("origin", "time_hour").is_duplicated().any()).item():
        raise JobError("weather.csv has two rows for one hour at one airport.")
    return (
        flights.join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")
        .with_columns(pl.col(column.name).cast(column.dtype) for column in INPUTS)
        .sort(_TIME_ORDER, maintain_order=True)
    )


def labelled(dataset: Path) -> pl.DataFrame:
    """Raw inputs and label of every flight with an arrival."""
    return (
        joined(dataset)
        .filter(pl.col("arr_delay").is_not_null())
        .select(*(column.name for column in INPUTS), (pl.col("arr_delay") > LATE_MINUTES).alias(LABEL))
    )


def with_features(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with their features beside them, the names of which begin with `feature.`."""
    return pl.concat(
        [rows, features(rows.drop(LABEL)).rename(lambda name: f"{FEATURE_PREFIX}{name}")], how="horizontal"
    )


def first_day(rows: pl.DataFrame) -> str:
    """First date of departure among rows."""
    return str(rows.select(date().min()).item())


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise JobError(f"the dataset has no {path.name}.")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _table(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise JobError(f"the dataset has no {path.name}.")
    return pl.read_csv(path, null_values=["NA", ""], infer_schema_length=None)
