"""`plumb monitor`, as a person calls it on files."""

import gzip
import json
import math
import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from runtime.monitoring.model_quality import SECTIONS
from tests.plumbline.cli.calling import Ended, plumb
from tests.runtime.monitoring.test_answers import captured, truth

WINDOW = pl.DataFrame({"hour": [number % 24 for number in range(960)], "carrier": ["UA", "AA", "B6"] * 320})


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    WINDOW.write_parquet(tmp_path / "baseline.parquet")
    return tmp_path / "baseline.parquet"


def _monitored(baseline: Path, data: Path, *more: str) -> Ended:
    return plumb("monitor", "--kind", "data-quality", "--baseline", str(baseline), "--data", str(data), *more)


def test_a_window_like_the_baseline_breaks_nothing(baseline: Path, tmp_path: Path) -> None:
    WINDOW.reverse().write_csv(tmp_path / "window.csv")
    ended = _monitored(baseline, tmp_path / "window.csv")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("960 rows against 960\n")
    assert ended.stdout.endswith("deviation 0.000, the most of hour; no constraint is broken\n")


def test_each_constraint_that_is_broken_is_named_with_how_much(baseline: Path, tmp_path: Path) -> None:
    WINDOW.with_columns(hour=pl.col("hour") // 2).drop("carrier").write_ndjson(tmp_path / "window.jsonl")
    ended = _monitored(baseline, tmp_path / "window.jsonl")
    assert ended.code == 1
    assert "\nhour: baseline_drift_check: Numerical distance: 0.41" in ended.stdout
    assert "\ncarrier: missing_column_check: none of 960 rows has the column\n" in ended.stdout
    assert ended.stdout.endswith(", the most of carrier; 2 constraints are broken\n")


def test_columns_that_do_not_count_are_left_out_of_the_deviation(baseline: Path, tmp_path: Path) -> None:
    WINDOW.with_columns(hour=pl.col("hour") // 2).write_parquet(tmp_path / "window.parquet")
    ended = _monitored(baseline, tmp_path / "window.parquet", "--feature", "carrier")
    assert ended.code == 1
    assert ended.stdout.endswith("deviation 0.000, the most of carrier; 1 constraint is broken\n")


def test_what_is_written_is_a_baseline_again(baseline: Path, tmp_path: Path) -> None:
    first = _monitored(baseline, baseline, "--output", str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "constraint_violations.json", "constraints.json", "report.html", "statistics.json",
    ]  # fmt: skip
    assert json.loads((tmp_path / "out" / "constraint_violations.json").read_text()) == {"violations": []}
    second = _monitored(tmp_path / "out" / "statistics.json", baseline)
    assert (first.code, second.code, first.stdout) == (0, 0, second.stdout)


def test_the_report_has_the_deviation_that_is_printed(baseline: Path, tmp_path: Path) -> None:
    WINDOW.with_columns(hour=pl.col("hour") // 2).write_parquet(tmp_path / "window.parquet")
    ended = _monitored(baseline, tmp_path / "window.parquet", "--output", str(tmp_path / "out"))
    (deviation,) = re.findall(r"^deviation (\S+), the most of hour", ended.stdout, re.MULTILINE)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f'The deviation is <b class="bad">{deviation}</b>, above the line' in page
    assert "<title>window.parquet against baseline.parquet</title>" in page


def test_a_folder_is_one_window_and_what_cannot_be_read_is_said(baseline: Path, tmp_path: Path) -> None:
    window = tmp_path / "window"
    window.mkdir()
    WINDOW.head(480).write_ndjson(window / "1.jsonl")
    lines = "".join(f"{json.dumps(row)}\n" for row in WINDOW.tail(480).iter_rows(named=True))
    (window / "2.jsonl.gz").write_bytes(gzip.compress((lines + '{"hour": 1').encode()))
    ended = _monitored(baseline, window, "--output", str(tmp_path / "out"))
    assert (ended.code, ended.stdout.splitlines()[0]) == (0, "960 rows against 960")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert 'lines that are no JSON <span class="soft">(first in 2.jsonl.gz)</span>' in page
    assert "\nleft out: lines that are no JSON: 1, first in 2.jsonl.gz\n" in ended.stdout


def test_values_that_are_none_of_their_column_are_said_though_nothing_is_broken(baseline: Path, tmp_path: Path) -> None:
    hours = pl.Series([math.inf] * 3 + [math.nan] * 5, dtype=pl.Float64).extend(WINDOW["hour"].tail(952).cast(float))
    WINDOW.with_columns(hour=hours).write_parquet(tmp_path / "window.parquet")
    ended = _monitored(baseline, tmp_path / "window.parquet", "--output", str(tmp_path / "out"))
    assert ended.code == 0
    assert "\nleft out: infinities in hour: 3\nleft out: not-a-numbers in hour: 5\n" in ended.stdout
    assert "<td>not-a-numbers in hour</td>" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_name_forges_no_line(tmp_path: Path) -> None:
    columns = {"a\nno constraint is broken": [1.0] * 50, "\x1b[31mred": [1.0] * 50, " ": [1.0] * 50}
    pl.DataFrame({"a": [1.0] * 50}).write_parquet(tmp_path / "baseline.parquet")
    pl.DataFrame({"a": [1.0] * 50, **columns}).write_parquet(tmp_path / "window.parquet")
    ended = _monitored(tmp_path / "baseline.parquet", tmp_path / "window.parquet")
    assert ended.code == 1
    assert "\n'a\\nno constraint is broken': extra_column_check: " in ended.stdout
    assert "\n'\\x1b[31mred': extra_column_check: " in ended.stdout
    assert "\n' ': extra_column_check: " in ended.stdout
    told = _monitored(tmp_path / "window.parquet", tmp_path / "window.parquet", "--feature", "b\nc")
    assert told.stderr.endswith(
        "the constraints have no column 'b\\nc'; accepted: '\\x1b[31mred', ' ', a, 'a\\nno constraint is broken'.\n"
    )
    shown = _monitored(tmp_path / "window.parquet", tmp_path / "window.parquet")
    assert shown.stdout.count("'a\\nno constraint is broken'") == 1


def test_one_row_is_told_in_the_singular(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    assert _monitored(tmp_path / "a.csv", tmp_path / "a.csv").stdout.startswith("1 row against 1\n")


def test_what_a_folder_has_besides_files_is_said_by_other_checks_too(tmp_path: Path) -> None:
    for name in ("window", "then"):
        (tmp_path / name).mkdir()
        _decided(tmp_path / name / "1.parquet", favoured=0.0)
        (tmp_path / name / "gone.parquet").symlink_to(tmp_path / "nowhere")
    said = "links that lead to no file: 1, first in gone.parquet\n"
    for ended in (check(tmp_path / "then", tmp_path / "window") for check in (_judged, _fair)):
        assert f"\nleft out: {said}" in ended.stdout
        assert f"\nleft out of the baseline: {said}" in ended.stdout


def test_files_of_the_baseline_are_counted_whatever_they_are_and_reported(tmp_path: Path) -> None:
    for check, good in ((_fair, _decided(tmp_path / "a", favoured=0.0)), (_reasons, _explained(tmp_path / "b", 9, 1))):
        then = tmp_path / f"{good.name}-then"
        then.mkdir()
        for name in ("1.parquet", "2.parquet"):
            (then / name).write_bytes(b"none")
        table = good.rename(then / "3.parquet")
        (then / "self.csv").symlink_to(then / "self.csv")
        ended = check(then, table, "--output", str(tmp_path / "out"))
        assert (ended.code, ended.stderr) == (0, "")
        assert "\nleft out of the baseline: files that cannot be read: 3, first in self.csv\n" in ended.stdout
        page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        assert '<td class="number">3</td><td>files that cannot be read</td>' in page


def test_captures_without_labels_are_refused_with_the_option_that_is_missing(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    line = json.dumps(captured("1", json.dumps({"probability": 0.5})))
    (tmp_path / "c.jsonl").write_text(f"{line}\n")
    ended = _judged(baseline, tmp_path / "c.jsonl")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith("c.jsonl holds captures, which have no truth; accepted: --labels with it.\n")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "window.csv: there is no such file or folder."),
        (
            "",
            (
                "window.csv holds no row (files without a row: 1, first in window.csv); accepted: .parquet, .csv, "
                ".jsonl, .json, .ndjson, those of text also with .gz."
            ),
        ),
    ],
)
def test_a_window_that_has_nothing_is_refused(
    content: str | None, sentence: str, baseline: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "window.csv").write_text(content)
    ended = _monitored(baseline, tmp_path / "window.csv")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(f"{sentence}\n")


def test_constraints_that_cannot_be_read_are_not_suggested_anew(baseline: Path, tmp_path: Path) -> None:
    _monitored(baseline, baseline, "--output", str(tmp_path / "out"))
    (tmp_path / "out" / "constraints.json").unlink()
    (tmp_path / "out" / "constraints.json").mkdir()
    ended = _monitored(tmp_path / "out" / "statistics.json", baseline)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith("constraints.json cannot be read: Is a directory; accepted: a file in JSON.\n")


def test_a_document_of_another_check_is_refused_with_the_one_that_is_accepted(baseline: Path, tmp_path: Path) -> None:
    _monitored(baseline, baseline, "--output", str(tmp_path / "out"))
    table = _decided(tmp_path / "window.parquet", favoured=0.0)
    for check, wanted in ((_fair, "analysis.json"), (_judged, "statistics.json"), (_monitored, "statistics.json")):
        folder = check(tmp_path / "out", table)
        assert (folder.code, folder.stdout) == (2, "")
        assert folder.stderr.endswith(
            "out: is a folder of an earlier run's documents; "
            f"accepted: a table, or the {wanted} that --output of this check wrote.\n"
        )
    ended = _fair(tmp_path / "out" / "statistics.json", table)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(
        "statistics.json: is a document of another check; "
        "accepted: a table, or the analysis.json that --output of this check wrote.\n"
    )


def test_a_pipe_is_no_data(baseline: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    ended = _monitored(baseline, tmp_path / "pipe.csv")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith("pipe.csv: is no file and no folder.\n")


def test_a_baseline_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "statistics.json").write_text("{}")
    ended = _monitored(tmp_path / "statistics.json", tmp_path)
    assert ended.code == 2
    assert ended.stderr.startswith("plumb: monitor data-quality: ")
    assert ended.stderr.endswith(
        "statistics.json: dataset: Field required; accepted: statistics.json of Model Monitor.\n"
    )


def test_a_column_that_is_none_is_refused_with_those_that_are(baseline: Path) -> None:
    ended = _monitored(baseline, baseline, "--feature", "wind")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith("the constraints have no column wind; accepted: carrier, hour.\n")


def test_a_place_that_cannot_be_written_is_refused(baseline: Path) -> None:
    ended = _monitored(baseline, baseline, "--output", str(baseline / "out"))
    assert ended.code == 2
    assert ended.stderr.endswith("cannot be written: Not a directory.\n")


# ------------------------------------------------------------------------------------------------ model quality
def _evaluated(path: Path, *, rows: int = 20_000, noise: float = 0.3, seed: int = 1) -> Path:
    """A table with labels and the probabilities that a model gave, which are the better the less noise there is."""
    random = np.random.default_rng(seed)
    labels = random.random(rows) < 0.25
    scores = np.clip(0.25 + 0.4 * (labels - 0.25) + random.normal(0, noise, rows), 0.01, 0.99)
    ids = [f"i-{number}" for number in range(rows)]
    pl.DataFrame({"inference_id": ids, "label": labels.astype(int), "probability": scores}).write_parquet(path)
    return path


def _judged(baseline: Path, data: Path, *more: str) -> Ended:
    return plumb("monitor", "--kind", "model-quality", "--baseline", str(baseline), "--data", str(data), *more)


def test_answers_as_good_as_at_the_baseline_break_nothing(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    ended = _judged(baseline, _evaluated(tmp_path / "window.parquet", seed=2))
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("20,000 answers with their truth\n")
    assert ended.stdout.endswith("; no constraint is broken\n")


def test_answers_that_are_worse_are_told_by_metric_with_how_much(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    ended = _judged(baseline, _evaluated(tmp_path / "window.parquet", noise=0.6), "--metric", "average_precision")
    assert ended.code == 1
    assert "\naverage_precision: Metric average_precision with 0." in ended.stdout
    assert " was LessThanThreshold '0." in ended.stdout
    assert ", the most of average_precision; " in ended.stdout


def test_captures_are_judged_by_labels_that_come_later(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    window = pl.read_parquet(_evaluated(tmp_path / "window.parquet", seed=3))
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "1.jsonl").write_text(
        "".join(f"{json.dumps(captured(id_, json.dumps({'probability': score})))}\n" for id_, _, score in window.rows())
    )
    (tmp_path / "truth.jsonl").write_text(
        "".join(f"{json.dumps(truth(id_, str(label)))}\n" for id_, label, _ in window.head(1500).rows())
    )
    ended = _judged(baseline, tmp_path / "captures", "--labels", str(tmp_path / "truth.jsonl"))
    assert ended.stdout.startswith("1,500 answers with their truth\n")
    assert "\nleft out: answers without a label: 18,500\n" in ended.stdout


def test_what_a_judgement_writes_is_a_baseline_again(tmp_path: Path) -> None:
    table = _evaluated(tmp_path / "baseline.parquet")
    first = _judged(table, table, "--output", str(tmp_path / "out"))
    second = _judged(tmp_path / "out" / "statistics.json", table)
    assert (first.code, second.code, first.stdout) == (0, 0, second.stdout)
    assert "The deviation is " in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    document = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert set(document["binary_classification_metrics"]["auc"]) == {
        "value", "standard_deviation", "lower_confidence", "upper_confidence",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("statistics.json", {"version": 9.0}, "statistics.json is of version 9.0; accepted: 0.0."),
        ("constraints.json", {"version": "7"}, "constraints.json is of version 7; accepted: 0.0."),
        (
            "constraints.json",
            {"binary_constrains": {}},
            "constraints.json has a key binary_constrains; accepted: version, "
            + ", ".join(f"{name}_constraints" for name in SECTIONS.values())
            + ".",
        ),
    ],
)
def test_a_judgement_of_another_format_is_no_baseline(
    name: str, changes: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    table = _evaluated(tmp_path / "a.parquet", rows=200)
    _judged(table, table, "--output", str(tmp_path / "out"))
    document = json.loads((tmp_path / "out" / name).read_text())
    (tmp_path / "out" / name).write_text(json.dumps(document | changes))
    ended = _judged(tmp_path / "out" / "statistics.json", table)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(f"{sentence}\n")


def test_constraints_of_a_judgement_that_cannot_be_read_are_not_suggested_anew(tmp_path: Path) -> None:
    table = _evaluated(tmp_path / "a.parquet", rows=200)
    _judged(table, table, "--output", str(tmp_path / "out"))
    constraints = tmp_path / "out" / "constraints.json"
    constraints.unlink()
    constraints.symlink_to(tmp_path / "nowhere")
    ended = _judged(tmp_path / "out" / "statistics.json", table)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(
        "constraints.json cannot be read: No such file or directory; accepted: a file in JSON.\n"
    )


@pytest.mark.parametrize(("kind", "metric"), [("multiclass", "accuracy"), ("regression", "rmse")])
def test_classes_and_numbers_are_judged_too(kind: str, metric: str, tmp_path: Path) -> None:
    rows = [{"label": number % 3, "answer": number % 3 if number % 10 else 0} for number in range(300)]
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    ended = _judged(tmp_path / "a.csv", tmp_path / "a.csv", "--answers", kind, "--answer", "answer")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.endswith(f"deviation 0.000, the most of {metric}; no constraint is broken\n")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--metric", "charm"], "there is no metric charm of binary; accepted: recall, precision, "),
        (["--answer", "score"], "baseline.parquet has no column score; it has: inference_id, label, probability."),
        (["--answer", "label"], "the answer and the label are both called label; accepted: two names."),
        (["--positive", "7"], "no rows are with the positive label; the first values there are: 0, 1."),
        (["--labels", "none.jsonl"], "--labels none.jsonl: there is no such file or folder."),
    ],
)
def test_what_nobody_can_judge_is_refused_in_a_sentence(more: list[str], sentence: str, tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    ended = _judged(baseline, baseline, *more)
    assert (ended.code, ended.stdout) == (2, "")
    assert sentence in ended.stderr


def test_labels_of_other_requests_are_refused_with_what_was_left_out(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    (tmp_path / "truth.jsonl").write_text(f"{json.dumps(truth('another', 1))}\n")
    ended = _judged(baseline, baseline, "--labels", str(tmp_path / "truth.jsonl"))
    assert ended.code == 2
    assert ended.stderr.endswith(
        "no answer has its truth (20000 answers without a label; 1 labels without an answer); "
        "accepted: answers and labels with the same inference ids.\n"
    )


def test_answers_that_are_no_probability_are_counted_and_all_of_them_refused(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet", rows=3000)
    pl.read_parquet(baseline).with_columns(
        probability=pl.when(pl.int_range(pl.len()) < 5).then(1.5).otherwise("probability")
    ).write_parquet(tmp_path / "some.parquet")
    ended = _judged(baseline, tmp_path / "some.parquet")
    assert ended.code == 0
    assert ended.stdout.startswith("2,995 answers with their truth\n")
    assert "\nleft out: answers that are no probability, from 0 to 1: 5\n" in ended.stdout
    pl.read_parquet(baseline).with_columns(probability=-0.5).write_parquet(tmp_path / "all.parquet")
    ended = _judged(baseline, tmp_path / "all.parquet")
    assert (ended.code, ended.stdout) == (2, "")
    assert "no answer has its truth (3000 answers that are no probability, from 0 to 1)" in ended.stderr


def test_a_metric_that_counts_and_has_no_value_is_named_and_the_check_is_not_made(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    pl.read_parquet(baseline).head(200).with_columns(label=0).write_parquet(tmp_path / "window.parquet")
    ended = _judged(baseline, tmp_path / "window.parquet", "--output", str(tmp_path / "out"))
    assert ended.code == 2
    assert re.search(r"^average_precision +0\.\d+ +no value: no label is positive$", ended.stdout, re.MULTILINE)
    assert "\ndeviation not known; " in ended.stdout
    assert ended.stderr.startswith(
        "plumb: monitor model-quality: the window has no value of average_precision (no label is positive); accepted: "
    )
    assert (tmp_path / "out" / "report.html").is_file()
    ended = _judged(baseline, tmp_path / "window.parquet", "--metric", "accuracy")
    assert (ended.code, ended.stderr) == (0, "")


def test_a_metric_that_does_not_count_breaks_no_constraint(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    worse = _evaluated(tmp_path / "window.parquet", noise=0.6)
    assert _judged(baseline, worse, "--metric", "recall_best_constant_classifier").code == 0
    counted = _judged(baseline, worse, "--metric", "brier", "--output", str(tmp_path / "out"))
    assert counted.stdout.endswith("the most of brier; 1 constraint is broken\n")
    document = json.loads((tmp_path / "out" / "constraint_violations.json").read_text())
    assert [one["metric_name"] for one in document["violations"]] == ["brier"]


def test_small_windows_without_drift_break_no_constraint(tmp_path: Path) -> None:
    baseline = _evaluated(tmp_path / "baseline.parquet")
    _judged(baseline, baseline, "--output", str(tmp_path / "out"))
    ended = [
        _judged(tmp_path / "out" / "statistics.json", _evaluated(tmp_path / "w.parquet", rows=200, seed=seed))
        for seed in range(2, 12)
    ]
    assert [one.code for one in ended] == [0] * 10
    assert any(float(one.stdout.splitlines()[-1].split()[1].rstrip(",")) > 0.1 for one in ended)


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_too_large_are_told_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,answer\n" + "1e300,1\n2,2e300\n3,2.5\n" * 10)
    ended = _judged(tmp_path / "a.csv", tmp_path / "a.csv", "--answers", "regression", "--answer", "answer",
                    "--metric", "mae")  # fmt: skip
    assert (ended.code, ended.stderr) == (0, "")


def test_labels_of_numbers_that_are_none_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,answer\n" + "1,1.5\n2,2\n3,2.5\n" * 4 + "soon,3\nnan,1\ninf,1\n")
    words = ["--answers", "regression", "--answer", "answer"]
    ended = _judged(tmp_path / "a.csv", tmp_path / "a.csv", *words)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("12 answers with their truth\n")
    assert "\nleft out: labels that are no finite number: 2\nleft out: labels that are no number: 1\n" in ended.stdout


@pytest.mark.parametrize("kind", ["model-quality", "bias"])
def test_labels_that_are_neither_class_do_not_count_as_the_other_one(kind: str, tmp_path: Path) -> None:
    table = _decided(tmp_path / "a.parquet", favoured=0.0, rows=1000)
    numbers = pl.read_parquet(table).with_columns(pl.col("label").cast(pl.Int64).cast(pl.String))
    numbers.write_csv(tmp_path / "baseline.csv")
    nans = pl.when(pl.int_range(pl.len()) < 200).then(pl.lit("nan")).otherwise("label")
    numbers.with_columns(label=nans).write_csv(tmp_path / "nan.csv")
    numbers[0, "label"], numbers[1, "label"] = "NA", "yes"
    numbers.write_csv(tmp_path / "odd.csv")
    for name, said in (
        ("nan", "labels that are no finite number: 200"),
        ("odd", "labels that are neither 1 nor 0, such as NA, yes: 2"),
    ):
        ended = plumb(
            "monitor", "--kind", kind, "--baseline", str(tmp_path / "baseline.csv"), "--data",
            str(tmp_path / f"{name}.csv"), "--facet", "carrier", "--facet-value", "AA",
        )  # fmt: skip
        assert ended.code == 0
        assert f"\nleft out: {said}\n" in ended.stdout


def test_rows_without_a_facet_are_in_no_group(tmp_path: Path) -> None:
    baseline = _decided(tmp_path / "baseline.parquet", favoured=0.0, rows=2000)
    whole = pl.read_parquet(baseline)
    blank = pl.when(pl.int_range(pl.len()) < 400).then(pl.lit(None)).otherwise("carrier")
    whole.with_columns(carrier=blank).write_csv(tmp_path / "blank.csv")
    whole.tail(1600).write_csv(tmp_path / "without.csv")
    ended, without = _fair(baseline, tmp_path / "blank.csv"), _fair(baseline, tmp_path / "without.csv")
    assert "\nleft out: rows without a value in carrier: 400\n" in ended.stdout
    assert ended.stdout.splitlines()[-1] == without.stdout.splitlines()[-1]
    assert without.code == ended.code == 0


def test_a_facet_that_is_told_by_a_threshold_leaves_out_what_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,label\n" + "20,1\n30,1\n50,0\n60,1\n" * 50 + "NA,1\nnan,0\n,0\n")
    words = ["--baseline", str(tmp_path / "a.csv"), "--data", str(tmp_path / "a.csv"), "--facet", "age"]
    ended = plumb("monitor", "--kind", "bias", *words, "--facet-above", "40", "--answer", "")
    assert (ended.code, ended.stderr) == (0, "")
    assert "\nleft out: rows without a number in age: 3\n" in ended.stdout


# ------------------------------------------------------------------------------------------------ bias, explainability
def _decided(path: Path, *, favoured: float, seed: int = 1, rows: int = 8000) -> Path:
    """A table in which the carrier AA gets good answers less often by as much as UA is favoured."""
    random = np.random.default_rng(seed)
    carriers = random.choice(["AA", "UA"], size=rows)
    good = random.random(rows) < np.where(carriers == "UA", 0.4 + favoured, 0.4)
    pl.DataFrame({"carrier": carriers, "label": random.random(rows) < 0.4, "probability": good * 0.9}).write_parquet(
        path
    )
    return path


def _fair(baseline: Path, data: Path, *more: str) -> Ended:
    words = ["--baseline", str(baseline), "--data", str(data), "--facet", "carrier", "--facet-value", "AA", *more]
    return plumb("monitor", "--kind", "bias", *words)


def test_answers_as_fair_as_at_the_baseline_break_nothing(tmp_path: Path) -> None:
    baseline = _decided(tmp_path / "baseline.parquet", favoured=0.0)
    ended = _fair(baseline, _decided(tmp_path / "window.parquet", favoured=0.02, seed=2))
    assert (ended.code, ended.stderr) == (0, "")
    assert "\nDifference in Positive Proportions in Predicted Labels (DPPL)" in ended.stdout
    assert ended.stdout.endswith("; no constraint is broken\n")


def test_a_group_that_falls_behind_is_told_by_metric(tmp_path: Path) -> None:
    baseline = _decided(tmp_path / "baseline.parquet", favoured=0.0)
    ended = _fair(baseline, _decided(tmp_path / "window.parquet", favoured=0.3), "--output", str(tmp_path / "out"))
    assert ended.code == 1
    assert "\nDPPL of carrier AA: Value 0." in ended.stdout
    violations = json.loads((tmp_path / "out" / "constraint_violations.json").read_text())["violations"]
    (told,) = [one for one in violations if one["metric_name"] == "DPPL"]
    assert (told["facet"], told["facet_value"], told["constraint_check_type"]) == ("carrier", "AA", "bias_drift_check")
    assert "DPPL of carrier AA" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    again = _fair(tmp_path / "out" / "analysis.json", tmp_path / "window.parquet")
    assert (again.code, again.stdout.splitlines()[-1]) == (0, "deviation 0.000; no constraint is broken")


@pytest.mark.parametrize(
    ("changed", "more", "sentence"),
    [
        ({}, ["--positive", "0"], "is of label label with 1 as the positive one; accepted: label with 0."),
        ({"label": "other"}, [], "is of label other with 1 as the positive one; accepted: label with 1."),
        ({}, ["--facet-value", "B6"], "has no facet carrier AA,B6; it has: carrier AA."),
    ],
)
def test_a_baseline_of_another_label_or_facet_is_refused(
    changed: dict[str, str], more: list[str], sentence: str, tmp_path: Path
) -> None:
    table, path = _decided(tmp_path / "a.parquet", favoured=0.0), tmp_path / "out" / "analysis.json"
    _fair(table, table, "--output", str(path.parent))
    document = json.loads(path.read_text())
    for stage in ("pre_training_bias_metrics", "post_training_bias_metrics"):
        document[stage] |= changed
    path.write_text(json.dumps(document))
    ended = _fair(path, table, *more)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(f"{sentence}\n")
    assert _fair(path, table, "--positive", "true").code == (2 if changed else 0)


def test_metrics_that_one_side_alone_has_are_named(tmp_path: Path) -> None:
    table = _decided(tmp_path / "a.parquet", favoured=0.0)
    grouped = pl.read_parquet(table).with_columns(hub=pl.int_range(pl.len()) % 3)
    grouped.write_parquet(tmp_path / "grouped.parquet")
    baseline = tmp_path / "out" / "analysis.json"
    _fair(tmp_path / "grouped.parquet", table.with_name("grouped.parquet"), "--group", "hub", "--output",
          str(baseline.parent))  # fmt: skip
    ended = _fair(baseline, table)
    assert ended.code == 0
    assert "\nleft out: metrics of the baseline that were not asked for: CDDL, CDDPL: 2\n" in ended.stdout
    _fair(table, table, "--output", str(baseline.parent))
    ended = _fair(baseline, tmp_path / "grouped.parquet", "--group", "hub")
    assert "\nleft out: metrics that the baseline does not have: CDDL, CDDPL: 2\n" in ended.stdout


def test_metrics_of_bias_without_a_value_are_named(tmp_path: Path) -> None:
    table = _decided(tmp_path / "a.parquet", favoured=0.0)
    refused = pl.read_parquet(table).with_columns(probability=pl.lit(0.1))
    refused.write_parquet(tmp_path / "refused.parquet")
    ended = _fair(table, tmp_path / "refused.parquet")
    assert "\nleft out: metrics without a value in the window: DI, DCA, DAR, TE: 4\n" in ended.stdout
    ended = _fair(tmp_path / "refused.parquet", table)
    assert "\nleft out: metrics without a value at the baseline: DI, DCA, DAR, TE: 4\n" in ended.stdout


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--facet-above", "3"], "facet carrier is told by its values or by a threshold; accepted: one of the two."),
        (["--answer", "score"], "has no column score; it has: carrier, label, probability."),
        (["--facet", ""], "no facet is given; accepted: --facet, with --facet-value or --facet-above."),
        (
            ["--facet-value", "ZZ", "--positive", "7"],
            "no rows are with the positive label; the first values there are: 0, 1.",
        ),
        (["--positive", "yes"], "no rows are with the positive label; the first values there are: 0, 1."),
        (["--answer", "carrier"], "no row has label, carrier (8000 answers that are no probability, from 0 to 1)."),
    ],
)
def test_bias_that_nobody_can_measure_is_refused(more: list[str], sentence: str, tmp_path: Path) -> None:
    baseline = _decided(tmp_path / "baseline.parquet", favoured=0.0)
    ended = _fair(baseline, baseline, *more)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(f"{sentence}\n")


def test_labels_alone_are_measured_before_there_is_a_model(tmp_path: Path) -> None:
    pl.DataFrame({"age": [20, 30, 50, 60] * 50, "label": [1, 1, 0, 1] * 50}).write_csv(tmp_path / "a.csv")
    words = ["--baseline", str(tmp_path / "a.csv"), "--data", str(tmp_path / "a.csv")]
    ended = plumb("monitor", "--kind", "bias", *words, "--facet", "age", "--facet-above", "40", "--answer", "")
    assert (ended.code, ended.stderr) == (0, "")
    assert "(DPL)" in ended.stdout
    assert "DPPL" not in ended.stdout


def _explained(path: Path, hour: float, carrier: float) -> Path:
    random = np.random.default_rng(1)
    columns = {"hour": random.normal(size=500) * hour, "carrier": random.normal(size=500) * carrier}
    pl.DataFrame(columns | {"temp": [0.01] * 500}).write_parquet(path)
    return path


def _reasons(baseline: Path, data: Path, *more: str) -> Ended:
    return plumb("monitor", "--kind", "explainability", "--baseline", str(baseline), "--data", str(data), *more)


def test_answers_for_the_same_reasons_break_nothing(tmp_path: Path) -> None:
    baseline = _explained(tmp_path / "baseline.parquet", 3, 1)
    ended = _reasons(baseline, _explained(tmp_path / "window.parquet", 6, 2), "--output", str(tmp_path / "out"))
    assert (ended.code, ended.stderr) == (0, "")
    assert [line.split()[0] for line in ended.stdout.splitlines()[:4]] == ["feature", "hour", "carrier", "temp"]
    assert ended.stdout.endswith("\ndeviation 0.000; no constraint is broken\n")
    assert '<h2 id="explainability">' in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert _reasons(tmp_path / "out" / "analysis.json", baseline).code == 0


def test_answers_for_other_reasons_are_told(tmp_path: Path) -> None:
    baseline = _explained(tmp_path / "baseline.parquet", 9, 1)
    ended = _reasons(baseline, _explained(tmp_path / "window.parquet", 1, 9))
    assert ended.code == 1
    assert "\nfeature_attribution_drift_check: NDCG 0." in ended.stdout


def test_a_window_that_owes_nothing_to_any_feature_is_refused(tmp_path: Path) -> None:
    baseline = _explained(tmp_path / "baseline.parquet", 9, 1)
    pl.read_parquet(baseline).select(pl.all() * 0.0).write_parquet(tmp_path / "a.parquet")
    ended = _reasons(baseline, tmp_path / "a.parquet")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith("the window has no attribution above 0; accepted: at least one.\n")


def test_values_that_are_no_shap_values_are_refused(tmp_path: Path) -> None:
    baseline = _explained(tmp_path / "baseline.parquet", 9, 1)
    pl.DataFrame({"hour": ["late"]}).write_csv(tmp_path / "a.csv")
    ended = _reasons(baseline, tmp_path / "a.csv")
    assert ended.code == 2
    assert ended.stderr.endswith("column hour holds no numbers; accepted: a column of SHAP values for each feature.\n")


def test_a_value_of_csv_that_is_no_number_leaves_its_row_out(tmp_path: Path) -> None:
    baseline = _explained(tmp_path / "baseline.parquet", 9, 1)
    whole = pl.read_parquet(baseline).with_columns(pl.all().cast(pl.String))
    whole[0, "hour"], whole[1, "hour"], whole[2, "temp"] = "NA", "nan", None
    whole.write_csv(tmp_path / "a.csv")
    ended = _reasons(baseline, tmp_path / "a.csv")
    assert (ended.code, ended.stderr) == (0, "")
    assert "\nleft out: rows with a value that is no finite number in hour, temp: 3\n" in ended.stdout


def test_features_that_one_side_alone_has_are_named_and_none_in_common_is_refused(tmp_path: Path) -> None:
    baseline = _explained(tmp_path / "baseline.parquet", 9, 1)
    pl.read_parquet(baseline).rename({"carrier": "wind"}).write_parquet(tmp_path / "a.parquet")
    ended = _reasons(baseline, tmp_path / "a.parquet")
    assert (
        "\nleft out: features that the window does not have: carrier: 1\n"
        "left out: features that the baseline does not have: wind: 1\n"
    ) in ended.stdout
    pl.DataFrame({"x": [1.0], "y": [2.0]}).write_parquet(tmp_path / "b.parquet")
    ended = _reasons(baseline, tmp_path / "b.parquet")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith(
        "the window has no feature of the baseline; it has x, y; accepted: hour, carrier, temp.\n"
    )


def test_a_facet_that_no_row_has_is_refused_with_what_there_is(tmp_path: Path) -> None:
    table = _decided(tmp_path / "a.parquet", favoured=0.0)
    words = ["--baseline", str(table), "--data", str(table), "--facet", "carrier", "--facet-value", "ZZ"]
    ended = plumb("monitor", "--kind", "bias", *words)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith("no rows are of the facet; the first values there are: AA, UA.\n")


def test_a_column_of_codes_that_partly_read_as_numbers_is_like_itself(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code\n" + "1\n2\nA\nB\n" * 200)
    ended = _monitored(tmp_path / "a.csv", tmp_path / "a.csv")
    assert (ended.code, ended.stdout.splitlines()[-1]) == (
        0,
        "deviation 0.000, the most of code; no constraint is broken",
    )


def test_texts_that_read_as_no_number_are_texts_as_at_their_baseline(tmp_path: Path) -> None:
    codes = ["a", "b", "nan", "inf"] * 50
    (tmp_path / "a.csv").write_text("code,n\n" + "".join(f"{code},{n}\n" for n, code in enumerate(codes)))
    ended = _monitored(tmp_path / "a.csv", tmp_path / "a.csv")
    assert (ended.code, ended.stdout.splitlines()[-1].partition("; ")[2]) == (0, "no constraint is broken")


def test_brackets_in_the_name_of_a_column_are_shown(tmp_path: Path) -> None:
    pl.DataFrame({"rate [/min]": [1, 2], "delay [min]": [3, 4]}).write_parquet(tmp_path / "a.parquet")
    ended = _monitored(tmp_path / "a.parquet", tmp_path / "a.parquet")
    assert ended.code == 0
    assert "rate [/min]" in ended.stdout and "delay [min]" in ended.stdout


def test_what_could_not_be_read_of_the_baseline_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": \n')
    WINDOW.write_parquet(tmp_path / "b.parquet")
    ended = _monitored(tmp_path / "a.jsonl", tmp_path / "a.jsonl")
    said = "lines that are no JSON: 1, first in a.jsonl\n"
    assert f"\nleft out of the baseline: {said}left out: {said}" in ended.stdout


def test_a_path_that_is_too_long_is_refused_in_a_sentence(baseline: Path) -> None:
    ended = _monitored(baseline, Path("a" * 300))
    assert ended.code == 2
    assert ended.stderr.endswith(": File name too long.\n")


@pytest.mark.parametrize("value", ["NaN", "1" + "0" * 400])
def test_a_baseline_without_a_finite_number_is_refused(value: str, tmp_path: Path) -> None:
    table = _evaluated(tmp_path / "a.parquet", rows=200)
    metrics = f'{{"average_precision": {{"value": {value}}}, "log_loss": {{"value": 0.5}}}}'
    (tmp_path / "statistics.json").write_text(f'{{"binary_classification_metrics": {metrics}}}')
    ended = _judged(tmp_path / "statistics.json", table)
    assert ended.code == 2
    assert ended.stderr.endswith("statistics.json has no finite number for average_precision.\n")
