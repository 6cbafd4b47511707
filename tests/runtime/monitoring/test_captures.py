"""Captured invocations as rows: every encoding, and everything that can be wrong with one."""

import base64
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.monitoring.captures import rows_asked
from runtime.monitoring.lines import Scalar
from runtime.monitoring.statistics import statistics_of
from runtime.monitoring.tables import summarized

_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def captured(data: object, *, encoding: str = "JSON", kind: str = "application/jsonlines") -> dict[str, Scalar]:
    side = {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}
    metadata = {"eventId": "e-1", "inferenceId": "i-1", "inferenceTime": "2026-11-28T12:00:00Z"}
    return {"captureData": {"endpointInput": side}, "eventMetadata": metadata, "eventVersion": "0"}


def _rows(
    capture: Mapping[str, Scalar], *, names: Sequence[str] = (), texts: Collection[str] = ()
) -> tuple[list[object], Counter[str]]:
    faults: Counter[str] = Counter()
    return list(rows_asked(capture, faults, names=names, texts=texts)), faults


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1}\n{"a": null}\n',
        '[{"a": 1}, {"a": null}]',
        '[\n {"a": 1},\n {"a": null}\n]',
    ],
)
@pytest.mark.parametrize("encoding", ["JSON", "BASE64"])
def test_a_request_has_its_rows_in_every_encoding(body: str, encoding: str) -> None:
    data = base64.b64encode(body.encode()).decode() if encoding == "BASE64" else body
    assert _rows(captured(data, encoding=encoding)) == ([{"a": 1}, {"a": None}], {})


def test_one_object_on_several_lines_is_one_row() -> None:
    assert _rows(captured(json.dumps({"a": 1, "b": "x"}, indent=2))) == ([{"a": 1, "b": "x"}], {})


@pytest.mark.parametrize("header", ["", "code,a\n"])
def test_cells_of_csv_are_numbers_unless_they_are_texts(header: str) -> None:
    capture = captured(f"{header}007,1.5\n008,\n", encoding="CSV", kind="text/csv; charset=utf-8")
    rows, faults = _rows(capture, names=["code", "a"], texts={"code"})
    assert (rows, faults) == ([{"code": "007", "a": 1.5}, {"code": "008", "a": None}], {})


@pytest.mark.parametrize(
    "cell", ["1_000", "١٢", "1e3", "+1", "1.", ".5", "1e400", "NaN", "inf", "-Infinity", "0x1f", "1,0", "1 0", "x"]
)
def test_a_cell_of_captured_csv_is_what_it_is_in_a_file(cell: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'a,b\n"{cell}",1\n', encoding="utf-8")
    (tmp_path / "a.jsonl").write_text(json.dumps(captured(f'"{cell}",1\n', kind="text/csv")))
    asked = [summarized([tmp_path / name], names=["a", "b"]) for name in ("a.csv", "a.jsonl")]
    of_file, of_capture = (statistics_of(found).features for found in asked)
    assert of_capture == of_file


@pytest.mark.parametrize(
    ("capture", "fault"),
    [
        (captured(None), "captures without an endpointInput that can be read"),
        (captured("%", encoding="BASE64"), "captures without an endpointInput that can be read"),
        (captured("/w==", encoding="BASE64"), "captures without an endpointInput that can be read"),
        ({"captureData": {}, "eventMetadata": {}}, "captures without an endpointInput that can be read"),
        ({"captureData": [], "eventMetadata": {}}, "captures without an endpointInput that can be read"),
        (captured('{"a": 1'), "lines that are no JSON"),
        (captured("[1]"), "lines that are no JSON object"),
        (captured("[]"), "captures without a row in endpointInput"),
        (captured("\n"), "captures without a row in endpointInput"),
        (captured("1,2", kind="text/csv"), "captures of CSV, whose columns nobody has named"),
    ],
)
def test_what_cannot_be_read_is_counted(capture: Mapping[str, Scalar], fault: str) -> None:
    assert _rows(capture) == ([], {fault: 1})


def test_a_row_of_csv_that_is_too_long_is_counted() -> None:
    rows, faults = _rows(captured("1,2\n3\n", kind="text/csv"), names=["a"])
    assert (rows, faults) == (
        [{"a": 3.0}],
        {"rows of captured CSV with another number of cells than there are columns": 1},
    )


def test_a_quote_that_does_not_end_costs_its_line_of_captured_csv_alone() -> None:
    rows, faults = _rows(captured('1,"AA\n2,UA\r\n3,DL', kind="text/csv"), names=["a", "b"])
    assert rows == [{"a": 2.0, "b": "UA"}, {"a": 3.0, "b": "DL"}]
    assert faults == {"lines of captured CSV with a quote that does not end": 1}


def test_blank_lines_of_captured_csv_are_counted_unless_a_quoted_cell_has_them() -> None:
    rows, faults = _rows(captured('\na,b\n1,"x\n\ny"\r\n\r\n2,z\n\n', kind="text/csv"), names=["a", "b"])
    assert rows == [{"a": 1.0, "b": "x\n\ny"}, {"a": 2.0, "b": "z"}]
    assert faults == {
        "lines of captured CSV that a quoted cell of a line before takes": 2,
        "blank lines of captured CSV": 1,
    }


@given(_ANY, _ANY)
def test_nothing_that_json_can_hold_ends_the_reading(data: Scalar, side: Scalar) -> None:
    whole: list[Mapping[str, Scalar]] = [
        {"captureData": side, "eventMetadata": {}},
        {"captureData": {"endpointInput": side}, "eventMetadata": {}},
        captured(data),
    ]
    for capture in whole:
        rows, faults = _rows(capture, names=["a", "b"])
        assert rows or faults.total(), "a capture of which nothing is left is counted"
        assert all(isinstance(row, dict) for row in rows)


def test_captures_are_read_like_any_table(tmp_path: Path) -> None:
    lines = [captured('{"a": 1}\n{"a": 3}'), {"a": 5}, captured("x")]
    (tmp_path / "12.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = summarized([tmp_path / "12.jsonl"])
    assert (found.rows, found.columns["a"].moments.mean) == (3, 3.0)
    assert found.faults == {"lines that are no JSON": 1}


def test_a_line_separator_within_a_text_ends_no_line() -> None:
    assert _rows(captured('{"a": "x\u2028y"}\n{"a": "z"}')) == ([{"a": "x\u2028y"}, {"a": "z"}], {})
