import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from pipeline_definitions.flight_delays.data import Dataset, dataset


@pytest.mark.parametrize("name", ["flights.csv", "weather.csv", "dataset.json"])
def test_the_same_months_give_the_same_bytes(full: Dataset, tmp_path: Path, name: str) -> None:
    again = dataset(folder=tmp_path, months=(3, 1, 2))
    assert again.identifier == full.identifier
    assert (tmp_path / name).read_bytes() == (full.folder / name).read_bytes()


@pytest.mark.parametrize("name", ["flights.csv", "weather.csv"])
def test_nothing_from_april_on_is_there(full: Dataset, name: str) -> None:
    months = pl.read_csv(full.folder / name, columns=["month"])["month"]
    assert sorted(months.unique()) == [1, 2, 3]


def test_the_description_holds_the_hash_of_each_file(full: Dataset) -> None:
    description = json.loads((full.folder / "dataset.json").read_text())
    for name, file in description["files"].items():
        assert file["sha256"] == hashlib.sha256((full.folder / name).read_bytes()).hexdigest()


def test_the_description_names_what_nobody_knows_before_departure(full: Dataset) -> None:
    """Of the flights table: hour, minute and time_hour are those of the schedule."""
    description = json.loads((full.folder / "dataset.json").read_text())
    hindsight = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"}
    assert set(description["known_after_departure"]) == hindsight


def test_the_description_counts_rows_by_month(full: Dataset) -> None:
    flights = json.loads((full.folder / "dataset.json").read_text())["files"]["flights.csv"]
    assert flights["rows_by_month"] == {"1": 27004, "2": 24951, "3": 28834}
    assert flights["rows"] == 80789


def test_another_month_is_another_dataset(full: Dataset, tmp_path: Path) -> None:
    assert dataset(folder=tmp_path, months=(1, 2)).identifier != full.identifier
