"""Whether a window of data keeps its constraints, and how far it is from the baseline."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from runtime.errors import JobError
from runtime.monitoring import distances
from runtime.monitoring.constraints import Constraints, FeatureConstraints, MonitoringConfig
from runtime.monitoring.distances import Distances
from runtime.monitoring.documents import document_text
from runtime.monitoring.lines import told
from runtime.monitoring.statistics import Feature, Statistics
from runtime.monitoring.summary import Kind


class Check(StrEnum):
    """What a constraint is about; the names are Model Monitor's, but for `NON_NEGATIVE`, which it has none for."""

    DATA_TYPE = "data_type_check"
    COMPLETENESS = "completeness_check"
    DRIFT = "baseline_drift_check"
    MISSING_COLUMN = "missing_column_check"
    EXTRA_COLUMN = "extra_column_check"
    CATEGORIES = "categorical_values_check"
    NON_NEGATIVE = "non_negative_check"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A constraint that is broken.

    Attributes:
        feature_name: Of which column.
        constraint_check_type: Which constraint.
        description: By how much.
    """

    feature_name: str
    constraint_check_type: Check
    description: str


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """How far a column is from its baseline.

    Attributes:
        name: The column.
        distances: Of its values; None where one side has none of the baseline's kind, and of identifiers.
        completeness: Share of rows with a value of the baseline's kind (number or text), 0 to 1.
        deviation: The larger of two numbers from 0 to 1: the robust distance of its values, and what it has lost of its
            completeness, less what chance makes of that. More values than at the baseline are no loss, as they break
            no constraint.
    """

    name: str
    distances: Distances | None
    completeness: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class DataQuality:
    """The outcome of a check.

    Attributes:
        rows: How many rows the window has.
        features: How far each column of the constraints is from the baseline.
        violations: The constraints that are broken.
        deviation: The largest deviation of the columns that matter, 0 to 1; None of a window without rows.
        worst: The column that it is of; empty without one.
    """

    rows: int
    features: Sequence[FeatureDrift]
    violations: Sequence[Violation]
    deviation: float | None
    worst: str

    def text(self) -> str:
        """The content of `constraint_violations.json`."""
        found = [
            {
                "feature_name": one.feature_name,
                "constraint_check_type": one.constraint_check_type.value,
                "description": one.description,
            }
            for one in self.violations
        ]
        return document_text({"violations": found})


def check(
    *, constraints: Constraints, baseline: Statistics, current: Statistics, that_matter: Collection[str] | None = None
) -> DataQuality:
    """Compares a window with the baseline.

    A window without rows breaks nothing: that there is no traffic is for another alarm to say.

    Args:
        constraints: What the window must keep.
        baseline: The statistics that the constraints were made from.
        current: The window's.
        that_matter: The columns whose deviation counts; left out, all.

    Raises:
        JobError: A column that matters is not in the constraints, or one of these not in the baseline.
    """
    known = {each.name for each in constraints.features}
    if unknown := sorted(set(that_matter or ()) - known):
        accepted = ", ".join(map(told, sorted(known)))
        raise JobError(f"the constraints have no column {told(unknown[0])}; accepted: {accepted}.")
    if absent := sorted(known - {feature.name for feature in baseline.features}):
        raise JobError(
            f"the baseline has no column {told(absent[0])}, which the constraints have: they are not of one run."
        )
    rows = current.dataset.item_count
    if rows == 0:
        return DataQuality(rows=0, features=(), violations=(), deviation=None, worst="")
    drifts, violations = [], []
    for each in constraints.features:
        one = _Comparison(
            keeps=each,
            config=constraints.config_of(each),
            baseline=_known(baseline.feature(each.name)),
            baseline_rows=baseline.dataset.item_count,
            current=current.feature(each.name),
            rows=rows,
        )
        drifts.append(one.drift())
        if one.config.evaluate_constraints == "Enabled":
            violations += one.violations()
    extra = [feature.name for feature in current.features if feature.name not in known]
    violations += [
        Violation(
            feature_name=name, constraint_check_type=Check.EXTRA_COLUMN, description="the baseline has no such column"
        )
        for name in extra
    ]
    counting = [one for one in drifts if that_matter is None or one.name in that_matter]
    worst = max(counting, key=lambda one: one.deviation, default=None)
    return DataQuality(
        rows=rows,
        features=drifts,
        violations=violations if constraints.monitoring_config.evaluate_constraints == "Enabled" else (),
        deviation=worst.deviation if worst else 0.0,
        worst=worst.name if worst else "",
    )


def _known(feature: Feature | None) -> Feature:
    if feature is None:
        raise ValueError("a column of the constraints is in the baseline")
    return feature


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """A column, and the same of the baseline."""

    keeps: FeatureConstraints
    config: MonitoringConfig
    baseline: Feature
    baseline_rows: int
    current: Feature | None
    rows: int

    def drift(self) -> FeatureDrift:
        found = self._distances
        then = self._of_kind(self.baseline) / self.baseline_rows if self.baseline_rows else 0.0
        now = self._of_kind(self.current) / self.rows if self.current else 0.0
        lost = distances.robust(then - now, baseline=self.baseline_rows, current=self.rows)
        deviation = max(found.robust if found else 0.0, lost)
        return FeatureDrift(name=self.keeps.name, distances=found, completeness=now, deviation=deviation)

    def violations(self) -> list[Violation]:
        if self.current is None:
            return [self._broken(Check.MISSING_COLUMN, f"none of {self.rows} rows has the column")]
        checks = (self._data_type, self._completeness_check, self._non_negative, self._categories, self._drift_check)
        return [violation for one in checks for violation in one(self.current)]

    @cached_property
    def _distances(self) -> Distances | None:
        if self.current is None:
            return None
        then, now = self.baseline.numerical_statistics, self.current.numerical_statistics
        if then and now:
            sides = then.steps(), now.steps()
            return distances.of_numbers(*sides) if all(len(side.points) for side in sides) else None
        texts_then, texts_now = self.baseline.string_statistics, self.current.string_statistics
        if texts_then and texts_now:
            (counts_then, others_then), (counts_now, others_now) = texts_then.counts(), texts_now.counts()
            # Of the baseline alone: categories that have become identifiers are as far off as can be.
            if not _identifies(counts_then, others_then) and counts_now.total() + others_now:
                return distances.of_categories(counts_then, counts_now, others=(others_then, others_now))
        return None

    def _of_kind(self, side: Feature) -> int:
        """How many values are numbers, where the baseline's are, or texts: a text is no value of such a column.

        A baseline of lists, or of nothing, asks for no kind: any value is one.
        """
        counts = side.type_counts
        if self.baseline.inferred_type is Kind.UNKNOWN:
            return side.common.num_present
        if counts is None:  # of a document of Model Monitor: all or nothing
            numeric = side.numerical_statistics is not None
            return side.common.num_present if numeric is (self.baseline.numerical_statistics is not None) else 0
        return counts.integral + counts.fractional if self.baseline.numerical_statistics else counts.string

    def _broken(self, check: Check, description: str) -> Violation:
        return Violation(feature_name=self.keeps.name, constraint_check_type=check, description=description)

    def _data_type(self, current: Feature) -> list[Violation]:
        share, limit, wanted = (
            self._of_other_type(current),
            self.config.datatype_check_threshold,
            self.keeps.inferred_type,
        )
        # A baseline may be mixed: what it has itself is no fault, unless somebody has asked for another type.
        then = self._of_other_type(self.baseline) if self.baseline.inferred_type in _ACCEPTED.get(wanted, ()) else 0.0
        if share - then <= limit:
            return []
        more = f", {share - then:.2%} more than at the baseline" if then else ""
        said = f"{share:.2%} of the values are not {wanted}{more}, which exceeds the threshold of {limit:.2%}"
        return [self._broken(Check.DATA_TYPE, said)]

    def _of_other_type(self, current: Feature) -> float:
        present, wanted = current.common.num_present, self.keeps.inferred_type
        if present == 0 or wanted is Kind.UNKNOWN:
            return 0.0
        counts = current.type_counts
        if counts is None:  # of a document of Model Monitor: all or nothing
            return 0.0 if current.inferred_type in _ACCEPTED[wanted] else 1.0
        fitting = {
            Kind.INTEGRAL: counts.integral,
            Kind.FRACTIONAL: counts.integral + counts.fractional,
            Kind.STRING: counts.string,
        }[wanted]
        return 1 - fitting / present

    def _completeness_check(self, current: Feature) -> list[Violation]:
        share, least = current.common.num_present / self.rows, self.keeps.completeness
        if share >= least or not distances.robust(least - share, baseline=self.baseline_rows, current=self.rows):
            return []
        missing = current.common.num_missing
        said = f"{share:.2%} of the rows have a value ({missing} have none), which is less than {least:.2%}"
        return [self._broken(Check.COMPLETENESS, said)]

    def _non_negative(self, current: Feature) -> list[Violation]:
        keeps, numbers = self.keeps.num_constraints, current.numerical_statistics
        if not (keeps and keeps.is_non_negative and numbers and numbers.min is not None and numbers.min < 0):
            return []
        return [self._broken(Check.NON_NEGATIVE, f"the smallest value is {numbers.min:g}; accepted: 0 and more")]

    def _categories(self, current: Feature) -> list[Violation]:
        keeps, texts = self.keeps.string_constraints, current.string_statistics
        if not (keeps and texts):
            return []
        counts, others = texts.counts()
        total = counts.total() + others
        known = frozenset(keeps.domains)
        new = [text for text, _ in counts.most_common() if text not in known]
        share = (sum(counts[text] for text in new) + others) / total if total else 0.0
        limit = self.config.domain_content_threshold
        if share <= limit:
            return []
        named = ", ".join(f"{text!r}" for text in new[:3])
        said = f"{share:.2%} of the values are new ({named}), which exceeds the threshold of {limit:.2%}"
        return [self._broken(Check.CATEGORIES, said)]

    def _drift_check(self, _current: Feature) -> list[Violation]:
        asked, found = self.config.distribution_constraints, self._distances
        if asked.perform_comparison == "Disabled" or found is None:
            return []
        numeric = self.baseline.numerical_statistics is not None
        distance = found.robust if asked.comparison_method == "Robust" else found.simple
        limit = asked.comparison_threshold if numeric else asked.categorical_comparison_threshold
        if distance <= limit:
            return []
        kind = "Numerical" if numeric else "Categorical"
        said = f"{kind} distance: {distance} exceeds {kind.lower()} threshold: {limit}"
        return [self._broken(Check.DRIFT, said)]


def _identifies(counts: Counter[str], others: int) -> bool:
    """Whether texts are identifiers, most of which occur once, and no categories; or there are none at all."""
    return others > 0 or 2 * len(counts) > counts.total() or counts.total() == 0


_ACCEPTED = {
    Kind.INTEGRAL: {Kind.INTEGRAL},
    Kind.FRACTIONAL: {Kind.INTEGRAL, Kind.FRACTIONAL},
    Kind.STRING: {Kind.STRING},
}
