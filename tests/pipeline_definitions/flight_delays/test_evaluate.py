import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from pipeline_definitions.flight_delays.data import KNOWN_AFTER_DEPARTURE
from pipeline_definitions.flight_delays.evaluate import as_known_before_departure
from pipeline_definitions.flight_delays.features import INPUTS
from pipeline_definitions.flight_delays.prepare import joined
from runtime.layout import Layout
from runtime.prediction import predict

Report = dict[str, dict[str, dict[str, float]]]


class Jobs(Protocol):
    def prepare(self, raw: Path, *, name: str = ..., test_days: int = ...) -> Path: ...

    def train(self, train: Path, *, name: str, hyperparameters: Mapping[str, str] = ...) -> Path: ...

    def archived(self, model: Path) -> Path: ...

    def container(self, name: str) -> Layout: ...

    def evaluate(
        self, archive: Path, prepared: Path, *, name: str, champion: Path | None = ..., resamples: int = ...
    ) -> Report: ...


@pytest.fixture(scope="session")
def report(jobs: Jobs, archive: Path, prepared: Path) -> Report:
    return jobs.evaluate(archive, prepared, name="evaluate")


def gate(report: Report) -> tuple[float, float]:
    bounds: Mapping[str, object] = report["gate"]
    precision, loss = bounds["average_precision_gain_lower"], bounds["log_loss_gain_lower"]
    assert isinstance(precision, float)
    assert isinstance(loss, float)
    return precision, loss


def passes(report: Report) -> bool:
    """What the pipeline's condition step decides, with a minimum gain of 0."""
    return all(bound > 0 for bound in gate(report))


@pytest.fixture
def changed_archive(jobs: Jobs, archive: Path, tmp_path: Path) -> Callable[[str, str, str], Path]:
    """The model with a text replaced in one of the modules that it carries."""

    def change(module: str, before: str, after: str) -> Path:
        folder = tmp_path / "model"
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        path = folder / "code" / module
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))
        return jobs.archived(folder)

    return change


CONSTANT = (
    "serve.py",
    "return np.asarray(self._booster.predict(matrix, num_threads=1), dtype=np.float64)",
    "return np.full(len(matrix), 0.23)",
)


def test_an_honest_model_passes(report: Report) -> None:
    assert passes(report), report["gate"]


def test_an_endpoint_answers_the_sample_as_it_was_evaluated(
    jobs: Jobs, report: Report, archive: Path, prepared: Path
) -> None:
    assert report
    path = jobs.container("evaluate").processing_output("evaluation") / "sample.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    answers = predict(archive=archive, rows=[line["row"] for line in lines])
    assert list(answers) == [line["prediction"] for line in lines]
    late = pl.read_parquet(prepared / "test" / "part-00000.parquet")["late"]
    assert [lines[0]["label"], lines[-1]["label"]] == [int(late[0]), int(late[-1])]


def test_the_digests_are_of_what_was_written(jobs: Jobs, report: Report) -> None:
    folder = jobs.container("evaluate").processing_output("evaluation")
    digests = {
        path.relative_to(folder).as_posix(): f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in folder.rglob("*")
        if path.is_file()
    }
    sampled: Mapping[str, object] = report["sample"]
    assert sampled == {"digest": digests["sample.jsonl"]}
    below: Mapping[str, object] = {f"baselines/{name}": said["digest"] for name, said in report["baselines"].items()}
    assert below == {name: digest for name, digest in digests.items() if name.startswith("baselines/")}
    assert json.loads((folder / "digests.json").read_text()) == {"evaluation": digests["evaluation.json"]}


def test_the_report_says_how_much_was_seen(report: Report, prepared: Path) -> None:
    sizes: Mapping[str, object] = report["sizes"]
    for part in ("train", "test"):
        assert sizes[part] == pl.read_parquet(prepared / part / "part-00000.parquet").height


def test_the_report_has_every_metric_of_every_model(report: Report) -> None:
    assert set(report["metrics"]) == {"challenger", "logistic_regression"}
    for values in report["metrics"].values():
        assert set(values) == {"average_precision", "log_loss", "brier", "roc_auc", "calibration_error"}


def test_the_reports_gains_are_the_differences_of_its_metrics(report: Report) -> None:
    ours, theirs = report["metrics"]["challenger"], report["metrics"]["logistic_regression"]
    gained: Mapping[str, Mapping[str, object]] = report["gains"]["logistic_regression"]  # type: ignore[assignment]
    assert gained["average_precision"]["value"] == pytest.approx(
        ours["average_precision"] - theirs["average_precision"], abs=1e-9
    )
    assert gained["log_loss"]["value"] == pytest.approx(theirs["log_loss"] - ours["log_loss"], abs=1e-9)


def test_confidence_and_resamples_are_those_of_the_arguments(report: Report) -> None:
    bootstrap: Mapping[str, object] = report["bootstrap"]
    assert (bootstrap["confidence"], bootstrap["resamples"]) == (0.95, 200)


def test_the_report_says_what_was_drawn_and_of_how_many(report: Report) -> None:
    bootstrap: Mapping[str, object] = report["bootstrap"]
    assert (bootstrap["unit"], bootstrap["days"]) == ("day of scheduled departure", 16)


def test_too_few_test_days_end_the_job_with_a_sentence(jobs: Jobs, archive: Path, raw: Path) -> None:
    week = jobs.prepare(raw, name="prepare-week", test_days=7)
    with pytest.raises(Exception, match="the test rows are of 7 days; accepted: 8 or more"):
        jobs.evaluate(archive, week, name="evaluate-week")


def test_a_model_that_is_better_than_the_champion_on_one_day_only_is_refused(
    jobs: Jobs, archive: Path, prepared: Path, changed_archive: Callable[[str, str, str], Path]
) -> None:
    """The champion is the same model but for 20 March, on which it guesses."""
    guessing = CONSTANT[1].replace("return ", "return np.where(frame['day'] == 20, 0.5, ") + ")"
    champion = changed_archive(CONSTANT[0], CONSTANT[1], guessing)
    report = jobs.evaluate(archive, prepared, name="evaluate-lucky", champion=champion)
    gained: Mapping[str, Mapping[str, object]] = report["gains"]["champion"]  # type: ignore[assignment]
    assert gained["log_loss"]["value"] > 0  # type: ignore[operator]
    assert not passes(report)


def test_a_model_of_shuffled_labels_is_refused(jobs: Jobs, prepared: Path, tmp_path: Path) -> None:
    rows = pl.read_parquet(prepared / "train" / "part-00000.parquet")
    rows.with_columns(pl.col("late").shuffle(seed=3)).write_parquet(tmp_path / "part.parquet")
    shuffled = jobs.train(tmp_path, name="shuffled")
    assert not passes(jobs.evaluate(shuffled, prepared, name="evaluate-shuffled"))


def test_a_constant_model_is_refused(
    jobs: Jobs, prepared: Path, changed_archive: Callable[[str, str, str], Path]
) -> None:
    precision, loss = gate(jobs.evaluate(changed_archive(*CONSTANT), prepared, name="evaluate-constant"))
    assert precision < 0
    assert loss < 0


def test_a_model_of_a_leaked_column_is_refused(
    changed_jobs: Callable[[Sequence[tuple[str, str, str]]], Jobs], raw: Path
) -> None:
    """Somebody makes the departure delay an input and takes the check away that would refuse it while preparing."""
    carrier = '    Column(name="carrier", kind="text"),\n'
    leak = f'{carrier}    Column(name="dep_delay", kind="number", required=False, low=-1000, high=5000),\n'
    feature = '        pl.col("dest"),\n'
    leaking = changed_jobs(
        [
            ("features.py", carrier, leak),
            ("features.py", feature, f'{feature}        pl.col("dep_delay"),\n'),
            ("prepare.py", "    refuse_hindsight([column.name for column in INPUTS], dataset=dataset)\n", ""),
        ]
    )
    prepared = leaking.prepare(raw)
    archive = leaking.train(prepared / "train", name="train")
    test = pl.read_parquet(prepared / "test" / "part-00000.parquet")
    names = [column.name for column in INPUTS] + ["dep_delay"]
    hindsight = predict(archive=archive, rows=test.select(names).to_dicts())
    assert roc_auc_score(test["late"].to_numpy(), hindsight) > 0.85, "the leak is a real one"
    assert not passes(leaking.evaluate(archive, prepared, name="evaluate"))


def test_models_see_nothing_that_is_known_only_after_departure(raw: Path) -> None:
    hindsight = KNOWN_AFTER_DEPARTURE
    rows = as_known_before_departure(joined(raw), hindsight=hindsight)
    assert rows.select(hindsight).null_count().row(0) == (rows.height,) * len(hindsight)


def test_evaluating_empties_what_the_owner_says_and_not_a_list_of_the_model(
    jobs: Jobs, archive: Path, prepared: Path, report: Report, tmp_path: Path
) -> None:
    """Its owner takes the weather for hindsight, of which the model's code knows nothing: its skill is less."""
    weather = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    strict = tmp_path / "prepared"
    shutil.copytree(prepared, strict)
    (strict / "test" / "dataset.json").write_text(json.dumps({"known_after_departure": weather}))
    blind = jobs.evaluate(archive, strict, name="evaluate-strict")
    assert blind["metrics"]["challenger"]["roc_auc"] < report["metrics"]["challenger"]["roc_auc"] - 0.01


def test_test_rows_without_the_owners_word_are_not_evaluated(
    jobs: Jobs, archive: Path, prepared: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "prepared"
    shutil.copytree(prepared, bare)
    (bare / "test" / "dataset.json").unlink()
    with pytest.raises(Exception, match=r"input test has no dataset\.json"):
        jobs.evaluate(archive, bare, name="evaluate-bare")


def test_a_model_no_better_than_the_champion_is_refused(jobs: Jobs, archive: Path, prepared: Path) -> None:
    report = jobs.evaluate(archive, prepared, name="evaluate-same", champion=archive)
    assert gate(report) == (0.0, 0.0)
    worst: Mapping[str, object] = report["gate"]
    assert worst["log_loss_worst_reference"] == "champion"


def test_a_champion_predicts_with_its_own_code(
    jobs: Jobs, archive: Path, prepared: Path, changed_archive: Callable[[str, str, str], Path]
) -> None:
    report = jobs.evaluate(archive, prepared, name="evaluate-champion", champion=changed_archive(*CONSTANT))
    assert report["metrics"]["champion"]["roc_auc"] == 0.5
    assert report["metrics"]["challenger"]["roc_auc"] > 0.6
    assert passes(report)


def test_an_input_that_the_test_rows_do_not_have_is_named(
    jobs: Jobs, archive: Path, prepared: Path, changed_archive: Callable[[str, str, str], Path]
) -> None:
    older = changed_archive("features.py", 'name="visib"', 'name="snow"')
    with pytest.raises(Exception, match="the champion wants the input snow"):
        jobs.evaluate(archive, prepared, name="evaluate-older", champion=older)


def test_what_is_no_probability_is_refused(
    jobs: Jobs, prepared: Path, changed_archive: Callable[[str, str, str], Path]
) -> None:
    broken = changed_archive(CONSTANT[0], CONSTANT[1], "return np.full(len(matrix), np.nan)")
    with pytest.raises(Exception, match="the challenger does not give one probability from 0 to 1"):
        jobs.evaluate(broken, prepared, name="evaluate-nan")


@pytest.mark.thorough(reason="a bound on the whole quarter is shown by training on it")
def test_the_whole_quarter_trains_within_its_bound_and_passes(jobs: Jobs, full_folder: Path, definition: Path) -> None:
    """With the hyper-parameters of the rendered definition: what a run in the cloud would do."""
    steps = {step["Name"]: step for step in json.loads(definition.read_text())["Steps"]}
    prepared = jobs.prepare(full_folder, name="full-prepare")
    archive = jobs.train(
        prepared / "train", name="full-train", hyperparameters=steps["Train"]["Arguments"]["HyperParameters"]
    )
    report = jobs.evaluate(archive, prepared, name="full-evaluate")
    precision, loss = gate(report)
    assert precision > 0.015
    assert loss > 0.005
    assert report["metrics"]["challenger"]["roc_auc"] > 0.68
    assert report["metrics"]["challenger"]["calibration_error"] < 0.03
