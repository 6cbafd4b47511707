"""The challenger against its references on the test rows: `evaluation.json`, by which the gate decides.

Against leaks of the future: every model, the champion too, gets the raw inputs as they are known at the time of a
prediction, never the prepared features, and each column that is known only after departure arrives empty. Whatever a
model learned from such a column it cannot use here, as it could not behind an endpoint, and the gate sees it as it is.
Which columns these are, the dataset's owner says in `dataset.json`; no list of the model's own can say otherwise.
(`prepare` refuses such an input before that, by the same file.)
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
from .prepare import FEATURE_PREFIX, known_after_departure
from .sample import sample
from .scores import Floats, Integers, Interval, calibration, gains, metrics

SEED = 20130316
REFERENCE = "logistic_regression"
_REFERENCE_FEATURES = [f"{FEATURE_PREFIX}hour", f"{FEATURE_PREFIX}carrier"]
NO_CHAMPION = "none.json"  # an input of a job is never empty, so a marker says that there is no champion


def evaluate(job: ProcessingJob) -> None:
    """Reads the inputs `model`, `train`, `test` and `champion`, writes `evaluation.json` to the output `evaluation`.

    Beside it go `sample.jsonl`, test rows with what the challenger predicts for them, and below `baselines/` what the
    monitors of the model compare with, as the arguments `checks-…` ask; the report has their digests, and
    `digests.json` the report's own, which the registry keeps: none can be exchanged unnoticed.
    References are a logistic regression on hour and carrier, fitted on the training rows, and the champion, with the
    code from its own archive, unless the champion's folder holds `none.json`. `gate` has the lower bounds of the gains
    over whichever reference leaves the least, by a bootstrap over the days of the test rows.

    Raises:
        JobError: An input is missing, a model gives something else than probabilities, or the test rows are of too few
            days to tell how sure a gain is.
    """
    train, test = _rows(job.input("train")), _rows(job.input("test"))
    labels = _labels(test)
    known = as_known_before_departure(test, hindsight=known_after_departure(job.input("test")))
    archive = job.input("model") / "model.tar.gz"
    challenger = _probabilities(archive, known, name="the challenger")
    references = {REFERENCE: logistic_regression(train, test)}
    if not (job.input("champion") / NO_CHAMPION).is_file():
        references["champion"] = _probabilities(job.input("champion") / "model.tar.gz", known, name="the champion")
    report = compared(
        labels,
        challenger,
        references,
        days=_days(test),
        confidence=job.arguments.number("confidence"),
        resamples=job.arguments.integer("resamples"),
    )
    report["sizes"] = {"train": train.height, "test": test.height, "test_late_share": float(labels.mean())}
    folder = job.output("evaluation")
    inputs = [column.name for column in INPUTS]
    rows = sample(known, inputs=inputs, labels=labels, predictions=challenger).encode()
    report["sample"] = {"digest": _digest(rows)}
    checks = checks_of(job.arguments.joined("checks"))
    scored = known.with_columns(pl.Series(checks.answer, challenger), pl.Series(checks.label, labels))
    with loaded(archive) as predictor:
        files = baselines(checks, training=train, scored=scored, predictor=predictor)
    report["baselines"] = {name: {"digest": _digest(text.encode())} for name, text in files.items()}
    for name, text in files.items():
        path = folder / BASELINES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    content = (json.dumps(report, indent=2) + "\n").encode()
    (folder / "sample.jsonl").write_bytes(rows)
    (folder / "evaluation.json").write_bytes(content)
    (folder / "digests.json").write_text(json.dumps({"evaluation": _digest(content)}) + "\n", encoding="utf-8")
    print(json.dumps(report["gate"]))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def as_known_before_departure(rows: pl.DataFrame, *, hindsight: Sequence[str]) -> pl.DataFrame:
    """The raw inputs of rows, the columns of `hindsight`, which are known only after departure, emptied."""
    inputs = rows.select(column.name for column in INPUTS)
    return inputs.with_columns(
        pl.lit(None, dtype=inputs.schema.get(name, pl.Float64)).alias(name) for name in hindsight
    )


def logistic_regression(train: pl.DataFrame, test: pl.DataFrame) -> Floats:
    """What anybody could do: the share of late flights by hour and carrier, as a logistic regression sees it."""
    model = Pipeline(
        [("categories", OneHotEncoder(handle_unknown="ignore")), ("regression", LogisticRegression(max_iter=1000))]
    )
    model.fit(train.select(_REFERENCE_FEATURES).to_numpy(), _labels(train))
    probabilities: Floats = model.predict_proba(test.select(_REFERENCE_FEATURES).to_numpy())[:, 1]
    return probabilities


def compared(
    labels: Floats,
    challenger: Floats,
    references: Mapping[str, Floats],
    *,
    days: Integers,
    confidence: float,
    resamples: int,
) -> dict[str, object]:
    """The report: metrics of every model, gains over every reference with their intervals, and the gate."""
    gained = {
        name: gains(labels, challenger, reference, days=days, resamples=resamples, confidence=confidence, seed=SEED)
        for name, reference in references.items()
    }
    models = {"challenger": challenger, **references}
    precision, loss = _worst(gained, "average_precision"), _worst(gained, "log_loss")
    return {
        "metrics": {name: metrics(labels, probabilities) for name, probabilities in models.items()},
        "calibration": {name: calibration(labels, probabilities) for name, probabilities in models.items()},
        "gains": {name: {metric: asdict(gain) for metric, gain in by.items()} for name, by in gained.items()},
        "gate": {
            "average_precision_gain_lower": gained[precision]["average_precision"].lower,
            "average_precision_worst_reference": precision,
            "log_loss_gain_lower": gained[loss]["log_loss"].lower,
            "log_loss_worst_reference": loss,
        },
        "bootstrap": {
            "unit": "day of scheduled departure",
            "days": len(np.unique(days)),
            "confidence": confidence,
            "resamples": resamples,
            "seed": SEED,
        },
    }


def _worst(gained: Mapping[str, Mapping[str, Interval]], metric: str) -> str:
    return min(gained, key=lambda name: gained[name][metric].lower)


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
