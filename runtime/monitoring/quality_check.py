"""Whether a model answers as well as at its baseline, once the truth of its answers is known."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from runtime.errors import JobError
from runtime.monitoring.answers import Joined, NoTruthError, as_texts, classes_of, joined
from runtime.monitoring.documents import document_text, read_document
from runtime.monitoring.estimate import Estimate
from runtime.monitoring.lines import told
from runtime.monitoring.model_quality import (
    CONSTANT,
    METRICS,
    SECTIONS,
    Json,
    Kind,
    ModelQuality,
    QualityViolation,
    binary,
    multiclass,
    regression,
    relative_worsening,
    suggest_constraints,
    violations,
)

# What counts where nobody says: of two classes what the gate of a training pipeline looks at.
_DEFAULT_METRICS: Mapping[Kind, Sequence[str]] = {
    "binary": ("average_precision", "log_loss"),
    "multiclass": ("accuracy",),
    "regression": ("rmse",),
}


_LARGEST = 1e300  # of a number that a metric may have


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a model answers, and what of it counts.

    Attributes:
        kind: What it answers: the probability of one of two classes, a class, or a number.
        answer: The field of an answer.
        label: The column of the truth.
        positive: The positive label of two classes, as text: `1` for 1, 1.0 and true.
        metrics: The metrics whose worsening counts; empty: average precision and log loss, accuracy, or RMSE.
    """

    kind: Kind
    answer: str
    label: str
    positive: str
    metrics: Sequence[str]

    def __post_init__(self) -> None:
        refuse_unknown_metrics(self.kind, self.metrics)

    @property
    def counting(self) -> Sequence[str]:
        """The metrics whose worsening counts."""
        return self.metrics or _DEFAULT_METRICS[self.kind]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The quality of a window.

    Attributes:
        quality: Its metrics.
        counts: What was left out, by why, and how often.
    """

    quality: ModelQuality
    counts: Counter[str]

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics that have a value."""
        found = self.quality.metrics.items()
        return {name: estimate.value for name, estimate in found if estimate.value is not None}

    def text(self) -> str:
        """The content of `statistics.json`."""
        dataset: Json = {"item_count": self.quality.item_count, "left_out": dict(self.counts)}
        return document_text({"version": 0.0, "dataset": dataset, **self.quality.document()})


@dataclass(frozen=True, kw_only=True)
class ComparedMetric:
    """A metric beside its baseline.

    Attributes:
        name: The metric.
        baseline: Its value at the baseline.
        current: Of the window.
        worsening: By what share of the baseline it is worse, 0 to 1; None without a value.
        undefined: Why the window has no value of it; empty where it has one.
        counts: Whether its worsening counts, and its constraint.
    """

    name: str
    baseline: float
    current: Estimate
    worsening: float | None
    undefined: str = ""
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The outcome of a check.

    Attributes:
        current: The window.
        constraints: What it must keep, as a document.
        metrics: Those that count, and then the others, beside their baseline; those of a best constant classifier,
            which the data alone makes, are left out.
        violations: The constraints of metrics that count that are broken.
        deviation: The largest worsening of a metric that counts, 0 to 1; None if one of them has no value.
        worst: That metric; empty if one has no value.
        left_out_of_baseline: What was left out of the baseline's tables; nothing, if it is a document.
    """

    current: Measured
    constraints: Mapping[str, object]
    metrics: Sequence[ComparedMetric]
    violations: Sequence[QualityViolation]
    deviation: float | None
    worst: str
    left_out_of_baseline: Counter[str] = field(default_factory=Counter)

    @property
    def not_known(self) -> str:
        """Which metrics that count the window has no value of, and why; empty if it has one of each."""
        missing = [f"{one.name} ({one.undefined})" for one in self.metrics if one.counts and one.undefined]
        return f"the window has no value of {', '.join(missing)}" if missing else ""

    def files(self) -> dict[str, str]:
        """Contents of the files of a run, by name."""
        return {
            "statistics.json": self.current.text(),
            "constraints.json": document_text({"version": 0.0, **self.constraints}),
            "constraint_violations.json": document_text({"violations": [one.document() for one in self.violations]}),
        }


def refuse_unknown_metrics(kind: Kind, metrics: Sequence[str]) -> None:
    """Refuses metrics that there are none of.

    Raises:
        JobError: One is unknown.
    """
    if unknown := [name for name in metrics if name not in METRICS[kind]]:
        raise JobError(f"there is no metric {unknown[0]} of {kind}; accepted: {', '.join(METRICS[kind])}.")


def quality_of(problem: Problem, data: Sequence[Path], truth: Sequence[Path] | None) -> Measured:
    """Measures the answers whose truth is known.

    Args:
        problem: What the model answers.
        data: Captures, or tables with answers.
        truth: Ground truth, or tables with labels; None if the labels are in the tables with the answers.

    Raises:
        NoTruthError: No answer has its truth.
        JobError: No label is positive and nobody knows which one is negative, or there are more than 1,024 classes.
    """
    numeric = problem.kind != "multiclass"
    found = joined(data, truth, answer=problem.answer, label=problem.label, numeric=numeric)
    if problem.kind != "multiclass":
        found = _usable(problem, found)
    if found.labels.is_empty():
        why = "; ".join(f"{count} {fault}" for fault, count in found.counts.items()) or "no row"
        raise NoTruthError(
            f"no answer has its truth ({why}); accepted: answers and labels with the same inference ids."
        )
    try:
        return Measured(quality=_measured(problem, found.labels, found.answers), counts=found.counts)
    except ValueError as error:
        raise JobError(f"{error}.") from error


def compared(
    problem: Problem,
    *,
    baseline: Mapping[str, float],
    current: Measured,
    constraints: Mapping[str, object] | None,
    left_out_of_baseline: Counter[str] | None = None,
) -> Compared:
    """Compares a window with the baseline.

    A metric that the window has no value of, such as a recall without a positive label, is there without one; if it
    counts, nobody knows the deviation. One that the baseline has no value of is left out.

    Args:
        problem: What the model answers.
        baseline: The metrics at the baseline.
        current: The window.
        constraints: What it must keep; None for metrics that are no more than a tenth worse than at the baseline. Those
            of metrics that do not count are not looked at.
        left_out_of_baseline: What was left out of the baseline's tables.

    Raises:
        JobError: The constraints are none for these answers, or a metric that counts has no baseline.
    """
    window = current.quality.metrics
    if undefined := [name for name in problem.counting if name not in baseline]:
        raise JobError(
            f"the baseline has no value of {undefined[0]}; accepted as --metric: {', '.join(baseline) or 'none'}."
        )
    ordered = dict.fromkeys([*problem.counting, *METRICS[problem.kind]])
    metrics = [
        _beside(name, baseline[name], current.quality, counts=name in problem.counting)
        for name in ordered
        if name in baseline and name in window and (name in problem.counting or not name.endswith(CONSTANT))
    ]
    worst = max((one for one in metrics if one.counts), key=lambda one: one.worsening or 0.0)
    known = not any(one.counts and one.undefined for one in metrics)
    asked = constraints if constraints is not None else suggest_constraints(problem.kind, baseline)
    try:
        broken = [one for one in violations(asked, current.quality) if one.metric_name in problem.counting]
    except ValueError as error:
        raise JobError(f"{error}.") from error
    return Compared(
        current=current,
        constraints=asked,
        metrics=metrics,
        violations=broken,
        deviation=worst.worsening if known else None,
        worst=worst.name if known else "",
        left_out_of_baseline=left_out_of_baseline or Counter(),
    )


def _beside(name: str, baseline: float, quality: ModelQuality, *, counts: bool) -> ComparedMetric:
    current = quality.metrics[name]
    if current.value is None:
        why = _why_undefined(quality)
        return ComparedMetric(
            name=name, baseline=baseline, current=current, worsening=None, undefined=why, counts=counts
        )
    worse = relative_worsening(name, baseline=baseline, current=current.value)
    return ComparedMetric(name=name, baseline=baseline, current=current, worsening=worse, counts=counts)


def _why_undefined(quality: ModelQuality) -> str:
    """Why some metrics of a window have no value, as the functions that measure them say."""
    if quality.confusion_matrix is None:
        return "all labels are alike, or the numbers are too large"
    negative, positive = (sum(quality.confusion_matrix[name].values()) for name in ("0", "1"))
    if not positive:
        return "no label is positive"
    return "every label is positive" if not negative else "no answer is positive"


def read_quality(path: Path, problem: Problem) -> Mapping[str, float]:
    """The metrics of `statistics.json`, ours or Model Monitor's.

    Raises:
        JobError: It is missing, of another version, or has no metrics of what the model answers.
    """
    section = f"{SECTIONS[problem.kind]}_metrics"
    found = _of_known_version(path).get(section)
    if not isinstance(found, Mapping):
        raise JobError(f"{path} has no {section}; accepted: statistics.json of a model of that kind.")
    values = {name: entry.get("value") for name, entry in found.items() if isinstance(entry, Mapping)}
    numbers = {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name in METRICS[problem.kind]
    }
    if bad := [name for name, value in numbers.items() if not abs(value) < _LARGEST]:
        raise JobError(f"{path} has no finite number for {bad[0]}.")
    return {name: float(value) for name, value in numbers.items()}


def constraints_beside(path: Path) -> Mapping[str, object] | None:
    """`constraints.json` beside `statistics.json`; None if there is none.

    Raises:
        JobError: It cannot be read, is of another version, or has a key that is not known.
    """
    beside = path.with_name("constraints.json")
    if not os.path.lexists(beside):
        return None
    found = _of_known_version(beside)
    known = ["version", *(f"{section}_constraints" for section in SECTIONS.values())]
    if odd := [name for name in found if name not in known]:
        raise JobError(f"{beside} has a key {told(odd[0]):.60}; accepted: {', '.join(known)}.")
    return found


def _of_known_version(path: Path) -> dict[str, object]:
    """A document of Model Monitor's format, of which 0 is the only version there is."""
    found = read_document(path)
    version = found.get("version", 0.0)
    if isinstance(version, bool) or not isinstance(version, int | float) or not 0 <= version < 1:
        raise JobError(f"{path} is of version {told(str(version)):.60}; accepted: 0.0.")
    return found


def _usable(problem: Problem, found: Joined) -> Joined:
    """Labels that are numbers, or whether they are positive, of the answers that are what this kind of model gives."""
    counts = found.counts.copy()
    if problem.kind == "regression":
        labels, kept = found.labels.cast(pl.Float64, strict=False), pl.repeat(True, len(found.labels), eager=True)
        counts["labels that are no number"] += labels.null_count()
    else:
        labels, kept = (
            classes_of(found.labels, positive=problem.positive, counts=counts),
            found.answers.is_between(0, 1),
        )
        counts["answers that are no probability, from 0 to 1"] += int((~kept).sum())
    kept &= labels.is_not_null()
    return Joined(labels=labels.filter(kept), answers=found.answers.filter(kept), counts=+counts)


def _measured(problem: Problem, labels: pl.Series, answers: pl.Series) -> ModelQuality:
    if problem.kind == "regression":
        return regression(labels.to_numpy(), predictions=answers.to_numpy())
    if problem.kind == "multiclass":
        return multiclass(_texts(labels), predictions=_texts(answers))
    return binary(labels.to_numpy(), positive=True, probabilities=answers.to_numpy())


def _texts(values: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.array(as_texts(values).to_list(), dtype=object)
