"""`plumb monitor`, as a person calls it on files."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from tests.plumbline.cli.calling import Ended, plumb

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
        "constraint_violations.json", "constraints.json", "statistics.json",
    ]  # fmt: skip
    assert json.loads((tmp_path / "out" / "constraint_violations.json").read_text()) == {"violations": []}
    second = _monitored(tmp_path / "out" / "statistics.json", baseline)
    assert (first.code, second.code, first.stdout) == (0, 0, second.stdout)


def test_a_folder_is_one_window_and_what_cannot_be_read_is_said(baseline: Path, tmp_path: Path) -> None:
    window = tmp_path / "window"
    window.mkdir()
    WINDOW.head(480).write_ndjson(window / "1.jsonl")
    lines = "".join(f"{json.dumps(row)}\n" for row in WINDOW.tail(480).iter_rows(named=True))
    (window / "2.jsonl.gz").write_bytes(gzip.compress((lines + '{"hour": 1').encode()))
    ended = _monitored(baseline, window)
    assert (ended.code, ended.stdout.splitlines()[0]) == (0, "960 rows against 960")
    assert "\nnot read: 1 lines that are no JSON\n" in ended.stdout


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "window.csv: there is no such file or folder."),
        (
            "",
            "window.csv holds no row (1 files without a row); accepted: .parquet, .csv, .jsonl, .json, .ndjson, also with .gz.",  # noqa: E501,
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
