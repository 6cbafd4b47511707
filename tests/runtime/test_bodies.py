import json
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from runtime.bodies import CSV, JSON_LINES, answer, rows_of_body
from runtime.columns import Column
from runtime.errors import BadRequestError, RowError

COLUMNS = (
    Column(name="month", kind="integer", low=1, high=12),
    Column(name="temp", kind="number", required=False, low=-150, high=150),
    Column(name="carrier", kind="text"),
)


def lines(rows: Sequence[object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def frame(body: bytes, content_type: str = JSON_LINES) -> pl.DataFrame:
    return rows_of_body(body, content_type=content_type, columns=COLUMNS).frame


WANTED = pl.DataFrame(
    {"month": [1, 12], "temp": [39.02, None], "carrier": ["UA", "B6"]},
    schema={"month": pl.Int64, "temp": pl.Float64, "carrier": pl.String},
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"month": 1, "temp": 39.02, "carrier": "UA"}\n{"month": 12, "carrier": "B6"}\n', JSON_LINES),
        (b'{"month": 1, "temp": 39.02, "carrier": "UA"}\r\n{"month": 12, "temp": null, "carrier": "B6"}', JSON_LINES),
        (b"1,39.02,UA\n12,,B6\n", CSV),
        (b"1,39.02,UA\r\n12,,B6", "text/csv; charset=utf-8"),
        (b"1,39.02,UA\r12,,B6", CSV),
        (b"carrier,month,temp\nUA,1,39.02\nB6,12,\n", CSV),
    ],
    ids=["json lines", "json with null", "csv", "csv of windows", "csv of carriage returns", "csv with names"],
)
def test_every_form_of_a_row_gives_the_same_table(body: bytes, content_type: str) -> None:
    assert frame(body, content_type).equals(WANTED)


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"", JSON_LINES, "the body has no rows."),
        (b"\n", CSV, "the body has no rows."),
        (b"\xff", JSON_LINES, "byte 1 of the body is not UTF-8."),
        (b"{}", "text/html", "content type 'text/html' is unknown; accepted: application/jsonlines and text/csv."),
        (b'{"month": 1', JSON_LINES, "line 1: character 12 is not JSON (Expecting ',' delimiter)."),
        (b"[1]", JSON_LINES, "line 1: it is no JSON object of inputs by name."),
        (lines([{"month": [1], "carrier": "UA"}]), JSON_LINES, "line 1: field month is no single value."),
        (
            lines([{"month": 1, "carrier": "UA"}, {"month": 13, "carrier": "UA"}]),
            JSON_LINES,
            "line 2: field month is 13; accepted: a whole number from 1 to 12.",
        ),
        (
            lines([{"month": True, "carrier": "UA"}]),
            JSON_LINES,
            "line 1: field month is true; accepted: a whole number from 1 to 12.",
        ),
        (
            lines([{"month": 1.5, "carrier": "UA"}]),
            JSON_LINES,
            "line 1: field month is 1.5; accepted: a whole number from 1 to 12.",
        ),
        (
            b'{"month": 1, "temp": NaN, "carrier": "UA"}',
            JSON_LINES,
            "line 1: field temp is NaN; accepted: a number from -150 to 150.",
        ),
        (
            b'{"month": Infinity, "carrier": "UA"}',
            JSON_LINES,
            "line 1: field month is Infinity; accepted: a whole number from 1 to 12.",
        ),
        (
            lines([{"month": 1}]),
            JSON_LINES,
            "line 1: field carrier is missing; accepted: a text of 1 to 64 characters.",
        ),
        (
            lines([{"month": 1, "carrier": "UA", "dep_delay": 3}]),
            JSON_LINES,
            "line 1: field dep_delay is none of the model's inputs.",
        ),
        (b"1,39.02\n", CSV, "line 1: it has 2 fields; accepted: 3."),
        (b"1,39,UA\n\n2,39,UA\n", CSV, "line 2: it has 0 fields; accepted: 3."),
        (b"1,cold,UA\n", CSV, "line 1: field temp is 'cold'; accepted: a number from -150 to 150."),
        (
            b"month,temp,carrier\n13,1,UA\n",
            CSV,
            "line 2: field month is 13; accepted: a whole number from 1 to 12.",
        ),
        (
            b'{"month": %s, "carrier": "UA"}' % (b"1" * 4301),
            JSON_LINES,
            "line 1: it has a whole number of more than 4300 digits.",
        ),
        (b"[" * 100_000, JSON_LINES, "line 1: it is nested too deeply; accepted: single values."),
        (b"1,,UA\n1,,%s" % (b"U" * 131_073), CSV, "line 2: a field has more than 131072 characters."),
        (
            rb'{"month": 1, "carrier": "\ud800"}',
            JSON_LINES,
            r'line 1: field carrier is "\ud800"; accepted: a text of 1 to 64 characters.',
        ),
        (rb'{"\ud800": 1}', JSON_LINES, r"line 1: field '\ud800' is none of the model's inputs."),
        (rb'{"\ud800": []}', JSON_LINES, r"line 1: field '\ud800' is no single value."),
    ],
)
def test_a_bad_request_is_told_in_one_sentence(body: bytes, content_type: str, sentence: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        frame(body, content_type)
    assert str(raised.value) == sentence


def test_a_fault_that_the_model_finds_is_told_by_the_line_of_the_body() -> None:
    rows = rows_of_body(b"month,temp,carrier\n2,1,UA\n", content_type=CSV, columns=COLUMNS)
    assert str(rows.located(RowError(row=0, field="month", problem="is too short"))) == (
        "line 2: field month is too short."
    )


def test_an_answer_in_json_lines_reads_back_to_the_same_numbers() -> None:
    numbers = np.array([0.1 + 0.2, 1e-17, 1.0])
    body, content_type = answer(numbers, accept="*/*")
    assert content_type == JSON_LINES
    assert [json.loads(line)["probability"] for line in body.splitlines()] == numbers.tolist()


def test_an_answer_in_csv_reads_back_to_the_same_numbers() -> None:
    numbers = np.array([0.1 + 0.2, 1e-17])
    body, content_type = answer(numbers, accept="text/csv")
    assert content_type == CSV
    assert [float(line) for line in body.splitlines()] == numbers.tolist()
