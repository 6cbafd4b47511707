"""The months of traffic that a year's rehearsal asks for."""

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline_definitions.flight_delays import year
from pipeline_definitions.flight_delays.features import INPUTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flights")


@pytest.fixture(scope="module")
def march(folder: Path) -> year.Month:
    return year.trained_on(folder)


@pytest.fixture(scope="module")
def stationary(folder: Path) -> tuple[year.Month, ...]:
    return year.stationary(folder, windows=2, rows=500)


def test_a_month_has_flights_of_that_month_alone_in_the_order_of_departure(march: year.Month) -> None:
    rows = [json.loads(row) for row in march.rows]
    assert (march.name, len(rows), len(march.labels)) == ("2013-03", year.FLIGHTS, year.FLIGHTS)
    assert {(row["year"], row["month"]) for row in rows} == {(2013, 3)}
    departures = [(row["day"], row["sched_dep_time"]) for row in rows]
    assert departures == sorted(departures)
    assert march.of_all > year.FLIGHTS
    assert 0.1 < sum(march.labels) / len(march.labels) < 0.4


def test_a_row_says_nothing_that_is_known_only_after_departure(march: year.Month) -> None:
    names = {column.name for column in INPUTS}
    assert all(json.loads(row).keys() <= names for row in march.rows)


def test_the_same_month_is_drawn_again(march: year.Month, folder: Path) -> None:
    assert year.trained_on(folder).rows == march.rows


def test_windows_of_a_stationary_stream_differ_and_are_of_one_month(stationary: tuple[year.Month, ...]) -> None:
    one, other = stationary
    assert one.rows != other.rows
    assert {one.name, other.name} == {"2013-01"}
    assert len(one.rows) == 500


def test_the_naive_model_says_what_the_month_before_was_like_at_that_hour_on_that_weekday() -> None:
    before = _month([(8, 1, 1)] * 10 + [(8, 2, 0)] * 10)
    said = _month([(8, 1, 0), (8, 2, 0), (23, 7, 0)]).seasonal_naive(before)
    # Ten late of ten, and ten more as late as half of all; none of ten, likewise; an hour that nobody has seen.
    assert said.tolist() == pytest.approx([0.75, 0.25, 0.5])


def test_quality_of_certainty_and_of_nothing_known() -> None:
    month = _month([(8, 1, 1), (9, 1, 0), (10, 1, 0), (11, 1, 0)])
    assert month.quality([1.0, 0.0, 0.0, 0.0])["average_precision"] == 1.0
    nothing = month.quality([0.25] * 4)
    assert nothing["average_precision"] == pytest.approx(0.25)
    assert nothing["roc_auc"] == pytest.approx(0.5)


def _month(flights: list[tuple[int, int, int]]) -> year.Month:
    slots = pl.DataFrame(
        [(hour, weekday) for hour, weekday, _ in flights], schema=["hour of departure", "weekday"], orient="row"
    )
    return year.Month(
        name="2013-04",
        rows=("{}",) * len(flights),
        labels=tuple(late for _, _, late in flights),
        of_all=len(flights),
        slots=slots,
    )
