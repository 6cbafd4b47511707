"""A training run with labelled windows: what is held out, what is trained on, what is judged on, what is refused."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_definitions.flight_delays.evaluate import FEWEST_ROWS, HeldOut, accepted_on
from pipeline_definitions.flight_delays.features import date
from pipeline_definitions.flight_delays.prepare import FEWEST_DAYS, held_out
from runtime.errors import JobError
from runtime.layout import Layout

Windows = Mapping[str, pl.DataFrame]
Report = dict[str, Any]


class Jobs(Protocol):
    def prepare(self, raw: Path, *, name: str = ..., windows: Windows = ...) -> Path: ...

    def check(self, prepared: Path, *, name: str, baselines: Path, windows: Windows) -> list[dict[str, str]]: ...

    def train(self, train: Path, *, name: str) -> Path: ...

    def archived(self, model: Path) -> Path: ...

    def container(self, name: str) -> Layout: ...

    def evaluate(self, archive: Path, prepared: Path, *, name: str, champion: Path | None = ...) -> Report: ...


def table(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "part-00000.parquet")


def became(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "newest" / "windows.json").read_text())
    return found


@pytest.fixture(scope="session")
def with_windows(jobs: Jobs, raw: Path, april: Windows) -> Path:
    return jobs.prepare(raw, name="prepare-windows", windows=april)


@pytest.fixture(scope="session")
def challenger(jobs: Jobs, with_windows: Path) -> Path:
    return jobs.train(with_windows / "train", name="train-windows")


@pytest.fixture(scope="session")
def report(jobs: Jobs, challenger: Path, archive: Path, with_windows: Path) -> Report:
    return jobs.evaluate(challenger, with_windows, name="evaluate-windows", champion=archive)


@pytest.fixture(scope="session")
def baselines(jobs: Jobs, archive: Path, prepared: Path) -> Path:
    """Those of the champion, which was trained on the dataset alone."""
    jobs.evaluate(archive, prepared, name="evaluate-champion-of-windows")
    return jobs.container("evaluate-champion-of-windows").processing_output("evaluation") / "baselines"


# ------------------------------------------------------------------------------------------------ preparing
def test_as_many_of_the_newest_windows_as_make_eight_days_are_held_out(with_windows: Path, april: Windows) -> None:
    names = list(april)
    assert became(with_windows) == {
        "held_out": names[4:],
        "trained_on": names[:4],
        "days": FEWEST_DAYS,
        "left_out": {},
        "said": "labelled windows: 8 held out, of 8 days; 4 trained on",
    }
    newest = table(with_windows / "newest")
    assert newest["day"].unique().sort().to_list() == list(range(5, 13))
    assert newest.height == sum(april[name].height for name in names[4:])


def test_the_older_windows_are_trained_on_after_the_dataset(with_windows: Path, prepared: Path, april: Windows) -> None:
    train, before = table(with_windows / "train"), table(prepared / "train")
    assert train.head(before.height).equals(before)
    rest = train.tail(train.height - before.height)
    assert (rest["month"].unique().to_list(), rest["day"].unique().sort().to_list()) == ([4], [1, 2, 3, 4])
    assert rest.height == sum(april[name].height for name in list(april)[:4])
    assert rest["late"].sum() == sum(int(april[name]["late"].sum()) for name in list(april)[:4])


def test_all_tables_are_in_the_order_of_time_whatever_the_order_in_a_window(
    jobs: Jobs, raw: Path, april: Windows
) -> None:
    turned = {name: rows.reverse() for name, rows in april.items()}
    out = jobs.prepare(raw, name="prepare-turned", windows=turned)
    for part in ("train", "newest"):
        times = table(out / part).select(pl.struct("month", "day", "sched_dep_time").rank("dense")).to_series()
        assert times.is_sorted()


def test_the_old_test_rows_stay_what_they_were(with_windows: Path, prepared: Path) -> None:
    assert table(with_windows / "test").equals(table(prepared / "test"))


def test_newest_rows_look_like_training_rows(with_windows: Path) -> None:
    assert table(with_windows / "newest").schema == table(with_windows / "train").schema


def test_without_windows_there_is_a_file_that_says_so(prepared: Path) -> None:
    assert [path.name for path in (prepared / "newest").iterdir()] == ["windows.json"]
    assert became(prepared)["said"] == "labelled windows: none"


def test_too_few_days_are_all_trained_on(jobs: Jobs, raw: Path, prepared: Path, april: Windows) -> None:
    few = dict(list(april.items())[-7:])
    out = jobs.prepare(raw, name="prepare-few", windows=few)
    assert [path.name for path in (out / "newest").iterdir()] == ["windows.json"]
    assert became(out)["trained_on"] == list(few)
    assert "none held out, since all of them have 7 days of departures" in became(out)["said"]
    added = sum(rows.height for rows in few.values())
    assert table(out / "train").height == table(prepared / "train").height + added


@given(
    days=st.lists(st.sets(st.integers(0, 20), max_size=6), max_size=20).map(
        lambda windows: {f"{number:03}": days for number, days in enumerate(windows)}
    )
)
def test_what_is_held_out_is_the_least_that_can_be_judged(days: dict[str, set[int]]) -> None:
    result = held_out(days)
    assert [*result.trained_on, *result.held_out] == list(days)
    newest = set().union(*(days[name] for name in result.held_out))
    if result.held_out:
        assert result.days == len(newest) >= FEWEST_DAYS
        assert len(set().union(*(days[name] for name in result.held_out[1:]))) < FEWEST_DAYS
    else:
        assert len(set().union(*days.values())) < FEWEST_DAYS


LAST = "20130412T0000Z"
UNREADABLE: Mapping[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "another type": (
        lambda rows: rows.with_columns(pl.col("distance").cast(pl.String)),
        "column distance is of type String; accepted: Float64",
    ),
    "a column too few": (lambda rows: rows.drop("carrier"), "column carrier is missing; accepted: String"),
    "a number that is none": (
        lambda rows: rows.with_columns(pl.lit(float("inf")).alias("temp")),
        "column temp: .* rows have something else than a number from -150 to 150, the first 'inf'",
    ),
    "a number beyond the limits": (
        lambda rows: rows.with_columns(pl.lit(9999, pl.Int64).alias("sched_dep_time")),
        "column sched_dep_time: .* rows have something else than a whole number from 0 to 2359, the first '9999'",
    ),
    "a text of no length": (
        lambda rows: rows.with_columns(pl.lit("").alias("carrier")),
        "column carrier: .* rows have something else than a text of 1 to 64 characters, the first ''",
    ),
    "a number missing": (
        lambda rows: rows.with_columns(pl.lit(None, pl.Float64).alias("distance")),
        "column distance: .* flights have none",
    ),
    "no label": (lambda rows: rows.drop("late"), "column late is missing; accepted: 0 or 1"),
    "labels in words": (lambda rows: rows.with_columns(pl.lit("yes").alias("late")), "late is of type String"),
    "labels that are none": (
        lambda rows: rows.with_columns(pl.lit(7, pl.Int8).alias("late")),
        "rows have no late of 0 or 1",
    ),
    "labels that are missing": (
        lambda rows: rows.with_columns(pl.lit(None, pl.Int8).alias("late")),
        "rows have no late of 0 or 1",
    ),
    "no such day": (lambda rows: rows.with_columns(pl.lit(31, pl.Int64).alias("day")), "rows have no day of departure"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_window_that_cannot_be_taken_is_named(jobs: Jobs, raw: Path, april: Windows, name: str) -> None:
    corrupt, sentence = UNREADABLE[name]
    windows = {**april, LAST: corrupt(april[LAST])}
    with pytest.raises(JobError, match=f"^rejected: labelled window {LAST}: .*{sentence}"):
        jobs.prepare(raw, name=f"prepare-{name.replace(' ', '-')}", windows=windows)


def _moved(rows: pl.DataFrame, *, days: int) -> pl.DataFrame:
    moved = (date() + pl.duration(days=days)).dt
    return rows.with_columns(
        moved.year().cast(pl.Int64).alias("year"),
        moved.month().cast(pl.Int64).alias("month"),
        moved.day().cast(pl.Int64).alias("day"),
    )


def _flights(folder: Path) -> pl.DataFrame:
    return table(folder).select("month", "day", "sched_dep_time", "carrier", "origin", "dest", "temp")


def test_no_flight_of_the_dataset_is_trained_on_or_judged_on_twice(
    jobs: Jobs, raw: Path, prepared: Path, april: Windows
) -> None:
    late_march = {name: _moved(rows, days=-20) for name, rows in april.items()}
    out = jobs.prepare(raw, name="prepare-covered", windows=late_march)
    said = became(out)
    assert (said["held_out"], said["trained_on"]) == ([], [])
    assert said["left_out"] == {name: rows.height for name, rows in late_march.items()}
    for part in ("train", "test"):
        assert table(out / part).equals(table(prepared / part))
    assert [path.name for path in (out / "newest").iterdir()] == ["windows.json"]


def test_of_a_window_that_goes_beyond_the_dataset_the_rest_counts(
    jobs: Jobs, raw: Path, prepared: Path, april: Windows
) -> None:
    # The last four days of March, and eight of April.
    out = jobs.prepare(raw, name="prepare-beyond", windows={n: _moved(rows, days=-4) for n, rows in april.items()})
    names = list(april)
    said = became(out)
    assert (said["held_out"], list(said["left_out"]), said["days"]) == (names[4:], names[:4], FEWEST_DAYS)
    assert table(out / "newest")["month"].unique().to_list() == [4]
    assert table(out / "train").equals(table(prepared / "train"))


def test_days_that_are_held_out_are_judged_on_and_not_trained_on(jobs: Jobs, raw: Path, april: Windows) -> None:
    # As when windows were days and are weeks now, or flights are asked about on two days, under other ids.
    names = list(april)
    asked_again = pl.concat([april[name] for name in names[4:]]).with_columns(inference_id=pl.lit("another"))
    both = {**april, "20130413T0000Z": asked_again}
    out = jobs.prepare(raw, name="prepare-both", windows=both)
    said = became(out)
    assert (said["held_out"], said["trained_on"]) == (["20130413T0000Z"], names[:4])
    assert said["left_out"] == {name: april[name].height for name in names[4:]}
    assert set(_flights(out / "train").iter_rows()).isdisjoint(_flights(out / "newest").iter_rows())


# ------------------------------------------------------------------------------------------------ checking
def test_april_may_train_by_the_champions_baseline(
    jobs: Jobs, with_windows: Path, baselines: Path, april: Windows
) -> None:
    assert jobs.check(with_windows, name="check", baselines=baselines, windows=april) == []


NEW = pl.when(pl.int_range(pl.len()) % 10 < 3).then(pl.lit("ZZ")).otherwise("carrier").alias("carrier")
CORRUPTIONS: Mapping[str, tuple[pl.Expr, str]] = {
    "type": (pl.lit("far").alias("distance"), "distance: data_type_check: 100.00% of the values are not Integral"),
    "nulls": (pl.lit(None, pl.Float64).alias("distance"), "distance: completeness_check: 0.00% of the rows"),
    "weather": (pl.lit(None, pl.Float64).alias("temp"), "temp: completeness_check: none of "),
    "negative": (-pl.col("distance"), "distance: non_negative_check: the smallest value is -"),
    "carriers": (NEW, "carrier: categorical_values_check: 3"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_broken_window_is_rejected_before_anything_trains(
    jobs: Jobs, with_windows: Path, baselines: Path, april: Windows, name: str
) -> None:
    corruption, sentence = CORRUPTIONS[name]
    windows = {**april, LAST: april[LAST].with_columns(corruption)}
    with pytest.raises(JobError) as rejected:
        jobs.check(with_windows, name=f"check-{name}", baselines=baselines, windows=windows)
    assert str(rejected.value).startswith(f"rejected: labelled window {LAST}, {sentence}")


# ------------------------------------------------------------------------------------------------ judging
def test_a_challenger_is_judged_on_the_newest_rows_and_on_the_old(report: Report, with_windows: Path) -> None:
    newest, old = table(with_windows / "newest"), table(with_windows / "test")
    assert (report["judged_on"], report["bootstrap"]["days"], report["old"]["bootstrap"]["days"]) == ("newest", 8, 16)
    assert (report["sizes"]["newest"], report["sizes"]["test"]) == (newest.height, old.height)
    assert report["metrics"]["challenger"] != report["old"]["metrics"]["challenger"]
    assert report["labelled"] == became(with_windows)


def test_the_gate_has_the_bounds_of_both(report: Report) -> None:
    gate = report["gate"]
    for metric in ("average_precision", "log_loss"):
        newest, old = (
            {name: found[metric]["lower"] for name, found in gains.items()}
            for gains in (report["gains"], report["old"]["gains"])
        )
        assert gate[f"{metric}_gain_lower"] == min(newest.values())
        assert gate[f"{metric}_worst_reference"] == min(newest, key=lambda name: newest[name])
        assert gate[f"{metric}_kept_lower"] == old["champion"]


def test_a_model_that_forgets_the_old_is_seen_to(jobs: Jobs, archive: Path, with_windows: Path, tmp_path: Path) -> None:
    """It has learned of a few rows alone, whose labels say nothing."""
    newest = table(with_windows / "newest").with_columns(pl.col("late").shuffle(seed=1))
    folder = tmp_path / "train"
    folder.mkdir()
    newest.write_parquet(folder / "part-00000.parquet")
    forgetful = jobs.train(folder, name="train-forgetful")
    gate = jobs.evaluate(forgetful, with_windows, name="evaluate-forgetful", champion=archive)["gate"]
    assert gate["average_precision_kept_lower"] < -0.02
    assert gate["log_loss_kept_lower"] < -0.02


def test_without_a_champion_there_is_nothing_to_lose(jobs: Jobs, challenger: Path, with_windows: Path) -> None:
    gate = jobs.evaluate(challenger, with_windows, name="evaluate-first")["gate"]
    assert (gate["average_precision_kept_lower"], gate["log_loss_kept_lower"]) == (0.0, 0.0)


def test_without_newest_rows_a_challenger_is_judged_on_the_old(jobs: Jobs, archive: Path, prepared: Path) -> None:
    report = jobs.evaluate(archive, prepared, name="evaluate-without", champion=archive)
    assert (report["judged_on"], report["bootstrap"]["days"]) == ("old", 16)
    assert "old" not in report
    assert report["gate"]["log_loss_kept_lower"] == report["gains"]["champion"]["log_loss"]["lower"]


def test_the_sample_is_of_the_rows_judged_on(jobs: Jobs, report: Report) -> None:
    assert report
    path = jobs.container("evaluate-windows").processing_output("evaluation") / "sample.jsonl"
    assert {json.loads(line)["row"]["month"] for line in path.read_text().splitlines()} == {4}


def test_baselines_are_of_the_newest_rows(jobs: Jobs, report: Report, with_windows: Path) -> None:
    newest = table(with_windows / "newest")
    assert newest.height >= FEWEST_ROWS
    assert report
    folder = jobs.container("evaluate-windows").processing_output("evaluation") / "baselines"
    statistics = json.loads((folder / "data-quality" / "statistics.json").read_text())
    assert statistics["dataset"]["item_count"] == newest.height
    (month,) = (one for one in statistics["features"] if one["name"] == "month")
    assert (month["numerical_statistics"]["min"], month["numerical_statistics"]["max"]) == (4, 4)


@pytest.mark.parametrize(
    ("rows", "on"), [(None, "old"), (FEWEST_ROWS - 1, "old"), (FEWEST_ROWS, "newest"), (5 * FEWEST_ROWS, "newest")]
)
def test_the_rows_that_a_version_was_accepted_on_are_its_baseline(rows: int | None, on: str) -> None:
    def judged(name: str, height: int) -> HeldOut:
        known = pl.DataFrame({"x": [0.0] * height})
        column = known["x"].to_numpy()
        return HeldOut(
            name=name, known=known, labels=column, days=column.astype("int64"), predictions={"challenger": column}
        )

    train = pl.DataFrame({"x": [1.0]})
    held = {"old": judged("old", 10)} | ({"newest": judged("newest", rows)} if rows else {})
    scored, inputs = accepted_on(held, train=train)
    assert scored.name == on
    assert inputs.equals(train if on == "old" else held["newest"].known)
