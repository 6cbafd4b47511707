"""Whether data may train a model: held against the baseline of the version that was accepted last.

The platform's own step, so that no model's code can loosen it. Drift is no reason to reject data, for it is what one
trains anew for. Data that is broken is one: columns that are missing, of another type, empty, below zero, full of
categories that nobody knows, or labels that are none.

| input | types and missing columns | completeness | below zero, new categories |
|---|---|---|---|
| one that counts for data quality | held | as the baseline's | held |
| another, which moves with the calendar | held | not empty, if half of the baseline's rows have a value | left |
"""

import json
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from runtime.errors import JobError
from runtime.jobs import ProcessingJob
from runtime.labelled_windows import RESERVED, labelled_windows
from runtime.monitoring import data_quality
from runtime.monitoring.checks import CHECKS_FILE, DATA_QUALITY, MODEL_QUALITY, Checks
from runtime.monitoring.constraints import (
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
    read_constraints,
)
from runtime.monitoring.data_quality import Check, Violation
from runtime.monitoring.distances import robust
from runtime.monitoring.documents import document_text, read_document, read_model
from runtime.monitoring.statistics import Statistics, read_statistics, statistics_of
from runtime.monitoring.summary import Kind
from runtime.monitoring.tables import summarized

NO_CHAMPION = "none.json"  # an input of a job is never empty, so a marker says that there is no champion
VIOLATIONS = "constraint_violations.json"
DATASET = "the dataset"
_MOST_CHARACTERS = 900  # API_DescribeProcessingJob: FailureReason ends after 1,024, and SageMaker's own words go first
_MOSTLY = 0.5  # of the baseline's rows have a value: an input that is empty then is broken, and not out of season
_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is looked at on its own.

    Attributes:
        name: For the sentence.
        rows: Its rows.
        strict: Whether a column that nobody knows is a fault; prepared rows have their features beside the inputs.
    """

    name: str
    rows: pl.DataFrame
    strict: bool


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the champion was accepted on.

    Attributes:
        checks: What is checked of it.
        statistics: Of its inputs.
        constraints: Of its inputs, without those that the model no longer takes.
        counting: The inputs that count.
        classes: The labels that it knows, as texts; empty unless its answers are of several classes.
    """

    checks: Checks
    statistics: Statistics
    constraints: Constraints
    counting: Collection[str]
    classes: Collection[str]

    @classmethod
    def read(cls, folder: Path, *, inputs: Collection[str]) -> "Baseline | None":
        """Reads a folder of baselines; none if that is of a version whose inputs were measured only when asked for.

        Raises:
            JobError: A file is missing or unreadable.
        """
        checks = read_model(folder / CHECKS_FILE, Checks)
        if checks.data_quality is None and not (folder / DATA_QUALITY).is_dir():
            return None
        statistics = read_statistics(folder / DATA_QUALITY / "statistics.json")
        constraints = read_constraints(folder / DATA_QUALITY / "constraints.json")
        kept = [feature for feature in constraints.features if feature.name in inputs]
        return cls(
            checks=checks,
            statistics=statistics,
            constraints=constraints.model_copy(update={"features": kept}),
            counting=(checks.data_quality.features if checks.data_quality else ()) or [one.name for one in kept],
            classes=_classes(folder, checks),
        )

    def violations(self, subject: Subject, *, inputs: Collection[str]) -> list[Violation]:
        """What is wrong with rows.

        Args:
            subject: The rows.
            inputs: The model's inputs, by name; those that the baseline does not have are not looked at.
        """
        if subject.rows.is_empty():
            return [_broken("", Check.COMPLETENESS, "there are no rows")]
        known = {feature.name for feature in self.constraints.features}
        apart = {self.checks.label, self.checks.answer, RESERVED, *(set(inputs) - known)}
        columns = [name for name in subject.rows.columns if name in known or (subject.strict and name not in apart)]
        return [*self._of_inputs(subject.rows.select(columns)), *self._of_labels(subject.rows)]

    def _of_inputs(self, rows: pl.DataFrame) -> list[Violation]:
        if not rows.width:  # then it has no rows either
            said = "none of the rows has the column"
            return [_broken(one.name, Check.MISSING_COLUMN, said) for one in self.constraints.features]
        current, unread = _statistics(rows)
        lasting = [_without_drift(one, counts=one.name in self.counting) for one in self.constraints.features]
        constraints = self.constraints.model_copy(update={"features": lasting})
        outcome = data_quality.check(constraints=constraints, baseline=self.statistics, current=current)
        empty = [found for one in self.constraints.features for found in self._empty(one, current)]
        faults = [_broken("", Check.DATA_TYPE, f"{count} {fault}") for fault, count in unread.items() if count]
        return [*outcome.violations, *empty, *faults]

    def _empty(self, feature: FeatureConstraints, current: Statistics) -> list[Violation]:
        found = current.feature(feature.name)
        if feature.name in self.counting or found is None or found.common.num_present or feature.completeness < _MOSTLY:
            return []
        rows, before = current.dataset.item_count, self.statistics.dataset.item_count
        if not robust(feature.completeness, baseline=before, current=rows):
            return []
        said = f"none of {rows} rows has a value; of the baseline's {feature.completeness:.2%} have one"
        return [_broken(feature.name, Check.COMPLETENESS, said)]

    def _of_labels(self, rows: pl.DataFrame) -> list[Violation]:
        name = self.checks.label
        if name not in rows.columns:
            return [_broken(name, Check.MISSING_COLUMN, f"none of {rows.height} rows has the column")]
        labels = rows[name]
        found = []
        if missing := labels.null_count():
            found.append(_broken(name, Check.COMPLETENESS, f"{missing} of {rows.height} rows have no label"))
        fitting, accepted = self._fitting(labels.drop_nulls())
        wrong = labels.drop_nulls().filter(~fitting)
        if not wrong.is_empty():
            examples = ", ".join(str(value) for value in wrong.unique(maintain_order=True).head(_EXAMPLES))
            said = f"{wrong.len()} of {rows.height} labels are none ({examples}); accepted: {accepted}"
            found.append(_broken(name, Check.CATEGORIES, said))
        return found

    def _fitting(self, labels: pl.Series) -> tuple[pl.Series, str]:
        """Of each label, whether it is one, and what one is."""
        all_of_them, none_of_them = (pl.repeat(value, labels.len(), eager=True) for value in (True, False))
        kind = labels.dtype
        if self.checks.answers == "binary":
            numbers = labels.cast(pl.Float64).is_in([0.0, 1.0]) if kind.is_numeric() else none_of_them
            return all_of_them if kind == pl.Boolean else numbers, "0 or 1"
        if self.checks.answers == "regression":
            numbers = labels.cast(pl.Float64).is_finite() if kind.is_numeric() else none_of_them
            return numbers, "finite numbers"
        if not self.classes:
            return all_of_them, "any class"
        return labels.cast(pl.String, strict=False).is_in(sorted(self.classes)), ", ".join(sorted(self.classes))


def check(job: ProcessingJob) -> None:
    """Reads the inputs `train`, `labelled` and `baseline`; writes what is wrong to the output `check`.

    Each labelled window is looked at on its own, and what was prepared to train on as a whole. The arguments
    `inputs-…` are the model's inputs as a JSON list. One that the baseline does not have is new, and one that only the
    baseline has is given up: neither is held against the data. Without a champion there is nothing to compare with.

    Raises:
        JobError: Something is wrong, in a sentence that begins with `rejected: `; or an input cannot be read.
    """
    inputs = _inputs(job.arguments.joined("inputs"))
    windows = labelled_windows(job.input("labelled"), identifier=job.arguments.text("labelled-id"))
    output = job.output("check")
    folder = job.input("baseline")
    baseline = None if (folder / NO_CHAMPION).is_file() else Baseline.read(folder, inputs=inputs)
    if baseline is None:
        (output / VIOLATIONS).write_text(document_text({"violations": []}), encoding="utf-8")
        print("no version has a baseline of its inputs yet: the data is compared with nothing")
        return
    if new := [name for name in inputs if name not in {one.name for one in baseline.constraints.features}]:
        print(f"new inputs, which the baseline does not have: {', '.join(new)}")
    subjects = [
        *(Subject(name=f"labelled window {window.id}", rows=window.table, strict=True) for window in windows),
        Subject(name=DATASET, rows=_prepared(job.input("train"), [*inputs, baseline.checks.label]), strict=False),
    ]
    found = {subject.name: baseline.violations(subject, inputs=inputs) for subject in subjects}
    (output / VIOLATIONS).write_text(_document(found), encoding="utf-8")
    for subject in subjects:
        print(f"{subject.name}: {subject.rows.height} rows, {len(found[subject.name])} violations", flush=True)
    if said := [_said(name, one) for name, violations in found.items() for one in violations]:
        print("\n".join(said))
        raise JobError(_rejected(said))


def _inputs(text: str) -> Sequence[str]:
    try:
        names = json.loads(text)
    except ValueError as error:
        raise JobError("argument inputs is no JSON; accepted: a list of names.") from error
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise JobError("argument inputs is no list of names; accepted: the model's inputs as a JSON list.")
    return names


def _prepared(folder: Path, wanted: Sequence[str]) -> pl.DataFrame:
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise JobError(f"input {folder.name} has no Parquet file.")
    lazy = pl.scan_parquet(paths)
    columns = lazy.collect_schema().names()
    return lazy.select(name for name in wanted if name in columns).collect()


def _statistics(rows: pl.DataFrame) -> tuple[Statistics, Mapping[str, int]]:
    """Statistics of rows, and how many cells could not be looked at, by why."""
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "rows.parquet"
        rows.write_parquet(table)
        summary = summarized([table])
        unread = dict(summary.faults)  # not those of statistics: a long text is no fault of the data's
        return statistics_of(summary), unread


def _without_drift(feature: FeatureConstraints, *, counts: bool) -> FeatureConstraints:
    overrides = feature.overrides or MonitoringConfig()
    apart = DistributionConstraints(perform_comparison="Disabled")
    kept = feature.model_copy(update={"overrides": overrides.model_copy(update={"distribution_constraints": apart})})
    if counts:
        return kept
    # That a few days had whole numbers only says nothing of others.
    kind = Kind.FRACTIONAL if feature.inferred_type is Kind.INTEGRAL else feature.inferred_type
    left = {"completeness": 0.0, "num_constraints": None, "string_constraints": None, "inferred_type": kind}
    return kept.model_copy(update=left)


def _classes(folder: Path, checks: Checks) -> Collection[str]:
    if checks.answers != "multiclass" or checks.model_quality is None:
        return ()
    section = read_document(folder / MODEL_QUALITY / "statistics.json").get("multiclass_classification_metrics", {})
    matrix = section.get("confusion_matrix", {}) if isinstance(section, Mapping) else {}
    return frozenset(matrix) if isinstance(matrix, Mapping) else ()


def _document(found: Mapping[str, Sequence[Violation]]) -> str:
    """In Model Monitor's format, and beside each violation, what it is of."""
    violations = [
        {
            "data": name,
            "feature_name": one.feature_name,
            "constraint_check_type": one.constraint_check_type.value,
            "description": one.description,
        }
        for name, ones in found.items()
        for one in ones
    ]
    return document_text({"violations": violations})


def _broken(name: str, rule: Check, description: str) -> Violation:
    return Violation(feature_name=name, constraint_check_type=rule, description=description)


def _said(name: str, violation: Violation) -> str:
    place = f"{name}, {violation.feature_name}" if violation.feature_name else name
    return f"{place}: {violation.constraint_check_type.value}: {violation.description}"


def _rejected(said: Sequence[str]) -> str:
    """All that is wrong, as far as the last words of a job have room, and how much more there is."""
    counted = Counter(said)
    parts: list[str] = []
    size = 0
    for one in counted:
        size += len(one.encode()) + 2
        if parts and size > _MOST_CHARACTERS:
            break
        parts.append(one)
    left = len(counted) - len(parts)
    return f"rejected: {'; '.join(parts)}" + (f"; and {left} more, in {VIOLATIONS}." if left else ".")
