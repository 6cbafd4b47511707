"""How good probabilities are, and how sure one can be that some are better than others."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from runtime.errors import JobError

from .prepare import FEWEST_DAYS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_CHUNK = 100  # resamples at a time: of 15,000 rows, 12 MB of 64-bit numbers
_BINS = 10
_SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A gain and where it lies.

    Attributes:
        value: On the rows as they are.
        lower: Lower end of the central interval of the bootstrap distribution.
        upper: Upper end.
    """

    value: float
    lower: float
    upper: float


def metrics(labels: Floats, probabilities: Floats) -> dict[str, float]:
    """Average precision, log loss, Brier score, ROC AUC, and the mean distance from calibration."""
    return {
        "average_precision": float(average_precision_score(labels, probabilities)),
        "log_loss": float(log_loss(labels, probabilities, labels=[0, 1])),
        "brier": float(brier_score_loss(labels, probabilities)),
        "roc_auc": float(roc_auc_score(labels, probabilities)),
        "calibration_error": sum(
            bin_["share"] * abs(bin_["predicted"] - bin_["observed"]) for bin_ in calibration(labels, probabilities)
        ),
    }


def calibration(labels: Floats, probabilities: Floats) -> list[dict[str, float]]:
    """Predicted and observed share of late flights in ten bins of equally many rows, from the least likely up."""
    order = np.argsort(probabilities, kind="stable")
    return [
        {
            "predicted": float(probabilities[rows].mean()),
            "observed": float(labels[rows].mean()),
            "share": len(rows) / len(labels),
        }
        for rows in np.array_split(order, _BINS)
        if len(rows)
    ]


def gains(
    labels: Floats,
    challenger: Floats,
    reference: Floats,
    *,
    days: Integers,
    resamples: int,
    confidence: float,
    seed: int,
) -> Mapping[str, Interval]:
    """Gains of the challenger over a reference in average precision and log loss, each positive if it is better.

    A paired bootstrap over days: each resample draws as many days as there are, with replacement, and scores both
    models on all rows of the days drawn. Flights of one day share its weather and its congestion, so a row more of the
    same day says less than a row of another day. The interval is the central one of level `confidence`.

    It covers how the gain varies from day to day within the period of the rows. It does not cover what all of these
    days have in common: 16 days of one month say nothing of another season or another timetable, and one training
    nothing of another. Days count as independent, although weather may last for longer than one.

    Args:
        labels: 1 for a late flight, 0 for another.
        challenger: Its probability for each row.
        reference: Likewise.
        days: The date of scheduled departure of each row, as a number of any origin.
        resamples: How many to draw.
        confidence: Level of the interval, from 0 to 1.
        seed: Of the days drawn: the same seed draws the same days for every reference.

    Raises:
        JobError: The rows are of fewer days than `FEWEST_DAYS`.
    """
    day = np.unique(days, return_inverse=True)[1]
    sizes = np.bincount(day)
    if len(sizes) < FEWEST_DAYS:
        raise JobError(
            f"the test rows are of {len(sizes)} days; accepted: {FEWEST_DAYS} or more, since fewer days do not show "
            "how much a gain varies from day to day."
        )
    drawn = np.random.default_rng(seed).multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=resamples)
    loss_gain = losses(labels, reference) - losses(labels, challenger)
    loss = drawn @ np.bincount(day, weights=loss_gain) / (drawn @ sizes)
    precision = np.concatenate(
        [
            _precision_gains(labels, challenger, reference, drawn[start : start + _CHUNK, day].astype(np.float64))
            for start in range(0, resamples, _CHUNK)
        ]
    )
    precision_gain = _precision_gains(labels, challenger, reference, np.ones((1, len(labels))))
    return {
        "average_precision": _interval(float(precision_gain[0]), precision, confidence),
        "log_loss": _interval(float(loss_gain.mean()), loss, confidence),
    }


def average_precisions(labels: Floats, probabilities: Floats, weights: Floats) -> Floats:
    """Average precision under each row of `weights` (a resample a row), ties counted as one threshold."""
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    drawn = weights[:, order]
    positives = np.cumsum(drawn * labels[order], axis=1)[:, ends]
    all_rows = np.cumsum(drawn, axis=1)[:, ends]
    steps = np.diff(positives, axis=1, prepend=0.0)
    averages: Floats = (steps * positives / np.maximum(all_rows, 1.0)).sum(axis=1) / np.maximum(positives[:, -1], 1.0)
    return averages


def losses(labels: Floats, probabilities: Floats) -> Floats:
    """Log loss of each row."""
    clipped = np.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    result: Floats = -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))
    return result


def _precision_gains(labels: Floats, challenger: Floats, reference: Floats, weights: Floats) -> Floats:
    return average_precisions(labels, challenger, weights) - average_precisions(labels, reference, weights)


def _interval(value: float, resampled: Floats, confidence: float) -> Interval:
    lower, upper = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value=value, lower=float(lower), upper=float(upper))
