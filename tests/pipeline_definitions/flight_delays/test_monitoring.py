"""A window of captured traffic against the baselines of the training run, as the monitoring job compares them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline_definitions.flight_delays.features import INPUTS
from runtime.errors import JobError
from runtime.layout import Layout
from runtime.prediction import predict

NAMES = [column.name for column in INPUTS]
ROWS_A_REQUEST = 40
VERSION = "arn:aws:sagemaker:eu-west-1:333333333333:model-package/plumbline-production-flight-delays/1"
Told = Mapping[str, Any]


class Jobs(Protocol):
    def evaluate(self, archive: Path, prepared: Path, *, name: str) -> object: ...

    def container(self, name: str) -> Layout: ...

    def monitor(self, archive: Path, baselines: Path, data: Path, *, name: str, window: str = ...) -> Path: ...


Check = Callable[..., Told]


@pytest.fixture(scope="session")
def baselines(jobs: Jobs, archive: Path, prepared: Path) -> Path:
    jobs.evaluate(archive, prepared, name="evaluate-monitored")
    return jobs.container("evaluate-monitored").processing_output("evaluation") / "baselines"


def captured(rows: Sequence[Mapping[str, object]], answers: Sequence[float]) -> str:
    """What an endpoint captures that is asked 40 rows at a time, with the first row's number for its inference id."""
    lines = []
    for start in range(0, len(rows), ROWS_A_REQUEST):
        asked = rows[start : start + ROWS_A_REQUEST]
        answered = answers[start : start + ROWS_A_REQUEST]
        sides = {
            "endpointInput": "".join(json.dumps(row) + "\n" for row in asked),
            "endpointOutput": "".join(json.dumps({"probability": answer}) + "\n" for answer in answered),
        }
        data = {
            side: {"observedContentType": "application/jsonlines", "mode": side, "data": text, "encoding": "JSON"}
            for side, text in sides.items()
        }
        metadata = {"eventId": f"e{start}", "inferenceId": f"i{start}", "inferenceTime": "2013-04-01T00:00:00Z"}
        lines.append(json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}))
    return "\n".join(lines) + "\n"


def truth(labels: Sequence[object]) -> str:
    lines = []
    for number, label in enumerate(labels):
        first, index = number - number % ROWS_A_REQUEST, number % ROWS_A_REQUEST
        id_ = f"i{first}/{index}" if index else f"i{first}"
        data = {"data": str(int(bool(label))), "encoding": "CSV"}
        lines.append(json.dumps({"groundTruthData": data, "eventMetadata": {"eventId": id_}, "eventVersion": "0"}))
    return "\n".join(lines) + "\n"


@pytest.fixture
def check(jobs: Jobs, archive: Path, baselines: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Check:
    """Monitors a window of rows with a column `late`; gives `metrics.json`."""

    def run(window: pl.DataFrame, *, labels: bool = True, extra: Mapping[str, str] | None = None) -> Told:
        rows = window.select(NAMES).to_dicts()
        answers = predict(archive=archive, rows=rows) if rows else []
        files = {"captures/a.jsonl": captured(rows, answers)} if rows else {}
        files |= {"labels/a.jsonl": truth(window["late"].to_list())} if labels and rows else {}
        files |= extra or {}
        captures = [name for name in files if name.startswith("captures/")]
        said = {
            "id": "20130402T0000Z",
            "model": "flight_delays",
            "version": VERSION,
            "endpoint": "plumbline-production-flight-delays",
            "asked": {"since": "2013-04-01T00:00:00Z", "until": "2013-04-02T00:00:00Z"},
            "answered": {"since": "2013-03-31T00:00:00Z", "until": "2013-04-01T00:00:00Z"},
            "captures": captures,
            "answers": captures,
            "labels": [name for name in files if name.startswith("labels/")],
        }
        for name, text in {**files, "windows/w/window.json": json.dumps(said)}.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        name = f"monitor-{request.node.name}"
        folder = jobs.monitor(archive, baselines, tmp_path / "data", name=name)
        told: Told = json.loads((folder / "metrics.json").read_text())
        return told

    return run


def test_a_window_like_the_baseline_is_below_the_line_in_every_check(check: Check, test_rows: pl.DataFrame) -> None:
    told = check(test_rows)
    assert {name: said["deviation"] < 0.1 for name, said in told["checks"].items()} == dict.fromkeys(
        ("data-quality", "model-quality", "bias", "explainability"), True
    )
    assert {said["rows"] for said in told["checks"].values()} == {test_rows.height}
    assert (told["window"], told["model_version"]) == ("20130402T0000Z", VERSION)


def test_a_page_shows_what_was_found(
    check: Check, jobs: Jobs, test_rows: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    check(test_rows.head(400), labels=False)
    page = (jobs.container(f"monitor-{request.node.name}").processing_output("report") / "report.html").read_text()
    assert "2013-04-01 00:00 to 2013-04-02 00:00 UTC" in page
    assert "no answer has its truth (400 answers without a label)" in page
    assert "sched_dep_time" in page


def test_the_truth_of_the_test_rows_gives_the_baseline_again(check: Check, test_rows: pl.DataFrame) -> None:
    """What the endpoint was asked, joined to its truth by id, must be the rows that the baseline was measured on."""
    quality = check(test_rows)["checks"]["model-quality"]
    assert {name: round(one["value"] - one["baseline"], 9) for name, one in quality["values"].items()} == dict.fromkeys(
        quality["values"], 0.0
    )
    assert quality["deviation"] == 0.0


def test_answers_with_their_truth_are_kept_to_train_on(
    check: Check, jobs: Jobs, test_rows: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    check(test_rows)
    folder = jobs.container(f"monitor-{request.node.name}").processing_output("labelled")
    said = json.loads((folder / "labelled.json").read_text())
    content = (folder / "labelled.parquet").read_bytes()
    assert (said["window"], said["model"], said["rows"]) == ("20130401T0000Z", "flight_delays", test_rows.height)
    assert said["sha256"] == hashlib.sha256(content).hexdigest()
    kept = pl.read_parquet(folder / "labelled.parquet").sort("inference_id")
    assert kept.select(NAMES).schema == test_rows.select(NAMES).schema
    # What the next training run takes.
    assert kept["late"].dtype == pl.Int64
    expected = test_rows.with_columns(pl.col("late").cast(pl.Int64))
    assert_frame_equal(kept.select(*NAMES, "late"), expected.select(*NAMES, "late"), check_row_order=False)


def test_rows_that_the_model_does_not_take_or_that_have_no_truth_are_not_kept(
    check: Check, jobs: Jobs, test_rows: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    check(test_rows.head(40), labels=False)
    assert not list(jobs.container(f"monitor-{request.node.name}").processing_output("labelled").iterdir())


def test_flights_of_one_carrier_alone_deviate_by_the_carrier(check: Check, test_rows: pl.DataFrame) -> None:
    said = check(test_rows.with_columns(carrier=pl.lit("UA")))["checks"]["data-quality"]
    assert said["worst"] == "carrier"
    assert said["deviation"] > 0.5
    assert said["features"]["distance"] < 0.1


def test_the_month_does_not_count_since_nobody_asked_for_it(check: Check, test_rows: pl.DataFrame) -> None:
    said = check(test_rows.with_columns(month=pl.lit(7), day=pl.lit(1)))["checks"]["data-quality"]
    assert said["deviation"] < 0.1
    assert "month" not in said["features"]
    assert said["violations"] == 0


def test_an_input_that_does_not_count_is_still_held_to_its_type(check: Check, test_rows: pl.DataFrame) -> None:
    said = check(test_rows.with_columns(humid=pl.lit(None, dtype=pl.Float64)), labels=False)["checks"]["data-quality"]
    assert said["violations"] == 1


def test_answers_that_turn_wrong_worsen_the_quality(check: Check, test_rows: pl.DataFrame) -> None:
    said = check(test_rows.with_columns(late=~pl.col("late")))["checks"]["model-quality"]
    assert said["deviation"] > 0.5
    assert said["worst"] in {"average_precision", "auc"}
    assert said["violations"] > 0


def test_without_labels_the_checks_that_need_them_have_no_data_and_the_others_run(
    check: Check, test_rows: pl.DataFrame
) -> None:
    told = check(test_rows.head(400), labels=False)["checks"]
    for name in ("model-quality", "bias"):
        assert told[name] == {"no_data": "no answer has its truth (400 answers without a label)"}
    assert told["data-quality"]["rows"] == told["explainability"]["rows"] == 400


def test_a_small_window_without_a_late_flight_has_no_data_and_has_not_failed(
    check: Check, test_rows: pl.DataFrame
) -> None:
    told = check(test_rows.head(40).with_columns(late=pl.lit(False)))["checks"]
    assert told["model-quality"]["no_data"].startswith("the window has no value of average_precision")
    assert told["model-quality"]["no_data"].endswith(" (no label is positive)")
    assert told["bias"] == {"no_data": "no rows are with the positive label; the first values there are: 0."}


def test_labels_of_which_none_is_one_are_no_data(check: Check, test_rows: pl.DataFrame) -> None:
    label = truth([True]).replace('"1"', '"NA"')
    told = check(test_rows.head(40), labels=False, extra={"labels/a.jsonl": label})["checks"]
    for name in ("model-quality", "bias"):
        assert "(1 labels that are neither 1 nor 0, such as NA)" in told[name]["no_data"]


def test_a_day_after_the_first_answers_nothing_is_due_whose_truth_could_be_known(
    jobs: Jobs, archive: Path, baselines: Path, check: Check, test_rows: pl.DataFrame, tmp_path: Path
) -> None:
    check(test_rows.head(40), labels=False)
    path = tmp_path / "data" / "windows/w/window.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"answers": []}))
    told = json.loads((jobs.monitor(archive, baselines, tmp_path / "data", name="early") / "metrics.json").read_text())
    said = {"not_yet": "this version has answered nothing in the older window, whose truth is known by now"}
    assert (told["checks"]["model-quality"], told["checks"]["bias"]) == (said, said)


def test_the_truth_of_what_a_version_before_has_answered_is_kept_and_not_held_against_this_one(
    jobs: Jobs, archive: Path, baselines: Path, check: Check, test_rows: pl.DataFrame, tmp_path: Path
) -> None:
    rows, data = test_rows.head(80), tmp_path / "data"
    check(rows)
    lines = (data / "captures/a.jsonl").read_text().splitlines(keepends=True)
    for name, line in zip(("before", "own"), lines, strict=True):
        (data / f"captures/{name}.jsonl").write_text(line)
    path = data / "windows/w/window.json"
    path.with_name("earlier.json").write_text(json.dumps(["captures/before.jsonl"]))
    for name, answers in (("both", ["captures/own.jsonl"]), ("before", list[str]())):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"answers": answers}))
        told = json.loads((jobs.monitor(archive, baselines, data, name=f"split-{name}") / "metrics.json").read_text())
        kept = jobs.container(f"split-{name}").processing_output("labelled") / "labelled.parquet"
        own = len(answers) * ROWS_A_REQUEST
        assert told["checks"]["model-quality"].get("rows", 0) == own
        assert pl.read_parquet(kept).height == ROWS_A_REQUEST + own
        assert (told["labelled"], told["answered"]) == ("20130401T0000Z", "20130401T0000Z")


def test_a_window_that_cannot_be_read_has_no_data_and_says_why(check: Check, test_rows: pl.DataFrame) -> None:
    told = check(test_rows.head(0), extra={"captures/a.jsonl": "{broken\n"})["checks"]
    assert told["data-quality"]["no_data"].startswith("no row was asked (")
    assert "1 lines that are no JSON" in told["data-quality"]["no_data"]
    assert told["explainability"]["no_data"] == "no answer can be explained (1 lines that are no JSON)"


def test_what_is_broken_beside_good_traffic_is_counted(check: Check, test_rows: pl.DataFrame) -> None:
    told = check(test_rows.head(400), extra={"captures/b.jsonl": '{"broken\n', "labels/b.jsonl": "[]\n"})["checks"]
    assert told["data-quality"]["left_out"]["lines that are no JSON"] == 1
    assert told["model-quality"]["left_out"]["lines that are no JSON object"] == 1
    assert told["model-quality"]["rows"] == 400


def test_one_row_is_checked_and_a_check_that_cannot_be_made_of_it_says_so(
    check: Check, test_rows: pl.DataFrame
) -> None:
    told = check(test_rows.head(1))["checks"]
    assert told["data-quality"]["deviation"] < 0.1  # by chance alone a single row may be anywhere
    assert "rows are" in told["bias"]["no_data"]


@pytest.mark.parametrize("name", ["../../../etc/passwd", "captures/missing.jsonl"])
def test_a_window_names_only_files_that_came_with_it(
    jobs: Jobs, archive: Path, baselines: Path, tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    (tmp_path / "window.json").write_text("{}")
    with pytest.raises(JobError, match=r"which (lies outside its folder|is not there)"):
        jobs.monitor(
            archive, baselines, tmp_path, name=f"outside-{request.node.name[:60]}".replace("/", "_"), window=name
        )
