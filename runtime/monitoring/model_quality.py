"""How good the answers of a model are once the truth is known, in the format of SageMaker Model Monitor.

Names are those of the Amazon SageMaker developer guide, "Model quality metrics and Amazon CloudWatch monitoring".
Average precision, log loss and the Brier score are additions. The guide defines no metric; where there is a choice:

- The best constant classifier of two classes always answers with the positive one, as in the guide's example. That is
  best for recall and the F scores; its accuracy is the share of positives. Of several classes it is the most frequent
  one of the rows, the first of those that tie; the guide's example has a rare one.
- A class that is never predicted has precision 0 within the weighted precision, as in the guide's example.
- Standard deviations are of a bootstrap. Model Monitor's are of five draws of 80 % of the rows, which share most rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from runtime.monitoring.estimate import FEWEST_UNITS, LINE, Estimate, Resamples, defined

Booleans: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = npt.NDArray[np.generic]
Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | float | None"
Kind: TypeAlias = Literal["binary", "multiclass", "regression"]

# From a table of row weights, shape (resamples, rows), to each metric, shape (resamples,), NaN where it is undefined.
_Metrics: TypeAlias = Callable[[Floats], Mapping[str, Floats]]

_BETAS: Mapping[str, float] = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
CONSTANT = "_best_constant_classifier"
_COMPARED = ("recall", "precision", "accuracy", *_BETAS)  # with the best constant classifier
_OF_PROBABILITIES = ("auc", "average_precision", "log_loss", "brier")
_WEIGHTED = ("accuracy", "weighted_recall", "weighted_precision", *(f"weighted_{name}" for name in _BETAS))

METRICS: Mapping[Kind, Sequence[str]] = {
    "binary": (
        *_COMPARED,
        *(name + CONSTANT for name in _COMPARED),
        "true_positive_rate",
        "true_negative_rate",
        "false_positive_rate",
        "false_negative_rate",
        *_OF_PROBABILITIES,
    ),
    "multiclass": (*_WEIGHTED, *(name + CONSTANT for name in _WEIGHTED)),
    "regression": ("mae", "mse", "rmse", "r2"),
}
LOWER_IS_BETTER = frozenset(
    ("false_positive_rate", "false_negative_rate", "log_loss", "brier", "mae", "mse", "rmse")
)  # of all other metrics, higher is better

_KNOWN = frozenset(name for names in METRICS.values() for name in names)
SECTIONS: Mapping[Kind, str] = {
    "binary": "binary_classification",
    "multiclass": "multiclass_classification",
    "regression": "regression",
}
_LESS, _GREATER = "LessThanThreshold", "GreaterThanThreshold"
_CELLS = 100_000  # of a table of row weights: 0.8 MB, which a processor's cache holds; one resample at least
_MOST_POINTS = 200  # of a curve
_SMALLEST = float(np.finfo(np.float64).eps)  # probability in the log loss, as in scikit-learn
# The 1,000 of ImageNet and a few more: the confusion matrix has the square of it, a million numbers.
MOST_CLASSES = 1_024
_ROUNDING = 1e-12  # share of a sum of squares below which a variance is nothing but rounding


@dataclass(frozen=True, kw_only=True)
class Resampling(Resamples):
    """How to find out how sure a metric is: a bootstrap with a percentile interval."""

    def counts(self, units: int) -> Iterator[Integers]:
        """How often each unit is drawn, shape (units,), a resample at a time.

        Args:
            units: How many there are, and how many a resample draws, with replacement.
        """
        generator = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            # The same distribution as a multinomial draw, which takes ten times as long.
            yield np.bincount(generator.integers(units, size=units), minlength=units)


_DEFAULT = Resampling()


@dataclass(frozen=True, kw_only=True)
class ModelQuality:
    """The metrics of one window.

    Attributes:
        kind: What the model answers.
        item_count: Number of rows.
        metrics: By name, in the order of `METRICS`; those that need probabilities only if there are any.
        confusion_matrix: Number of rows by true class, then by predicted class, each as text; None of a regression.
        curves: Coordinates by name of the curve, then of the axis; a curve that is undefined is left out.
    """

    kind: Kind
    item_count: int
    metrics: Mapping[str, Estimate]
    confusion_matrix: Mapping[str, Mapping[str, int]] | None = None
    curves: Mapping[str, Mapping[str, Sequence[float]]]

    def document(self) -> Mapping[str, Json]:
        """The section of Model Monitor's `statistics.json`, under its name.

        An undefined metric is null, where Model Monitor writes the text "NaN" or leaves it out.
        """
        section: dict[str, Json] = {}
        if self.confusion_matrix is not None:
            section["confusion_matrix"] = {name: dict(row) for name, row in self.confusion_matrix.items()}
        section |= {name: estimate.document() for name, estimate in self.metrics.items()}
        section |= {name: {axis: list(at) for axis, at in curve.items()} for name, curve in self.curves.items()}
        return {f"{SECTIONS[self.kind]}_metrics": section}


@dataclass(frozen=True, kw_only=True)
class QualityViolation:
    """A metric beyond its threshold, as Model Monitor writes it.

    Attributes:
        constraint_check_type: The comparison that held, `LessThanThreshold` or `GreaterThanThreshold`.
        metric_name: Such as recall.
        description: What was found and what was accepted.
    """

    constraint_check_type: str
    metric_name: str
    description: str

    def document(self) -> Mapping[str, str]:
        """As an entry of Model Monitor's `constraint_violations.json`."""
        return asdict(self)


def binary(
    labels: Values,
    *,
    positive: str | float,
    predictions: Values | None = None,
    probabilities: Values | None = None,
    threshold: float = 0.5,
    groups: Values | None = None,
    resampling: Resampling = _DEFAULT,
) -> ModelQuality:
    """Quality of a model that tells two classes apart.

    In the confusion matrix, "1" is the positive class and "0" the other. Without probabilities there are no curves, no
    AUC, average precision, log loss (in nats) and Brier score.

    Undefined are: recall, the rates of true positives and false negatives, F scores and average precision without a
    positive label (an F score would be 0 then, however good the answers are); the rates of true negatives and false
    positives without a negative label; AUC without both; precision without a positive prediction. The curves likewise.

    A metric has no standard deviation and no interval if it is undefined, if there are fewer than 8 rows (or groups),
    or if it is undefined in more than 5 % of the resamples. Those are left out otherwise.

    Args:
        labels: The truth, shape (rows,).
        positive: The positive label, equal as in numpy (1 is 1.0 and True, but not "1"). All others are negative.
        predictions: The labels predicted, shape (rows,). If left out, the positive label is predicted for probabilities
            of the threshold or more.
        probabilities: Of the positive label, from 0 to 1, shape (rows,).
        threshold: Not used if there are predictions.
        groups: The group of each row, such as its day, shape (rows,). Groups are drawn whole, since rows of one group
            may have much in common. Each row is drawn by itself if it is left out.
        resampling: How to draw.

    Raises:
        ValueError: There are no rows, neither predictions nor probabilities, arrays of different lengths, missing or
            non-finite values, or probabilities or a threshold beyond 0 to 1.
    """
    _check({"labels": labels, "predictions": predictions, "probabilities": probabilities, "groups": groups})
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}; accepted: a number from 0 to 1")
    truth = np.asarray(labels == positive)
    scores = None if probabilities is None else _probabilities(probabilities)
    if predictions is not None:
        predicted = np.asarray(predictions == positive)
    elif scores is not None:
        predicted = scores >= threshold
    else:
        raise ValueError("predictions and probabilities are missing; accepted: either or both")

    cells = np.stack([truth & predicted, truth & ~predicted, ~truth & predicted, ~truth & ~predicted], axis=1)
    true_positive, false_negative, false_positive, true_negative = cells.sum(axis=0).tolist()
    of_labels = _of_labels(cells.astype(np.float64))
    ranking = None if scores is None else _Ranking.of(truth, scores)
    of_scores = None if scores is None or ranking is None else _of_scores(truth, scores, ranking)

    def metrics(weights: Floats) -> Mapping[str, Floats]:
        return {**of_labels(weights), **(of_scores(weights) if of_scores else {})}

    return ModelQuality(
        kind="binary",
        item_count=len(labels),
        metrics=_estimates("binary", metrics, rows=len(labels), groups=groups, resampling=resampling),
        confusion_matrix={
            "0": {"0": true_negative, "1": false_positive},
            "1": {"0": false_negative, "1": true_positive},
        },
        curves=ranking.curves() if ranking else {},
    )


def multiclass(
    labels: Values,
    *,
    predictions: Values,
    groups: Values | None = None,
    resampling: Resampling = _DEFAULT,
) -> ModelQuality:
    """Quality of a model that tells several classes apart. Weights are the classes' shares of the labels.

    The classes are all labels and predictions, in ascending order, those of object arrays as text. No metric is
    undefined. There is no standard deviation and no interval if there are fewer than 8 rows (or groups).

    Args:
        labels: The truth, shape (rows,).
        predictions: The labels predicted, shape (rows,), of the same type.
        groups: As in `binary`.
        resampling: How to draw.

    Raises:
        ValueError: There are no rows, arrays of different lengths, missing or non-finite values, or more than 1,024
            classes.
    """
    _check({"labels": labels, "predictions": predictions, "groups": groups})
    both = [*_sortable(labels), *_sortable(predictions)]
    classes = sorted(set(both))
    if len(classes) > MOST_CLASSES:
        raise ValueError(f"labels and answers have {len(classes):,} classes; accepted: {MOST_CLASSES:,} at most")
    places = {value: place for place, value in enumerate(classes)}
    index = np.fromiter((places[value] for value in both), np.int64, len(both))
    truth, predicted = index[: len(labels)], index[len(labels) :]
    names = [_class_name(value) for value in classes]
    table = np.bincount(truth * len(names) + predicted, minlength=len(names) ** 2).reshape(len(names), -1).tolist()
    return ModelQuality(
        kind="multiclass",
        item_count=len(labels),
        metrics=_estimates(
            "multiclass",
            _of_classes(truth, predicted, classes=len(names)),
            rows=len(labels),
            groups=groups,
            resampling=resampling,
        ),
        confusion_matrix={name: dict(zip(names, row, strict=True)) for name, row in zip(names, table, strict=True)},
        curves={},
    )


def regression(
    labels: Values,
    *,
    predictions: Values,
    groups: Values | None = None,
    resampling: Resampling = _DEFAULT,
) -> ModelQuality:
    """Quality of a model that answers with a number.

    `mae` and `rmse` have the unit of the labels, `mse` its square; `r2` has none, and is undefined if all labels are
    alike. A metric beyond the range of 64-bit numbers is undefined as well. Intervals are left out as in `binary`.

    Args:
        labels: The truth, shape (rows,).
        predictions: The answers, shape (rows,), in the same unit.
        groups: As in `binary`.
        resampling: How to draw.

    Raises:
        ValueError: There are no rows, arrays of different lengths, missing or non-finite values, or values that are no
            numbers.
    """
    _check({"labels": labels, "predictions": predictions, "groups": groups})
    return ModelQuality(
        kind="regression",
        item_count=len(labels),
        metrics=_estimates(
            "regression",
            _of_numbers(_numbers(labels, "labels"), _numbers(predictions, "predictions")),
            rows=len(labels),
            groups=groups,
            resampling=resampling,
        ),
        curves={},
    )


def relative_worsening(metric_name: str, *, baseline: float | None, current: float | None) -> float:
    """How much worse a metric is than its baseline, relative to the baseline: from 0, no worse, to 1.

    A log loss that rises by 10 % gives 0.1, and so does a recall that falls by 10 %. Where there is nothing to be
    relative to:

    - Of a metric of which lower is better, any rise from a baseline of 0 gives 1.
    - Of one of which higher is better, a baseline of 0 gives 0, since it cannot fall.
    - An R² of 0 or less has no meaning as a share. The rise of 1 - R², the mean square error relative to that of the
      labels' mean, counts instead: a fall from 0 to -0.1 gives 0.1.

    Raises:
        ValueError: The metric is unknown, or a value is None or not finite.
    """
    if metric_name not in _KNOWN:
        raise ValueError(f"metric {metric_name!r} is unknown; accepted: {', '.join(sorted(_KNOWN))}")
    before, now = _defined(baseline, f"the baseline of {metric_name}"), _defined(current, metric_name)
    lower_is_better = metric_name in LOWER_IS_BETTER
    loss = now - before if lower_is_better else before - now
    if loss <= 0:
        return 0.0
    if metric_name == "r2" and before <= 0:
        return min(loss / (1 - before), 1.0)
    if before <= 0:
        return 1.0 if lower_is_better else 0.0
    return min(loss / before, 1.0)


def suggest_constraints(kind: Kind, baseline: Mapping[str, float]) -> Mapping[str, Json]:
    """The section of Model Monitor's `constraints.json`, under its name: no metric a tenth worse than at the baseline.

    The thresholds that Model Monitor suggests are the baseline's values themselves, which every other window breaks. As
    there, there is none for a best constant classifier, which depends on the data alone.

    Args:
        kind: What the model answers.
        baseline: The metrics that have a value.
    """
    section: dict[str, Json] = {
        name: {
            "threshold": _a_tenth_worse(name, value),
            "comparison_operator": _GREATER if name in LOWER_IS_BETTER else _LESS,
        }
        for name, value in baseline.items()
        if name in METRICS[kind] and not name.endswith(CONSTANT)
    }
    return {f"{SECTIONS[kind]}_constraints": section}


def _a_tenth_worse(name: str, value: float) -> float:
    """Where `relative_worsening` says 0.1."""
    if name in LOWER_IS_BETTER:
        return value * (1 + LINE)
    if name == "r2" and value <= 0:
        return 1 - (1 - value) * (1 + LINE)
    return value * (1 - LINE)


def violations(constraints: Mapping[str, object], quality: ModelQuality) -> tuple[QualityViolation, ...]:
    """The metrics beyond their thresholds, in the order of the constraints.

    Where a metric has an interval, all of it has to be beyond the threshold, so that a window of few rows does not
    violate what chance alone may make of it; in Model Monitor the value alone counts. A metric that is undefined in the
    window, such as a recall without a positive label, violates nothing.

    Args:
        constraints: A parsed `constraints.json`. Sections of other kinds of model are not read.
        quality: Of the window.

    Raises:
        ValueError: The constraints have no section for this kind of model, or it names a metric that is unknown or was
            not measured, an unknown operator, or a threshold that is no finite number.
    """
    section = f"{SECTIONS[quality.kind]}_constraints"
    entries = constraints.get(section)
    if not isinstance(entries, Mapping):
        raise ValueError(f"the constraints have no {section}; they have: {', '.join(constraints) or 'nothing'}")
    found = []
    for name, entry in entries.items():
        threshold, operator = _constraint(name, entry, quality)
        metric = quality.metrics[name]
        value = metric.value
        if value is not None and all(
            end < threshold if operator == _LESS else end > threshold
            for end in (value, metric.lower, metric.upper)
            if end is not None
        ):
            found.append(
                QualityViolation(
                    constraint_check_type=operator,
                    metric_name=name,
                    description=f"Metric {name} with {value} was {operator} '{threshold}'",
                )
            )
    return tuple(found)


def _constraint(name: str, entry: object, quality: ModelQuality) -> tuple[float, str]:
    known = METRICS[quality.kind]
    if name not in known:
        raise ValueError(f"the constraints name metric {name!r}; accepted: {', '.join(known)}")
    if name not in quality.metrics:
        raise ValueError(f"the constraints name metric {name}, which needs probabilities; the window has none")
    fields = entry if isinstance(entry, Mapping) else {}
    threshold, operator = fields.get("threshold"), fields.get("comparison_operator")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not isfinite(threshold):
        raise ValueError(f"the threshold of {name} is {threshold!r}; accepted: a finite number")
    if operator != _LESS and operator != _GREATER:
        raise ValueError(f"the comparison operator of {name} is {operator!r}; accepted: {_LESS} or {_GREATER}")
    return threshold, str(operator)


def _defined(value: float | None, name: str) -> float:
    if value is None or not isfinite(value):
        raise ValueError(f"{name} is {value}; accepted: a finite number")
    return value


def _check(arrays: Mapping[str, Values | None]) -> None:
    given = {name: values for name, values in arrays.items() if values is not None}
    for name, values in given.items():
        if values.ndim != 1:
            raise ValueError(f"{name} are of {values.ndim} dimensions; accepted: one")
    rows = len(given["labels"])
    if not rows:
        raise ValueError("there are 0 rows; accepted: 1 or more")
    for name, values in given.items():
        if len(values) != rows:
            raise ValueError(f"there are {len(values)} {name} and {rows} labels; accepted: one of each a row")
        if missing := _missing(values):
            raise ValueError(f"{missing} of {rows} {name} are missing or not finite; accepted: none")


def _missing(values: Values) -> int:
    if values.dtype.kind == "O":
        return sum(value is None or value != value for value in values.tolist())
    return int(np.count_nonzero(~np.isfinite(values.astype(np.float64)))) if values.dtype.kind == "f" else 0


def _numbers(values: Values, name: str) -> Floats:
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} are of type {values.dtype}; accepted: numbers")
    return values.astype(np.float64)


def _probabilities(values: Values) -> Floats:
    numbers = _numbers(values, "probabilities")
    if beyond := np.count_nonzero((numbers < 0) | (numbers > 1)):
        raise ValueError(f"{beyond} of {len(numbers)} probabilities are below 0 or above 1; accepted: none")
    return numbers


def _sortable(values: Values) -> list[str | float]:
    # Not as an array of texts, of which each would take as much as the longest.
    return [str(value) for value in values.tolist()] if values.dtype.kind == "O" else values.tolist()


def _class_name(value: object) -> str:
    # Labels that are whole numbers are floats after a column with gaps.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _ratio(numerator: Floats, denominator: Floats, *, otherwise: float = nan) -> Floats:
    """The quotient, or `otherwise` where the denominator is not positive."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), otherwise)
    quotient: Floats = np.divide(numerator, denominator, out=out, where=denominator > 0)
    return quotient


def _of_labels(cells: Floats) -> _Metrics:
    """Binary metrics that need no probabilities; the cells, shape (rows, 4), are one-hot."""

    def metrics(weights: Floats) -> Mapping[str, Floats]:
        true_positive, false_negative, false_positive, true_negative = (weights @ cells).T
        positive, negative = true_positive + false_negative, false_positive + true_negative
        predicted = true_positive + false_positive
        rows = positive + negative
        recall = _ratio(true_positive, positive)
        defined = np.where(positive > 0, 1.0, nan)
        return {
            "recall": recall,
            "precision": _ratio(true_positive, predicted),
            "accuracy": (true_positive + true_negative) / rows,
            **{
                name: defined * _ratio((1 + beta**2) * true_positive, beta**2 * positive + predicted)
                for name, beta in _BETAS.items()
            },
            f"recall{CONSTANT}": defined,
            f"precision{CONSTANT}": positive / rows,
            f"accuracy{CONSTANT}": positive / rows,
            **{
                name + CONSTANT: defined * (1 + beta**2) * positive / (beta**2 * positive + rows)
                for name, beta in _BETAS.items()
            },
            "true_positive_rate": recall,
            "true_negative_rate": _ratio(true_negative, negative),
            "false_positive_rate": _ratio(false_positive, negative),
            "false_negative_rate": _ratio(false_negative, positive),
        }

    return metrics


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ranking:
    """Rows by falling probability.

    Attributes:
        order: Of the rows, shape (rows,).
        positive: 1 for a positive label and 0 for another, in this order.
        ends: Where each run of equal probabilities ends, since a threshold cannot part them, shape (thresholds,).
    """

    order: Integers
    positive: Floats
    ends: Integers

    @classmethod
    def of(cls, truth: Booleans, scores: Floats) -> "_Ranking":
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        return cls(order=order, positive=truth[order].astype(np.float64), ends=ends)

    def at_thresholds(self, weights: Floats) -> tuple[Floats, Floats]:
        """True and all predicted positives from each threshold up, each of shape (resamples, thresholds)."""
        drawn = weights[:, self.order]
        return (
            np.cumsum(drawn * self.positive, axis=1)[:, self.ends],
            np.cumsum(drawn, axis=1)[:, self.ends],
        )

    def curves(self) -> Mapping[str, Mapping[str, Sequence[float]]]:
        """Both curves from the highest threshold down, those that are defined."""
        true, predicted = (counts[0] for counts in self.at_thresholds(np.ones((1, len(self.order)))))
        positive, negative = true[-1], predicted[-1] - true[-1]
        curves: dict[str, Mapping[str, Sequence[float]]] = {}
        if positive and negative:
            false_rates = np.append(0.0, (predicted - true) / negative)
            true_rates = np.append(0.0, true / positive)
            kept = _thinned(false_rates + true_rates)
            curves["receiver_operating_characteristic_curve"] = {
                "false_positive_rates": tuple(false_rates[kept].tolist()),
                "true_positive_rates": tuple(true_rates[kept].tolist()),
            }
        if positive:
            precisions, recalls = np.append(1.0, true / predicted), np.append(0.0, true / positive)
            kept = _thinned(recalls)
            curves["precision_recall_curve"] = {
                "precisions": tuple(precisions[kept].tolist()),
                "recalls": tuple(recalls[kept].tolist()),
            }
        return curves


def _thinned(progress: Floats) -> Integers:
    """Which points of a curve to keep: both ends, and others at about even steps of what rises along it."""
    if len(progress) <= _MOST_POINTS:
        return np.arange(len(progress))
    between = np.searchsorted(progress, np.linspace(progress[0], progress[-1], _MOST_POINTS - 2))
    return np.unique(np.concatenate([[0], between, [len(progress) - 1]]))


def _of_scores(truth: Booleans, scores: Floats, ranking: _Ranking) -> _Metrics:
    """Binary metrics that need probabilities."""
    of_truth = np.clip(np.where(truth, scores, 1 - scores), _SMALLEST, 1.0)
    losses = np.stack([-np.log(of_truth), (truth - scores) ** 2], axis=1)

    def metrics(weights: Floats) -> Mapping[str, Floats]:
        true, predicted = ranking.at_thresholds(weights)
        false = predicted - true
        positive, negative = true[:, -1], false[:, -1]
        steps = np.diff(true, axis=1, prepend=0.0)
        # Pairs of a negative and a positive row in the right order; one of equal probabilities counts half.
        pairs = (np.diff(false, axis=1, prepend=0.0) * (true - steps / 2)).sum(axis=1)
        precision = _ratio(true, predicted, otherwise=0.0)
        log_loss, brier = (weights @ losses).T / predicted[:, -1]
        return {
            "auc": _ratio(pairs, positive * negative),
            "average_precision": _ratio((steps * precision).sum(axis=1), positive),
            "log_loss": log_loss,
            "brier": brier,
        }

    return metrics


def _of_classes(truth: Integers, predicted: Integers, *, classes: int) -> _Metrics:
    right = truth == predicted
    constant = int(np.bincount(truth, minlength=classes).argmax())

    def by_class(weights: Floats, of: Integers) -> Floats:
        return np.stack([np.bincount(of, weights=row, minlength=classes) for row in weights])

    def metrics(weights: Floats) -> Mapping[str, Floats]:
        hits = by_class(weights * right, truth)
        labelled, answered = by_class(weights, truth), by_class(weights, predicted)
        rows = labelled.sum(axis=1)
        shares = labelled / rows[:, np.newaxis]
        share = shares[:, constant]
        accuracy = hits.sum(axis=1) / rows
        return {
            "accuracy": accuracy,
            "weighted_recall": accuracy,  # shares times recalls are the shares of hits
            "weighted_precision": (shares * _ratio(hits, answered, otherwise=0.0)).sum(axis=1),
            **{
                f"weighted_{name}": (
                    shares * _ratio((1 + beta**2) * hits, beta**2 * labelled + answered, otherwise=0.0)
                ).sum(axis=1)
                for name, beta in _BETAS.items()
            },
            f"accuracy{CONSTANT}": share,
            f"weighted_recall{CONSTANT}": share,
            f"weighted_precision{CONSTANT}": share**2,
            **{
                f"weighted_{name}{CONSTANT}": (1 + beta**2) * share**2 / (beta**2 * share + 1)
                for name, beta in _BETAS.items()
            },
        }

    return metrics


def _of_numbers(labels: Floats, predictions: Floats) -> _Metrics:
    with np.errstate(over="ignore", invalid="ignore"):
        errors = predictions - labels
        centred = labels - labels.mean()  # keeps the digits of labels that are large and alike
        table = np.stack([np.abs(errors), errors**2, centred, centred**2], axis=1)

    def metrics(weights: Floats) -> Mapping[str, Floats]:
        rows = weights.sum(axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            absolute, square, first, second = (weights @ table).T / rows
            variance = second - first**2
            variance[variance <= _ROUNDING * second] = 0.0  # the labels drawn are all alike
            return {
                "mae": absolute,
                "mse": square,
                "rmse": np.sqrt(square),
                "r2": 1 - _ratio(square, variance),
            }

    return metrics


def _estimates(
    kind: Kind, metrics: _Metrics, *, rows: int, groups: Values | None, resampling: Resampling
) -> Mapping[str, Estimate]:
    values = metrics(np.ones((1, rows)))
    unit = None if groups is None else np.unique(groups, return_inverse=True)[1]
    units = rows if unit is None else int(unit.max()) + 1
    resampled: dict[str, Floats] = {}
    if units >= FEWEST_UNITS:
        parts = [metrics(weights) for weights in _weights(resampling, unit=unit, units=units, rows=rows)]
        resampled = {name: np.concatenate([part[name] for part in parts]) for name in values}
    return {
        name: _estimate(float(values[name][0]), resampled.get(name), resampling.confidence)
        for name in METRICS[kind]
        if name in values
    }


def _weights(resampling: Resampling, *, unit: Integers | None, units: int, rows: int) -> Iterator[Floats]:
    """How often each row is drawn, shape (resamples, rows), some resamples at a time, each time in the same array."""
    several = max(1, _CELLS // rows)
    weights = np.empty((several, rows))
    filled = 0
    for counts in resampling.counts(units):
        weights[filled] = counts if unit is None else counts[unit]
        filled += 1
        if filled == several:
            yield weights
            filled = 0
    if filled:
        yield weights[:filled]


def _estimate(value: float, resampled: Floats | None, confidence: float) -> Estimate:
    if not isfinite(value):
        return Estimate(value=None)
    drawn = None if resampled is None else defined(resampled)
    if drawn is None:
        return Estimate(value=value)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.array([drawn.std(ddof=1), *np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])])
    if not np.isfinite(spread).all():  # of values near the end of the range of numbers
        return Estimate(value=value)
    deviation, lower, upper = spread.tolist()
    return Estimate(value=value, standard_deviation=deviation, lower=lower, upper=upper)
