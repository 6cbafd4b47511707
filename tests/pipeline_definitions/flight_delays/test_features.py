from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline_definitions.flight_delays.data import KNOWN_AFTER_DEPARTURE
from pipeline_definitions.flight_delays.features import INPUTS, features
from pipeline_definitions.flight_delays.prepare import joined
from runtime.bodies import frame_of_rows


@pytest.fixture(scope="module")
def rows(raw: Path) -> pl.DataFrame:
    """Every column of the dataset, also what is known only after departure."""
    return joined(raw)


def test_the_rows_hold_every_column_that_nobody_knows_before_departure(rows: pl.DataFrame) -> None:
    assert set(KNOWN_AFTER_DEPARTURE) <= set(rows.columns)


def test_permuting_what_happens_after_departure_changes_no_feature(rows: pl.DataFrame) -> None:
    permuted = rows.with_columns(pl.col(name).shuffle(seed=7) for name in KNOWN_AFTER_DEPARTURE)
    assert not permuted.equals(rows)
    assert_frame_equal(features(permuted), features(rows), check_exact=True)


def test_dropping_later_rows_changes_no_feature(rows: pl.DataFrame) -> None:
    kept = rows.filter(pl.col("month") < 3)
    assert_frame_equal(features(kept), features(rows).head(kept.height), check_exact=True)


def test_a_row_by_itself_has_the_features_it_has_among_others(rows: pl.DataFrame) -> None:
    together = features(rows)
    for number in range(0, rows.height, rows.height // 50):
        assert_frame_equal(features(rows[number]), together[number], check_exact=True)


def test_a_stored_row_sent_as_json_has_the_features_it_was_stored_with(test_rows: pl.DataFrame) -> None:
    stored = test_rows.select(pl.col("^feature\\..*$").name.replace("^feature\\.", ""))
    inputs = test_rows.select(column.name for column in INPUTS).to_dicts()
    assert_frame_equal(features(frame_of_rows(inputs, columns=INPUTS)), stored, check_exact=True)


def test_no_input_is_known_only_after_departure() -> None:
    assert not {column.name for column in INPUTS} & set(KNOWN_AFTER_DEPARTURE)


def test_every_stored_row_is_a_request_that_the_endpoint_takes(rows: pl.DataFrame) -> None:
    inputs = rows.select(column.name for column in INPUTS).to_dicts()
    assert frame_of_rows(inputs, columns=INPUTS).height == rows.height


def test_features_read_the_clock_and_the_calendar() -> None:
    row: dict[str, int | float | str | None] = {
        "year": 2013, "month": 3, "day": 10, "sched_dep_time": 2230, "sched_arr_time": 115, "carrier": "UA",
        "origin": "EWR", "dest": "IAH", "distance": 1400, "temp": 40.0, "dewp": 30.0,
        "wind_dir": 90, "wind_speed": 10.0,
    }  # fmt: skip
    made = features(frame_of_rows([row], columns=INPUTS)).row(0, named=True)
    assert (made["hour"], made["departure_minute"], made["scheduled_minutes"]) == (22, 1350, 165)
    assert (made["weekday"], made["route"], made["dew_point_spread"]) == (7, "EWR-IAH", 10)
    assert (made["wind_from_east"], made["wind_from_north"]) == (pytest.approx(10), pytest.approx(0))
    assert made["visib"] is None
