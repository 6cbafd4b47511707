"""The challenger against its references on rows that were held out: `evaluation.json`, by which the gate decides.

A challenger has to beat its references on the newest rows, those of the labelled windows that were held out, and may
lose a little against the champion on the old ones, the last days of the dataset. Without newest rows it has to beat its
references on the old ones.

Against leaks of the future: every model, the champion too, gets the raw inputs as they are known at the time of a
prediction, never the prepared features, and each column that is known only after departure arrives empty. Whatever a
model learned from such a column it cannot use here, as it could not behind an endpoint, and the gate sees it as it is.
Which columns these are, the dataset's owner says in `dataset.json`; no list of the model's own can say otherwise.
(`prepare` refuses such an input before that, by the same file.)
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from runtime.errors import JobError
from runtime.jobs import ProcessingJob
from runtime.monitoring.baselines import BASELINES, baselines
from runtime.monitoring.checks import checks_of
from runtime.prediction import loaded

from .features import INPUTS, LABEL, date
from .prepare import FEATURE_PREFIX, HELD_OUT, known_after_departure
from .sample import sample
from .scores import Floats, Integers, Interval, calibration, gains, metrics

SEED = 20130316
CHALLENGER, CHAMPION = "challenger", "champion"
REFERENCE = "logistic_regression"
_REFERENCE_FEATURES = [f"{FEATURE_PREFIX}hour", f"{FEATURE_PREFIX}carrier"]
OLD, NEWEST = "old", "newest"
FEWEST_ROWS = 1_000  # of newest rows, for the monitors' baselines: of fewer, rare categories are missing by chance
NO_CHAMPION = "none.json"  # an input of a job is never empty, so a marker says that there is no champion


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Rows on which a model is judged.

    Attributes:
        name: `old`, the last days of the dataset, or `newest`, the newest labelled windows.
        known: The raw inputs as they are known before departure.
        labels: 1 for a late flight, 0 for another.
        days: The date of scheduled departure, as a number.
        predictions: Of the challenger and of every reference, by name.
    """

    name: str
    known: pl.DataFrame
    labels: Floats
    days: Integers
    predictions: Mapping[str, Floats]

    @property
    def challenger(self) -> Floats:
        """What the challenger predicts."""
        return self.predictions[CHALLENGER]

    @property
    def references(self) -> Mapping[str, Floats]:
        """What every reference predicts, by name."""
        return {name: found for name, found in self.predictions.items() if name != CHALLENGER}


def evaluate(job: ProcessingJob) -> None:
    """Reads the inputs `model`, `train`, `test`, `newest` and `champion`, writes `evaluation.json` to `evaluation`.

    Beside it go `sample.jsonl`, rows that were held out with what the challenger predicts for them, and below
    `baselines/` what the monitors of the model compare with, as the arguments `checks-…` ask; the report has their
    digests, and `digests.json` the report's own, which the registry keeps: none can be exchanged unnoticed.
    References are a logistic regression on hour and carrier, fitted on the training rows, and the champion, with the
    code from its own archive, unless the champion's folder holds `none.json`.

    The report's `judged_on` says which rows its `metrics`, `calibration`, `gains` and `bootstrap` are of: `newest` if
    there are any, else `old`. Judged on the newest, it has the same of the old rows in `old`. `labelled` says what
    became of the labelled windows. `gate` has

    - `…_gain_lower`, the lower bounds of the gains on the rows judged on over whichever reference leaves the least;
    - `…_kept_lower`, the lower bounds of the gains over the champion on the old rows, 0 without a champion;

    each by a bootstrap over the days of the rows.

    Raises:
        JobError: An input is missing, a model gives something else than probabilities, or the rows are of too few days
            to tell how sure a gain is.
    """
    train = _rows(job.input("train"))
    hindsight = known_after_departure(job.input("test"))
    held_out = {OLD: _rows(job.input("test"))}
    if any(job.input(NEWEST).glob("*.parquet")):
        held_out[NEWEST] = _rows(job.input(NEWEST))
    archives = {CHALLENGER: job.input("model") / "model.tar.gz"}
    if not (job.input("champion") / NO_CHAMPION).is_file():
        archives[CHAMPION] = job.input("champion") / "model.tar.gz"
    reference = logistic_regression(train)
    judged = {
        name: _judged(name, rows, reference=reference, archives=archives, hindsight=hindsight)
        for name, rows in held_out.items()
    }
    on = judged.get(NEWEST, judged[OLD])
    report = reported(
        judged, confidence=job.arguments.number("confidence"), resamples=job.arguments.integer("resamples")
    )
    report["labelled"] = _became(job.input(NEWEST))
    report["sizes"] = {
        "train": train.height,
        "test": held_out[OLD].height,
        "newest": on.known.height if on.name == NEWEST else 0,
        "test_late_share": float(judged[OLD].labels.mean()),
    }
    folder = job.output("evaluation")
    inputs = [column.name for column in INPUTS]
    rows = sample(on.known, inputs=inputs, labels=on.labels, predictions=on.challenger).encode()
    report["sample"] = {"digest": _digest(rows)}
    checks = checks_of(job.arguments.joined("checks"))
    accepted, training = accepted_on(judged, train=train)
    scored = accepted.known.with_columns(
        pl.Series(checks.answer, accepted.challenger), pl.Series(checks.label, accepted.labels)
    )
    with loaded(archives[CHALLENGER]) as predictor:
        files = baselines(checks, training=training, scored=scored, predictor=predictor)
    report["baselines"] = {name: {"digest": _digest(text.encode())} for name, text in files.items()}
    for name, text in files.items():
        path = folder / BASELINES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    content = (json.dumps(report, indent=2) + "\n").encode()
    (folder / "sample.jsonl").write_bytes(rows)
    (folder / "evaluation.json").write_bytes(content)
    (folder / "digests.json").write_text(json.dumps({"evaluation": _digest(content)}) + "\n", encoding="utf-8")
    print(json.dumps({name: report[name] for name in ("judged_on", "gate")}))


def accepted_on(judged: Mapping[str, HeldOut], *, train: pl.DataFrame) -> tuple[HeldOut, pl.DataFrame]:
    """What the monitors' baselines are measured on: the rows that the version was accepted on.

    A version that was accepted on the newest rows is watched for departing from those: both its scored rows and the
    inputs that it is to see are the newest. Of fewer newest rows than `FEWEST_ROWS`, or of none, baselines are measured
    as ever: inputs on the training rows, the rest on the old test rows.

    Args:
        judged: The rows held out, by name.
        train: The training rows.

    Returns:
        The scored rows, and those whose inputs are the baseline of data quality.
    """
    newest = judged.get(NEWEST)
    if newest is None or newest.known.height < FEWEST_ROWS:
        return judged[OLD], train
    return newest, newest.known


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def as_known_before_departure(rows: pl.DataFrame, *, hindsight: Sequence[str]) -> pl.DataFrame:
    """The raw inputs of rows, the columns of `hindsight`, which are known only after departure, emptied."""
    inputs = rows.select(column.name for column in INPUTS)
    return inputs.with_columns(
        pl.lit(None, dtype=inputs.schema.get(name, pl.Float64)).alias(name) for name in hindsight
    )


def logistic_regression(train: pl.DataFrame) -> Pipeline:
    """What anybody could do: the share of late flights by hour and carrier, as a logistic regression sees it."""
    model = Pipeline(
        [("categories", OneHotEncoder(handle_unknown="ignore")), ("regression", LogisticRegression(max_iter=1000))]
    )
    return model.fit(train.select(_REFERENCE_FEATURES).to_numpy(), _labels(train))


def reported(judged: Mapping[str, HeldOut], *, confidence: float, resamples: int) -> dict[str, object]:
    """The report of all rows held out: how each compares, and the gate's bounds.

    Args:
        judged: The rows, by name: `old`, and `newest` if there are any.
        confidence: Level of the intervals, from 0 to 1.
        resamples: How many to draw.
    """
    compared_on = {
        name: compared(
            rows.labels,
            rows.challenger,
            rows.references,
            days=rows.days,
            confidence=confidence,
            resamples=resamples,
        )
        for name, rows in judged.items()
    }
    on = NEWEST if NEWEST in judged else OLD
    sections, gained = compared_on[on]
    old_sections, old_gained = compared_on[OLD]
    precision, loss = _worst(gained, "average_precision"), _worst(gained, "log_loss")
    kept = old_gained.get(CHAMPION)  # without a champion there is nothing to lose
    return {
        "judged_on": on,
        **sections,
        **({"old": old_sections} if on != OLD else {}),
        "gate": {
            "average_precision_gain_lower": gained[precision]["average_precision"].lower,
            "average_precision_worst_reference": precision,
            "log_loss_gain_lower": gained[loss]["log_loss"].lower,
            "log_loss_worst_reference": loss,
            "average_precision_kept_lower": kept["average_precision"].lower if kept else 0.0,
            "log_loss_kept_lower": kept["log_loss"].lower if kept else 0.0,
        },
    }


def compared(
    labels: Floats,
    challenger: Floats,
    references: Mapping[str, Floats],
    *,
    days: Integers,
    confidence: float,
    resamples: int,
) -> tuple[dict[str, object], Mapping[str, Mapping[str, Interval]]]:
    """Metrics of every model on rows and gains over every reference with their intervals; the gains once more."""
    gained = {
        name: gains(labels, challenger, reference, days=days, resamples=resamples, confidence=confidence, seed=SEED)
        for name, reference in references.items()
    }
    models = {CHALLENGER: challenger, **references}
    sections: dict[str, object] = {
        "metrics": {name: metrics(labels, probabilities) for name, probabilities in models.items()},
        "calibration": {name: calibration(labels, probabilities) for name, probabilities in models.items()},
        "gains": {name: {metric: asdict(gain) for metric, gain in by.items()} for name, by in gained.items()},
        "bootstrap": {
            "unit": "day of scheduled departure",
            "days": len(np.unique(days)),
            "confidence": confidence,
            "resamples": resamples,
            "seed": SEED,
        },
    }
    return sections, gained


def _worst(gained: Mapping[str, Mapping[str, Interval]], metric: str) -> str:
    return min(gained, key=lambda name: gained[name][metric].lower)


def _judged(
    name: str, rows: pl.DataFrame, *, reference: Pipeline, archives: Mapping[str, Path], hindsight: Sequence[str]
) -> HeldOut:
    """Rows with what every model predicts for them."""
    known = as_known_before_departure(rows, hindsight=hindsight)
    predicted = {model: _probabilities(archive, known, name=f"the {model}") for model, archive in archives.items()}
    shares: Floats = reference.predict_proba(rows.select(_REFERENCE_FEATURES).to_numpy())[:, 1]
    return HeldOut(
        name=name,
        known=known,
        labels=_labels(rows),
        days=_days(rows),
        predictions={REFERENCE: shares, **predicted},
    )


def _became(folder: Path) -> dict[str, object]:
    """What became of the labelled windows, as `prepare` wrote it down."""
    path = folder / HELD_OUT
    if not path.is_file():
        raise JobError(f"input {folder.name} has no {path.name}.")
    became: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return became


def _probabilities(archive: Path, rows: pl.DataFrame, *, name: str) -> Floats:
    with loaded(archive) as predictor:
        missing = [column.name for column in predictor.columns if column.name not in rows.columns]
        if missing:
            raise JobError(f"{name} wants the input {missing[0]}, which the test rows do not have.")
        probabilities = predictor.predict(rows)
    if len(probabilities) != rows.height or not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise JobError(f"{name} does not give one probability from 0 to 1 for each of {rows.height} rows.")
    return probabilities


def _rows(folder: Path) -> pl.DataFrame:
    paths: Sequence[Path] = sorted(folder.glob("*.parquet"))
    if not paths:
        raise JobError(f"input {folder.name} has no Parquet file.")
    return pl.concat([pl.read_parquet(path) for path in paths])


def _labels(rows: pl.DataFrame) -> Floats:
    return rows[LABEL].cast(pl.Float64).to_numpy()


def _days(rows: pl.DataFrame) -> Integers:
    """The date of scheduled departure of each row, in days since 1970."""
    return rows.select(date().to_physical().cast(pl.Int64)).to_series().to_numpy()
