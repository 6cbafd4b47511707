"""Answers joined to their truth: every file, and everything that does not fit."""

import json
import random
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import JobError
from runtime.monitoring.answers import Joined, as_texts, classes_of, joined, table_of

_IDS = st.lists(st.integers(0, 12), max_size=20)


def captured(id_: str | None, body: str, *, kind: str = "application/jsonlines", event: str = "e") -> dict[str, object]:
    metadata = {"eventId": event} | ({"inferenceId": id_} if id_ else {})
    side = {"observedContentType": kind, "mode": "OUTPUT", "data": body, "encoding": "JSON"}
    return {"captureData": {"endpointOutput": side}, "eventMetadata": metadata, "eventVersion": "0"}


def truth(id_: str, data: object) -> dict[str, object]:
    return {
        "groundTruthData": {"data": data, "encoding": "CSV"},
        "eventMetadata": {"eventId": id_},
        "eventVersion": "0",
    }


def lines(path: Path, objects: list[dict[str, object]]) -> Path:
    path.write_text("".join(f"{json.dumps(one)}\n" for one in objects))
    return path


def _joined(folder: Path, captures: list[dict[str, object]], truths: list[dict[str, object]]) -> Joined:
    data, labels = lines(folder / "data.jsonl", captures), lines(folder / "truth.jsonl", truths)
    return joined([data], [labels], answer="probability", label="label")


def test_captures_meet_their_ground_truth_by_inference_id(tmp_path: Path) -> None:
    captures = [captured("a", '{"probability": 0.25}\n'), captured("b", '{"probability": 0.75}\n')]
    found = _joined(tmp_path, captures, [truth("b", "1"), truth("a", "0")])
    assert (found.answers.to_list(), found.labels.to_list(), found.counts) == ([0.25, 0.75], [0, 1], {})


def test_without_an_inference_id_the_event_has_one(tmp_path: Path) -> None:
    found = _joined(tmp_path, [captured(None, '{"probability": 0.5}', event="e-1")], [truth("e-1", 1)])
    assert found.answers.to_list() == [0.5]


@pytest.mark.parametrize(("body", "kind"), [("0.25\n0.75\n", "text/csv"), ("0.25\n0.75\n", "application/jsonlines")])
def test_the_rows_of_an_invocation_are_told_apart_by_their_number(body: str, kind: str, tmp_path: Path) -> None:
    found = _joined(tmp_path, [captured("a", body, kind=kind)], [truth("a/1", 1), truth("a", 0)])
    assert (found.answers.to_list(), found.labels.to_list()) == ([0.25, 0.75], [0, 1])


def test_tables_meet_by_their_columns(tmp_path: Path) -> None:
    pl.DataFrame({"inference_id": [1, 2, 3], "probability": [0.1, 0.2, 0.3]}).write_parquet(tmp_path / "data.parquet")
    pl.DataFrame({"inference_id": [3, 1, 9], "late": [True, False, True]}).write_csv(tmp_path / "truth.csv")
    found = joined([tmp_path / "data.parquet"], [tmp_path / "truth.csv"], answer="probability", label="late")
    assert (found.answers.to_list(), found.labels.to_list()) == ([0.1, 0.3], [False, True])
    assert found.counts == {"answers without a label": 1, "labels without an answer": 1}


def test_one_table_may_have_both(tmp_path: Path) -> None:
    path = lines(tmp_path / "both.jsonl", [{"probability": 0.1, "label": 0}, {"probability": None, "label": 1}])
    found = joined([path], None, answer="probability", label="label")
    assert (found.answers.to_list(), found.labels.to_list()) == ([0.1], [0])
    assert found.counts == {"rows without an answer or a label": 1}


def test_the_last_label_of_an_id_counts_and_the_others_are_counted(tmp_path: Path) -> None:
    found = _joined(tmp_path, [captured("a", '{"probability": 0.5}')], [truth("a", 0), truth("a", 1)])
    assert (found.labels.to_list(), found.counts) == ([1], {"labels of an id that has a later one": 1})


def test_what_is_no_answer_is_counted(tmp_path: Path) -> None:
    captures: list[dict[str, object]] = [
        captured("a", '{"probability": NaN}'),
        captured("b", '{"probability": "high"}'),
        captured("c", '{"probability": [0.5]}'),
        captured("d", "{"),
        {"captureData": {}, "eventMetadata": {"inferenceId": "e"}},
        captured("f", '{"probability": 0.5}'),
    ]
    found = _joined(tmp_path, captures, [truth(name, 1) for name in "abcdef"])
    assert found.answers.to_list() == [0.5]
    assert found.counts == {
        "rows without probability or an id": 2,
        "lines that are no JSON": 1,
        "captures without an endpointOutput that can be read": 1,
        "labels without an answer": 4,
        "answers that are no finite number": 1,
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(asked=_IDS, known=_IDS, seed=st.integers(0, 9))
def test_every_answer_and_every_label_is_joined_or_counted(
    asked: list[int], known: list[int], seed: int, tmp_path: Path
) -> None:
    captures = [captured(str(number), json.dumps({"probability": index / 20})) for index, number in enumerate(asked)]
    truths = [truth(str(number), index) for index, number in enumerate(known)]
    random.Random(seed).shuffle(truths)
    found = _joined(tmp_path, captures, truths)
    both, counts = set(asked) & set(known), found.counts
    assert len(found.answers) == len(both)
    assert len(asked) == len(both) + counts["answers without a label"] + counts["answers of an id that has a later one"]
    assert len(known) == len(both) + counts["labels without an answer"] + counts["labels of an id that has a later one"]
    latest = {number: index / 20 for index, number in enumerate(asked)}
    assert sorted(found.answers.to_list()) == sorted(latest[number] for number in both)


def test_a_table_without_the_column_is_refused_with_what_it_has(tmp_path: Path) -> None:
    pl.DataFrame({"inference_id": [1], "score": [0.1]}).write_parquet(tmp_path / "data.parquet")
    with pytest.raises(JobError, match=r"^data\.parquet has no column probability; it has: inference_id, score\.$"):
        joined([tmp_path / "data.parquet"], None, answer="probability", label="score")


def test_answers_and_labels_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"^the answer and the label are both called late; accepted: two names\.$"):
        joined([], [tmp_path], answer="late", label="late")


@pytest.mark.parametrize("odd", ["unknown", "maybe"])
def test_one_odd_label_does_not_change_what_the_others_are(odd: str, tmp_path: Path) -> None:
    captures = [captured(name, '{"probability": 0.5}') for name in "abc"]
    found = _joined(tmp_path, captures, [truth("a", "1"), truth("b", "0"), truth("c", odd)])
    assert as_texts(found.labels).to_list() == ["1", "0", odd]


def test_files_of_other_number_types_have_the_same_labels_and_ids(tmp_path: Path) -> None:
    pl.DataFrame({"inference_id": [1, 2], "label": [1, 0]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"inference_id": [3.0, 4.0], "label": [1.0, None]}).write_parquet(tmp_path / "2.parquet")
    pl.DataFrame({"inference_id": [5, 6], "label": [True, False]}).write_parquet(tmp_path / "3.parquet")
    ids: list[float] = [1.0, 2, 3.0, 4, 5, 6]
    data = lines(tmp_path / "data.jsonl", [{"inference_id": number, "probability": 0.5} for number in ids])
    found = joined([data], sorted(tmp_path.glob("*.parquet")), answer="probability", label="label")
    assert as_texts(found.labels).to_list() == ["1", "0", "1", "1", "0"]


def test_an_id_of_csv_that_reads_as_a_number_is_none(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("inference_id,label\n007,1\n7,0\n")
    data = lines(tmp_path / "data.jsonl", [{"inference_id": "007", "probability": 0.5}])
    found = joined([data], [tmp_path / "truth.csv"], answer="probability", label="label")
    assert found.labels.to_list() == [1]


def test_a_label_that_is_no_number_among_numbers_is_counted(tmp_path: Path) -> None:
    pl.DataFrame({"probability": [0.1, 0.2], "label": [1.0, float("nan")]}).write_parquet(tmp_path / "a.parquet")
    found = joined([tmp_path / "a.parquet"], None, answer="probability", label="label")
    assert (found.labels.to_list(), found.counts) == ([1.0], {"labels that are no finite number": 1})


@pytest.mark.parametrize("odd", ["nan", "NaN", "-nan", "inf", "Infinity", "1e400"])
def test_a_label_of_csv_that_is_no_finite_number_is_counted(odd: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"probability,label\n0.1,1\n0.2,{odd}\n0.3,0\n")
    found = joined([tmp_path / "a.csv"], None, answer="probability", label="label")
    assert (found.labels.to_list(), found.counts) == ([1.0, 0.0], {"labels that are no finite number": 1})


def test_one_label_that_is_a_text_makes_no_text_of_not_a_number(tmp_path: Path) -> None:
    captures = [captured(name, '{"probability": 0.5}') for name in "abc"]
    found = _joined(tmp_path, captures, [truth("a", "yes"), truth("b", "nan"), truth("c", "1")])
    assert found.labels.to_list() == ["yes", "1"]
    assert found.counts == {"rows without label or an id": 1, "answers without a label": 1}


def test_not_a_number_is_no_class(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"answer": "A", "label": "A"},
        {"answer": "B", "label": float("nan")},
        {"answer": "inf", "label": "B"},
    ]
    found = joined([lines(tmp_path / "a.jsonl", rows)], None, answer="answer", label="label", numeric=False)
    assert (found.answers.to_list(), found.labels.to_list()) == (["A"], ["A"])
    assert found.counts == {"rows without an answer or a label": 1, "answers that are no finite number": 1}


def test_a_column_of_csv_is_of_numbers_beside_one_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("inference_id,a,b\n1,1,1\n2,nan,NA\n")
    table = table_of([tmp_path / "a.csv"], None, Counter())
    assert dict(table.schema) == {"inference_id": pl.String, "a": pl.Float64, "b": pl.String}


def test_lines_that_a_quote_without_its_end_takes_are_counted(tmp_path: Path) -> None:
    rows = [f"0.5,{number % 2},b" for number in range(300)]
    rows[4], rows[249] = '0.5,1,"a', '0.5,1,a"'
    (tmp_path / "a.csv").write_text("\n".join(["probability,label,group", *rows, ""]))
    counts: Counter[str] = Counter()
    table = table_of([tmp_path / "a.csv"], ["probability", "label"], counts)
    assert (table.height, counts) == (55, {"lines of CSV that a quoted cell of a line before takes": 245})


def test_classes_of_digits_stay_what_they_are(tmp_path: Path) -> None:
    classes = ["007", "7", "012", "1_2", "1.10", "1.1", "12345678901234567890"]
    captures = [captured(name, json.dumps({"class": name})) for name in classes]
    data, labels = lines(tmp_path / "a.jsonl", captures), lines(tmp_path / "b.jsonl", [truth(n, n) for n in classes])
    found = joined([data], [labels], answer="class", label="label", numeric=False)
    assert found.answers.to_list() == found.labels.to_list() == classes


@pytest.mark.parametrize(("more", "expected"), [([], [1, 7, 0.5]), (["A_1"], ["1", "7", "0.5", "A_1"])])
def test_the_truth_of_numbers_is_numbers_however_it_is_written(
    more: list[str], expected: list[object], tmp_path: Path
) -> None:
    truths = ["1.0", "007", "0.50", *more]
    captures = [captured(name, '{"class": 1}') for name in truths]
    data, labels = lines(tmp_path / "a.jsonl", captures), lines(tmp_path / "b.jsonl", [truth(n, n) for n in truths])
    found = joined([data], [labels], answer="class", label="label", numeric=False)
    assert found.labels.to_list() == expected


@pytest.mark.parametrize(
    ("labels", "positive", "classes", "counted"),
    [
        (["1", "0", "1.0", "true", "FALSE"], "1", [True, False, True, True, False], {}),
        ([True, False, None], "true", [True, False, None], {}),
        (["1", "0", "yes", "2", "NA", "2"], "1", [True, False, None, None, None, None],
         {"labels that are neither 1 nor 0, such as 2, NA, yes": 4}),
        ([1, -1], "1", [True, False], {}),
        ([1, 0, -1], "1", [True, False, None], {"labels that are neither 1 nor 0, such as -1": 1}),
        (["1", "0", "2"], "0", [False, True, None], {"labels that are neither 0 nor 1, such as 2": 1}),
        (["late", "early", "early", "?"], "late", [True, False, False, None],
         {"labels that are neither late nor early, such as ?": 1}),
        (["early", "early"], "late", [False, False], {}),
        (["yes", "no"], "1", [None, None], {"labels that are neither 1 nor 0, such as no, yes": 2}),
        ([], "late", [], {}),
    ],
)  # fmt: skip
def test_a_label_of_two_classes_is_one_of_them_or_counted(
    labels: list[object], positive: str, classes: list[bool | None], counted: dict[str, int]
) -> None:
    counts: Counter[str] = Counter()
    found = classes_of(
        pl.Series("label", labels, dtype=None if labels else pl.String), positive=positive, counts=counts
    )
    assert (found.to_list(), counts) == (classes, counted)


def test_two_labels_of_which_none_is_the_positive_one_are_refused_with_what_they_are() -> None:
    with pytest.raises(JobError, match=r"^no rows are with the positive label; the first values there are: a, b\.$"):
        classes_of(pl.Series(["b", "a"]), positive="late", counts=Counter())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([True, False, None]), ["1", "0", None]),
        (pl.Series([1.0, 2.5, float("nan"), None]), ["1", "2.5", None, None]),
        (pl.Series([1e300, float("inf"), -0.0]), ["1e+300", "inf", "0"]),
        (pl.Series(["1.0", "a"]), ["1.0", "a"]),
    ],
)
def test_a_value_is_one_text_however_a_file_has_it(values: pl.Series, expected: list[str | None]) -> None:
    assert as_texts(values).to_list() == expected


@pytest.mark.parametrize(("answer", "label"), [("inference_id", "label"), ("probability", "inference_id")])
def test_an_id_is_neither_answer_nor_label(answer: str, label: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"^inference_id is neither answer nor label: it joins them\.$"):
        joined([tmp_path], None, answer=answer, label=label)


def test_answers_that_are_lists_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"probability": [[0.1], [0.2]], "label": [1, 0]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(JobError, match=r"^probability of a\.parquet holds lists, objects, bytes or durations; "):
        joined([tmp_path / "a.parquet"], None, answer="probability", label="label")


def test_a_column_of_two_types_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"probability": [0.1], "label": [1]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"probability": ["x"], "label": [date(2026, 1, 1)]}).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(JobError, match=r"^a column is of one type in one file, and of another in the next"):
        joined(sorted(tmp_path.glob("*.parquet")), None, answer="probability", label="label")
