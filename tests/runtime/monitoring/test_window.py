"""Traffic as a table, its truth joined, a sample of it when there is too much."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.columns import Column
from runtime.errors import JobError
from runtime.monitoring.window import files_in, invocations, with_truth

COLUMNS = (Column(name="x", kind="number"), Column(name="word", kind="text", required=False))


def capture(id_: str | None, rows: Sequence[object], answers: Sequence[object], *, event: str = "e") -> str:
    sides = {"endpointInput": rows, "endpointOutput": answers}
    data = {
        side: {
            "observedContentType": "application/jsonlines",
            "mode": side,
            "encoding": "JSON",
            "data": "".join(json.dumps(one) + "\n" for one in lines),
        }
        for side, lines in sides.items()
    }
    metadata = {"eventId": event, **({"inferenceId": id_} if id_ else {})}
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"})


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def label(id_: str, value: str) -> str:
    return json.dumps(
        {"groundTruthData": {"data": value, "encoding": "CSV"}, "eventMetadata": {"eventId": id_}, "eventVersion": "0"}
    )


def test_a_row_has_its_inputs_its_answer_and_its_id(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", capture("i", [{"x": 1, "word": "a"}, {"x": 2}], [{"p": 0.5}, {"p": 0.25}]))
    counts: Counter[str] = Counter()
    found = invocations([path], columns=COLUMNS, answer="p", counts=counts)
    assert found.rows(named=True) == [
        {"inference_id": "i", "x": 1.0, "word": "a", "p": 0.5},
        {"inference_id": "i/1", "x": 2.0, "word": None, "p": 0.25},
    ]
    assert not counts


def test_without_an_inference_id_the_invocation_has_the_events(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", capture(None, [{"x": 1}], [0.5], event="e7"))
    found = invocations([path], columns=COLUMNS, answer="p", counts=Counter())
    assert found["inference_id"].to_list() == ["e7"]


def test_a_request_that_got_another_number_of_answers_is_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", capture("i", [{"x": 1}, {"x": 2}], [{"p": 0.5}]), "[1]", '{"x": 1}')
    counts: Counter[str] = Counter()
    assert invocations([path], columns=COLUMNS, answer="p", counts=counts).is_empty()
    assert counts["captures with another number of answers than of rows"] == 1
    assert counts["lines that are no capture"] == 1


def test_of_no_traffic_there_is_an_empty_table_that_joins(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    found = invocations([], columns=COLUMNS, answer="p", counts=counts)
    labels = written(tmp_path / "l.jsonl", label("i", "1"))
    assert with_truth(found, [labels], answer="p", label="y", counts=counts).is_empty()
    assert counts["labels without an answer"] == 1


@given(rows=st.integers(0, 60), most=st.integers(1, 30))
def test_of_too_much_a_sample_is_kept_and_the_rest_counted(
    tmp_path_factory: pytest.TempPathFactory, rows: int, most: int
) -> None:
    folder = tmp_path_factory.mktemp("sample")
    lines = [capture(f"i{number}", [{"x": number}], [{"p": 0.5}]) for number in range(rows)]
    counts: Counter[str] = Counter()
    found = invocations([written(folder / "a.jsonl", *lines)], columns=COLUMNS, answer="p", counts=counts, most=most)
    assert found.height <= most
    assert found.height + counts["answers beyond the sample that is looked at"] == rows
    again = invocations(
        [written(folder / "b.jsonl", *reversed(lines))], columns=COLUMNS, answer="p", counts=Counter(), most=most
    )
    assert set(again["inference_id"]) == set(found["inference_id"])


def test_the_truth_is_joined_by_id_and_what_has_none_is_counted(tmp_path: Path) -> None:
    lines = [capture(f"i{number}", [{"x": number}], [{"p": 0.5}]) for number in range(3)]
    counts: Counter[str] = Counter()
    asked = invocations([written(tmp_path / "a.jsonl", *lines)], columns=COLUMNS, answer="p", counts=counts)
    labels = written(tmp_path / "l.jsonl", label("i0", "1"), label("i2", "0"), label("i9", "1"), label("i0", "0"))
    found = with_truth(asked, [labels], answer="p", label="y", counts=counts)
    assert dict(zip(found["inference_id"], found["y"], strict=True)) == {"i0": 0.0, "i2": 0.0}
    assert counts["answers without a label"] == 1
    assert counts["labels without an answer"] == 1
    assert counts["labels of an id that has a later one"] == 1


@pytest.mark.parametrize(
    ("answers", "expected"), [((1, 7), {"i0": 1.0, "i1": 7.0}), (("1.0", "007"), {"i0": "1.0", "i1": "007"})]
)
def test_the_truth_is_of_numbers_where_the_answers_are(
    answers: Sequence[object], expected: dict[str, object], tmp_path: Path
) -> None:
    lines = [capture(f"i{number}", [{"x": 0}], [{"p": one}]) for number, one in enumerate(answers)]
    asked = invocations([written(tmp_path / "a.jsonl", *lines)], columns=COLUMNS, answer="p", counts=Counter())
    labels = written(tmp_path / "l.jsonl", label("i0", "1.0"), label("i1", "007"))
    found = with_truth(asked, [labels], answer="p", label="y", counts=Counter())
    assert dict(zip(found["inference_id"], found["y"], strict=True)) == expected


def test_an_invocation_that_was_captured_twice_counts_once(tmp_path: Path) -> None:
    lines = [capture("i0", [{"x": 1}], [{"p": 0.5}]), capture("i0", [{"x": 1}], [{"p": 0.75}])]
    counts: Counter[str] = Counter()
    asked = invocations([written(tmp_path / "a.jsonl", *lines)], columns=COLUMNS, answer="p", counts=counts)
    found = with_truth(asked, [written(tmp_path / "l.jsonl", label("i0", "1"))], answer="p", label="y", counts=counts)
    assert found["p"].to_list() == [0.75]
    assert counts["answers of an id that has a later one"] == 1


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "missing"])
def test_a_file_outside_or_missing_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").write_text("secret")
    with pytest.raises(JobError, match=r"lies outside its folder|is not there"):
        files_in(tmp_path / "inside", [name])
