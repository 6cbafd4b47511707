"""Which data may train a model, and which is rejected with what is wrong with it."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime import verbs
from runtime.errors import JobError
from runtime.layout import Layout
from runtime.monitoring.checks import checks_of
from runtime.monitoring.constraints import comparing, suggested
from runtime.monitoring.data_check import Baseline, Subject
from runtime.monitoring.statistics import statistics_of
from runtime.monitoring.tables import summarized
from tests.runtime.labelled import bring

INPUTS = ["carrier", "distance", "hour", "temp", "gust"]
CHECKS = {
    "answers": "binary",
    "answer": "probability",
    "label": "late",
    "data_quality": {"features": ["carrier", "distance", "hour"]},
}
ROWS, WINDOW = 4000, "20130501T0000Z"


def flights(rows: int, *, seed: int) -> pl.DataFrame:
    """Inputs and label: the temperature is missing in a row of fifty, and the gust in two of three."""
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "carrier": draw.choice(["UA", "AA", "B6", "DL"], rows).tolist(),
            "distance": draw.uniform(100, 2500, rows),
            "hour": draw.integers(5, 24, rows),
            "temp": draw.normal(40, 15, rows),
            "gust": draw.uniform(10, 50, rows),
            "late": draw.random(rows) < 0.25,
        }
    ).with_columns(
        pl.when(pl.Series(draw.random(rows) < 0.98)).then("temp").alias("temp"),
        pl.when(pl.Series(draw.random(rows) < 0.33)).then("gust").alias("gust"),
    )


def window(rows: int = 900, *, seed: int = 5) -> pl.DataFrame:
    """As production writes it: with the answer, the request's id and the label as a number."""
    return flights(rows, seed=seed).with_columns(
        pl.col("late").cast(pl.Int8), pl.lit(0.25).alias("probability"), pl.lit("id").alias("inference_id")
    )


@pytest.fixture(scope="session")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of baselines."""
    folder = tmp_path_factory.mktemp("baselines")
    rows = tmp_path_factory.mktemp("rows") / "rows.parquet"
    flights(ROWS, seed=1).select(INPUTS).write_parquet(rows)
    statistics = statistics_of(summarized([rows]))
    (folder / "data-quality").mkdir()
    (folder / "data-quality" / "statistics.json").write_text(statistics.text())
    constraints = comparing(suggested(statistics), ["carrier", "distance", "hour"])
    (folder / "data-quality" / "constraints.json").write_text(constraints.text())
    (folder / "checks.json").write_text(checks_of(json.dumps(CHECKS)).text())
    return folder


class Checked:
    """Runs the job in a container of its own.

    Args:
        layout: The container.
        baseline: The folder of baselines; None stands for no champion.
    """

    def __init__(self, layout: Layout, baseline: Path | None) -> None:
        self._layout = layout
        self.baseline = baseline

    def __call__(
        self,
        windows: Mapping[str, pl.DataFrame],
        *,
        train: pl.DataFrame | None = None,
        inputs: list[str] = INPUTS,
    ) -> list[dict[str, str]]:
        """Returns the violations that it wrote.

        Raises:
            JobError: As the job.
        """
        identifier = bring(self._layout.processing_input("labelled"), windows)
        prepared, baseline = self._layout.processing_input("train"), self._layout.processing_input("baseline")
        prepared.mkdir()
        rows = flights(ROWS, seed=2) if train is None else train
        rows.with_columns(pl.lit(1.0).alias("feature.hour")).write_parquet(prepared / "part-00000.parquet")
        if self.baseline is None:
            baseline.mkdir()
            (baseline / "none.json").write_text("{}")
        else:
            baseline.symlink_to(self.baseline)
        named = json.dumps(inputs)
        arguments = ["--labelled-id", identifier, "--inputs-1", named[:20], "--inputs-2", named[20:]]
        verbs.check(layout=self._layout, arguments=arguments)
        return self.violations

    @property
    def violations(self) -> list[dict[str, str]]:
        """What it wrote down."""
        path = self._layout.processing_output("check") / "constraint_violations.json"
        found: list[dict[str, str]] = json.loads(path.read_text())["violations"]
        return found

    def rejection(self, windows: Mapping[str, pl.DataFrame], *, train: pl.DataFrame | None = None) -> str:
        """The sentence with which it rejects."""
        with pytest.raises(JobError) as rejected:
            self(windows, train=train)
        return str(rejected.value)


@pytest.fixture
def checked(tmp_path: Path, accepted: Path) -> Checked:
    return Checked(Layout(base=tmp_path / "ml"), accepted)


def test_data_like_the_champions_may_train(checked: Checked) -> None:
    assert checked({WINDOW: window(), "20130502T0000Z": window(seed=6)}) == []


def test_drift_is_what_one_trains_anew_for(checked: Checked) -> None:
    drifted = window().with_columns(pl.col("distance") * 3, pl.lit("UA").alias("carrier"))
    assert checked({WINDOW: drifted}) == []


def test_without_a_champion_everything_may_train_and_the_log_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Checked(Layout(base=tmp_path / "ml"), None)({}, train=flights(50, seed=3).drop("carrier")) == []
    assert "the data is compared with nothing" in capsys.readouterr().out


def test_inputs_are_held_to_the_baseline_whether_or_not_production_watches_them(tmp_path: Path, accepted: Path) -> None:
    shutil.copytree(accepted, tmp_path / "baselines")
    without = {name: value for name, value in CHECKS.items() if name != "data_quality"}
    (tmp_path / "baselines" / "checks.json").write_text(json.dumps(without))
    cold = window().with_columns(temp=pl.lit(None, pl.Float64))
    rejected = Checked(Layout(base=tmp_path / "rejected"), tmp_path / "baselines").rejection({WINDOW: cold})
    assert rejected.startswith(f"rejected: labelled window {WINDOW}, temp: completeness_check")
    assert Checked(Layout(base=tmp_path / "taken"), tmp_path / "baselines")({WINDOW: window()}) == []


def test_a_champion_of_before_inputs_were_always_measured_is_none_to_compare_with(tmp_path: Path) -> None:
    (tmp_path / "baselines").mkdir()
    without = {name: value for name, value in CHECKS.items() if name != "data_quality"}
    (tmp_path / "baselines" / "checks.json").write_text(json.dumps(without))
    assert Checked(Layout(base=tmp_path / "ml"), tmp_path / "baselines")({}, train=flights(50, seed=3)) == []


def test_a_folder_that_is_neither_champion_nor_none_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "baselines").mkdir()
    with pytest.raises(JobError, match=r"checks\.json cannot be read"):
        Checked(Layout(base=tmp_path / "ml"), tmp_path / "baselines")({})


UNKNOWN = pl.when(pl.int_range(pl.len()) % 10 < 3).then(pl.lit("ZZ")).otherwise("carrier").alias("carrier")
CORRUPTIONS: Mapping[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "another type": (
        lambda rows: rows.with_columns(pl.format("{} miles", "distance").alias("distance")),
        "distance: data_type_check: 100.00% of the values are not Fractional",
    ),
    "another type of an input that does not count": (
        lambda rows: rows.with_columns(pl.lit("mild").alias("temp")),
        "temp: data_type_check: 100.00% of the values are not Fractional",
    ),
    "nulls": (
        lambda rows: rows.with_columns(pl.lit(None, pl.Float64).alias("distance")),
        "distance: completeness_check: 0.00% of the rows have a value (900 have none), which is less than 100.00%",
    ),
    "some nulls": (
        lambda rows: rows.with_columns(pl.when(pl.col("hour") < 20).then("hour").alias("hour")),
        "hour: completeness_check:",
    ),
    "nulls of an input that does not count": (
        lambda rows: rows.with_columns(pl.lit(None, pl.Float64).alias("temp")),
        "temp: completeness_check: none of 900 rows has a value; of the baseline's 9",
    ),
    "below zero": (
        lambda rows: rows.with_columns(-pl.col("distance")),
        "distance: non_negative_check: the smallest value is -2",
    ),
    "unknown carriers": (
        lambda rows: rows.with_columns(UNKNOWN),
        "carrier: categorical_values_check: 30.00% of the values are new ('ZZ'), which exceeds the threshold of 10.00%",
    ),
    "a column too few": (lambda rows: rows.drop("hour"), "hour: missing_column_check: none of 900 rows has the column"),
    "a column too many": (
        lambda rows: rows.with_columns(pl.lit(1).alias("gate")),
        "gate: extra_column_check: the baseline has no such column",
    ),
    "no label": (lambda rows: rows.drop("late"), "late: missing_column_check: none of 900 rows has the column"),
    "labels that are none": (
        lambda rows: rows.with_columns(pl.when(pl.int_range(pl.len()) == 7).then(2).otherwise("late").alias("late")),
        "late: categorical_values_check: 1 of 900 labels are none (2); accepted: 0 or 1",
    ),
    "labels in words": (
        lambda rows: rows.with_columns(pl.lit("yes").alias("late")),
        "late: categorical_values_check: 900 of 900 labels are none (yes); accepted: 0 or 1",
    ),
    "labels that are missing": (
        lambda rows: rows.with_columns(pl.when(pl.int_range(pl.len()) >= 3).then("late").alias("late")),
        "late: completeness_check: 3 of 900 rows have no label",
    ),
    "no rows": (lambda rows: rows.clear(), "completeness_check: there are no rows"),
    "no input at all": (lambda rows: rows.select("late"), "carrier: missing_column_check"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_broken_window_is_rejected_with_window_column_rule_and_extent(checked: Checked, name: str) -> None:
    corrupt, sentence = CORRUPTIONS[name]
    said = checked.rejection({"20130430T0000Z": window(seed=7), WINDOW: corrupt(window())})
    assert said.startswith(f"rejected: labelled window {WINDOW}"), said
    assert sentence in said
    assert "20130430T0000Z" not in said
    assert {one["data"] for one in checked.violations} == {f"labelled window {WINDOW}"}


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "a column too many"])
def test_a_broken_dataset_is_rejected(checked: Checked, name: str) -> None:
    corrupt, _ = CORRUPTIONS[name]
    said = checked.rejection({}, train=corrupt(window()).drop("probability", "inference_id", strict=False))
    assert said.startswith("rejected: the dataset")


def test_what_is_out_of_season_is_not_broken(checked: Checked) -> None:
    """No gusts for a day, and the winter's first frost."""
    calm = window().with_columns(pl.lit(None, pl.Float64).alias("gust"), pl.col("temp") - 60)
    assert checked({WINDOW: calm}) == []


def test_that_a_text_is_long_is_no_fault(checked: Checked) -> None:
    """It is one that there are texts where numbers were."""
    said = checked.rejection({}, train=flights(ROWS, seed=2).with_columns(pl.lit("words " * 1000).alias("gust")))
    assert said.count("data_type_check") == 1


def test_a_few_rows_without_a_value_are_not_broken(checked: Checked) -> None:
    few = window(3).with_columns(pl.lit(None, pl.Float64).alias("temp"))
    assert checked({WINDOW: few}) == []


def test_a_new_input_is_not_held_against_the_data(checked: Checked, capsys: pytest.CaptureFixture[str]) -> None:
    seats = pl.lit(150).alias("seats")
    train = flights(ROWS, seed=2).with_columns(seats)
    assert checked({WINDOW: window().with_columns(seats)}, train=train, inputs=[*INPUTS, "seats"]) == []
    assert "new inputs, which the baseline does not have: seats" in capsys.readouterr().out


def test_an_input_that_is_given_up_is_not_missed(checked: Checked) -> None:
    train = flights(ROWS, seed=2).drop("gust")
    assert checked({}, train=train, inputs=[name for name in INPUTS if name != "gust"]) == []


def test_all_that_is_wrong_is_told_as_far_as_there_is_room(checked: Checked) -> None:
    names = [f"201305{day:02}T0000Z" for day in range(1, 21)]
    said = checked.rejection(dict.fromkeys(names, window().drop("hour", "carrier")))
    assert len(said.encode()) <= 1000
    told, left = (
        said.count("missing_column_check"),
        re.search(r"; and (\d+) more, in constraint_violations\.json\.", said),
    )
    assert left
    assert told + int(left[1]) == len(checked.violations) == 40


def test_a_column_that_cannot_be_looked_at_is_no_way_around(checked: Checked) -> None:
    said = checked.rejection({WINDOW: window().with_columns(pl.lit(1).alias("x" * 2000))})
    assert said.startswith(f"rejected: labelled window {WINDOW}: data_type_check: 900 ")


@pytest.mark.parametrize("inputs", ["{", "[]", '"carrier"', "[1]"])
def test_inputs_that_are_no_list_of_names_are_refused(tmp_path: Path, inputs: str) -> None:
    with pytest.raises(JobError, match=r"argument inputs is no .*; accepted: "):
        verbs.check(layout=Layout(base=tmp_path), arguments=["--inputs-1", inputs, "--labelled-id", "none"])


CLASSES = ["late", "on time"]


@pytest.mark.parametrize(
    ("answers", "labels", "wrong"),
    [
        ("binary", [True, False], 0),
        ("binary", [0.0, 1.0], 0),
        ("binary", [0.0, float("nan")], 1),
        ("binary", ["0", "1"], 2),
        ("multiclass", ["late", "on time"], 0),
        ("multiclass", ["late", "cancelled"], 1),
        ("regression", [-3.5, 1e9], 0),
        ("regression", [1.0, float("inf")], 1),
        ("regression", ["1", "2"], 2),
    ],
)
def test_a_label_is_one_of_the_models_kind(accepted: Path, answers: str, labels: list[object], wrong: int) -> None:
    baseline = Baseline.read(accepted, inputs=INPUTS)
    assert baseline
    checks = baseline.checks.model_copy(update={"answers": answers})
    of_kind = replace(baseline, checks=checks, classes=CLASSES if answers == "multiclass" else [])
    rows = flights(2, seed=4).with_columns(pl.Series("late", labels))
    found = of_kind.violations(Subject(name="x", rows=rows, strict=True), inputs=INPUTS)
    said = [one.description for one in found if one.feature_name == "late"]
    assert [text.startswith(f"{wrong} of 2 labels are none") for text in said] == ([True] if wrong else [])


def test_the_classes_are_those_of_the_baseline(accepted: Path, tmp_path: Path) -> None:
    for name in ("data-quality", "model-quality"):
        (tmp_path / name).mkdir()
    for name in ("statistics.json", "constraints.json"):
        (tmp_path / "data-quality" / name).write_bytes((accepted / "data-quality" / name).read_bytes())
    (tmp_path / "checks.json").write_text(json.dumps(CHECKS | {"answers": "multiclass", "model_quality": {}}))
    matrix = {name: dict.fromkeys(CLASSES, 1) for name in CLASSES}
    statistics = {"multiclass_classification_metrics": {"confusion_matrix": matrix}}
    (tmp_path / "model-quality" / "statistics.json").write_text(json.dumps(statistics))
    baseline = Baseline.read(tmp_path, inputs=INPUTS)
    assert baseline
    assert sorted(baseline.classes) == CLASSES


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 3000), order=st.permutations([*INPUTS, "late"]))
def test_rows_of_the_same_world_are_never_rejected(accepted: Path, seed: int, rows: int, order: list[str]) -> None:
    baseline = Baseline.read(accepted, inputs=INPUTS)
    assert baseline
    subject = Subject(name="x", rows=flights(rows, seed=seed).select(order), strict=True)
    assert baseline.violations(subject, inputs=INPUTS) == []
