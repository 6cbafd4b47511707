"""The rows that an endpoint is asked again."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline_definitions.flight_delays.sample import sample


def lines(rows: pl.DataFrame, predictions: list[float] | None = None) -> list[dict[str, Any]]:
    count = rows.height
    text = sample(
        rows,
        inputs=["hour", "temp"],
        labels=np.array([index % 2 for index in range(count)], dtype=np.float64),
        predictions=np.array(predictions or [0.1 + 0.2] * count),
    )
    return [json.loads(line) for line in text.splitlines()]


def rows(count: int) -> pl.DataFrame:
    return pl.DataFrame({"other": 1, "hour": range(count), "temp": 1.5})


def test_two_hundred_rows_are_spread_evenly_over_all() -> None:
    hours = [line["row"]["hour"] for line in lines(rows(1991))]
    assert hours == list(range(0, 1991, 10))


def test_of_fewer_rows_all_are_taken() -> None:
    assert [line["row"]["hour"] for line in lines(rows(3))] == [0, 1, 2]


def test_a_row_has_the_inputs_that_have_a_value() -> None:
    table = pl.DataFrame({"other": [1, 1], "hour": [7, 8], "temp": [None, 2.5]})
    assert [line["row"] for line in lines(table)] == [{"hour": 7}, {"hour": 8, "temp": 2.5}]


def test_a_line_has_the_label_as_a_number() -> None:
    assert [line["label"] for line in lines(rows(2))] == [0, 1]


def test_a_prediction_is_written_with_all_its_digits() -> None:
    assert lines(rows(1))[0]["prediction"] == 0.1 + 0.2


def test_what_is_no_number_in_json_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines(rows(1), [float("nan")])
