"""Bias of data and of a model towards one facet: the metrics of SageMaker Clarify, and how far they have drifted.

The definitions are those of the Amazon SageMaker developer guide, "Pre-training Bias Metrics" and "Post-training Data
and Model Bias Metrics", a page for each metric. `a` is the favoured facet, `d` the disadvantaged one. Where a page and
Clarify's open library (smclarify 0.5) differ, the page counts:

- A metric that divides by zero is None. The library gives infinity, and 0 for 0/0.
- A label that one facet never has stays in KL, JS, LP, TVD and KS. The library drops it, which halves TVD, and has no
  value for facets that share no label. KL is None if only `a` has the label, since it is infinite then.
- CI is 1 or -1 if one facet has no rows. The library has none.

Left out is FT, the flip test: it asks what the model says of the nearest neighbours of each row, and so needs their
features; the answers alone do not tell.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from runtime.monitoring.estimate import FEWEST_UNITS, Estimate, Resamples, defined

Booleans: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = npt.NDArray[np.generic]
Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | float | None"

PRE_TRAINING: Mapping[str, str] = {
    "CI": "Class Imbalance (CI)",
    "DPL": "Difference in Positive Proportions in Labels (DPL)",
    "KL": "Kullback-Leibler Divergence (KL)",
    "JS": "Jensen-Shannon Divergence (JS)",
    "LP": "L-p Norm (LP)",
    "TVD": "Total Variation Distance (TVD)",
    "KS": "Kolmogorov-Smirnov Distance (KS)",
    "CDDL": "Conditional Demographic Disparity in Labels (CDDL)",
}
POST_TRAINING: Mapping[str, str] = {
    "DPPL": "Difference in Positive Proportions in Predicted Labels (DPPL)",
    "DI": "Disparate Impact (DI)",
    "DCA": "Difference in Conditional Acceptance (DCA)",
    "DCR": "Difference in Conditional Rejection (DCR)",
    "SD": "Specificity Difference (SD)",
    "RD": "Recall Difference (RD)",
    "DAR": "Difference in Acceptance Rates (DAR)",
    "DRR": "Difference in Rejection Rates (DRR)",
    "AD": "Accuracy Difference (AD)",
    "CDDPL": "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
    "TE": "Treatment Equality (TE)",
    "GE": "Generalized Entropy (GE)",
}

# GE is not among them: the guide says "0 to 0.5", but (n - 1) / 2 is reached by one right answer among n - 1 false
# negatives.
BOUNDED = frozenset(
    ("CI", "DPL", "JS", "TVD", "KS", "CDDL", "DPPL", "SD", "RD", "DAR", "DRR", "AD", "CDDPL")
)  # by 1, in absolute value

_SECTIONS: Mapping[str, Mapping[str, str]] = {
    "pre_training_bias_metrics": PRE_TRAINING,
    "post_training_bias_metrics": POST_TRAINING,
}
_BALANCED: Mapping[str, float] = {"DI": 1.0}  # of a ratio; of all others it is 0
_CHUNK = 100  # resamples at a time: of 1,000 groups, 6.4 MB a table
# Of CDDL and CDDPL, which compare within groups: of one row each they say nothing, and a table of all resamples of
# more would take more than 64 MB.
MOST_GROUPS = 10_000


@dataclass(frozen=True, kw_only=True)
class Above:
    """The numbers above a threshold, which itself is not among them, as in Clarify.

    Attributes:
        threshold: In the unit of the column.
    """

    threshold: float


Selection: TypeAlias = Sequence[str | int | float] | Above


def members(values: Values, *, of: Selection) -> Booleans:
    """Which rows belong to a facet, or have the positive label. A missing value (None or NaN) never does.

    Args:
        values: A column, shape (rows,).
        of: The values that belong, equal as in Python (1 is 1.0 and True, but not "1"); or the threshold above which
            numbers do.

    Returns:
        Shape (rows,).

    Raises:
        ValueError: A threshold is given and the values are not numbers, or `of` is a text instead of a list.
    """
    if isinstance(of, Above):
        return np.asarray(values.astype(np.float64) > of.threshold)
    if isinstance(of, str):
        raise ValueError(f"of is the text {of!r}; accepted: a list of values, or a threshold")
    accepted = frozenset(of)
    return np.fromiter((value in accepted for value in values.tolist()), np.bool_, len(values))


def value_or_threshold(of: Selection) -> str:
    """A selection as Clarify writes it: values joined by commas, or an interval.

    Clarify closes the interval with the largest value of the data. Here it is open, since the facet of another window
    would have another name otherwise.
    """
    return f"({of.threshold}, inf)" if isinstance(of, Above) else ",".join(map(str, of))


@dataclass(frozen=True, kw_only=True)
class BiasMetric(Estimate):
    """One bias metric of one facet; without a dimension, save KL and JS, which are in nats.

    Attributes:
        description: Clarify's long name.
    """

    description: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Bootstrap(Resamples):
    """How to find out how sure a metric is: a normal bootstrap interval, as SageMaker Clarify uses it for bias drift.

    The interval is the metric plus and minus a quantile of the normal distribution times the standard deviation over
    resamples, and may therefore reach beyond the metric's range. There is none if fewer than 8 units are drawn from, or
    if the metric is undefined in more than 5 % of the resamples, which are left out otherwise.

    Attributes:
        resample_by: The unit that each row belongs to, such as its day, shape (rows,). Units are drawn whole, since
            rows of one unit may have much in common. Each row is a unit if it is left out.
    """

    resample_by: Values | None = None


def pre_training(
    *, facet: Booleans, labels: Booleans, groups: Values | None = None, bootstrap: Bootstrap | None = None
) -> Mapping[str, BiasMetric]:
    """Bias in labels, in the order of `PRE_TRAINING`.

    All but CI are None if a facet has no rows. CDDL is also None if all labels are alike; within a group without
    positive or without negative labels, the facet's share of them is 0, as in Clarify's library.

    Args:
        facet: True for a row of the disadvantaged facet, shape (rows,).
        labels: True for the positive outcome, shape (rows,).
        groups: What CDDL is conditional on, shape (rows,). Missing values are a group. CDDL is left out without it.
        bootstrap: Intervals are left out without it.

    Raises:
        ValueError: The arrays are not of one length, or not boolean where they should be, or there are more than 10,000
            groups.
    """
    counts = _Counts.of(facet=facet, labels=labels, predictions=np.zeros_like(labels), groups=groups)
    return counts.metrics(
        _pre_training, [name for name in PRE_TRAINING if name != "CDDL" or groups is not None], bootstrap
    )


def post_training(
    *,
    facet: Booleans,
    labels: Booleans,
    predictions: Booleans,
    groups: Values | None = None,
    bootstrap: Bootstrap | None = None,
) -> Mapping[str, BiasMetric]:
    """Bias in predictions, in the order of `POST_TRAINING`.

    All but GE are None if a facet has no rows, and each is None if it divides by zero: DI without positive predictions
    in `a`; RD without positive labels, SD without negative ones, DCA and DAR without positive predictions, DCR and DRR
    without negative ones, TE without false positives, in either facet; GE if all answers are false negatives; CDDPL as
    CDDL of `pre_training`.

    Args:
        facet: True for a row of the disadvantaged facet, shape (rows,).
        labels: True for the positive outcome, shape (rows,).
        predictions: True for the outcome predicted, shape (rows,).
        groups: What CDDPL is conditional on, shape (rows,). Missing values are a group. CDDPL is left out without it.
        bootstrap: Intervals are left out without it.

    Raises:
        ValueError: The arrays are not of one length, or not boolean where they should be, or there are more than 10,000
            groups.
    """
    counts = _Counts.of(facet=facet, labels=labels, predictions=predictions, groups=groups)
    return counts.metrics(
        _post_training, [name for name in POST_TRAINING if name != "CDDPL" or groups is not None], bootstrap
    )


@dataclass(frozen=True, kw_only=True)
class FacetBias:
    """The metrics of one facet.

    Attributes:
        facet: Name of the column.
        value_or_threshold: Which of its values are the disadvantaged facet, as text.
        pre_training: Metrics by name, empty if there are none.
        post_training: Likewise.
    """

    facet: str
    value_or_threshold: str
    pre_training: Mapping[str, BiasMetric]
    post_training: Mapping[str, BiasMetric]

    @property
    def metrics(self) -> Mapping[str, BiasMetric]:
        """Those of both stages, which have no name in common."""
        return {**self.pre_training, **self.post_training}


@dataclass(frozen=True, kw_only=True)
class BiasAnalysis:
    """What the bias sections of Clarify's `analysis.json` say.

    Attributes:
        label: Name of the label's column.
        label_value_or_threshold: Which of its values are the positive outcome, as text.
        facets: One or several.
    """

    label: str
    label_value_or_threshold: str
    facets: Sequence[FacetBias]

    def document(self) -> Mapping[str, Json]:
        """As Clarify writes it ("Analysis Results", schema 1.0), a stage without metrics left out.

        An undefined metric is null. Metrics with an interval also have what `Estimate.document` adds.
        """
        document: dict[str, Json] = {"version": "1.0"}
        for section, stage in _SECTIONS.items():
            facets: dict[str, list[Json]] = {}
            for facet in self.facets:
                if metrics := facet.pre_training if stage is PRE_TRAINING else facet.post_training:
                    entry: Json = {
                        "value_or_threshold": facet.value_or_threshold,
                        "metrics": [_metric_document(name, metric) for name, metric in metrics.items()],
                    }
                    facets.setdefault(facet.facet, []).append(entry)
            if facets:
                document[section] = {
                    "label": self.label,
                    "facets": facets,
                    "label_value_or_threshold": self.label_value_or_threshold,
                }
        return document


@dataclass(frozen=True, kw_only=True)
class BiasViolation:
    """A metric further from balance than it may be, as Model Monitor writes it ("Bias Drift Violations").

    Attributes:
        facet: Name of the column.
        facet_value: Which of its values are the disadvantaged facet, as text.
        metric_name: Short name, such as DPPL.
        constraint_check_type: Always `bias_drift_check`.
        description: What was found and what was accepted.
    """

    facet: str
    facet_value: str
    metric_name: str
    description: str
    constraint_check_type: str = "bias_drift_check"

    def document(self) -> Mapping[str, str]:
        """As an entry of `constraint_violations.json`."""
        return asdict(self)


def bias_deviation(baseline: BiasAnalysis, current: BiasAnalysis) -> float:
    """How far bias has moved, from 0 to 1: the largest absolute change of a metric in a facet that both have.

    What chance alone makes of a change is taken off: the reach of the interval of a difference, for both sides are
    samples. A metric of few rows, such as the acceptance rates of a model that accepts few, would deviate otherwise
    whenever it is looked at. It counts the metrics that lie within -1 and 1 (`BOUNDED`), so that one scale fits all;
    larger changes count as 1.
    Metrics that are None on one side are left out.

    Raises:
        ValueError: There is no such metric, so that nothing is known.
    """
    pairs = _pairs(baseline, current)
    changes = [max(0.0, abs(pair.now - pair.before) - pair.chance) for pair in pairs if pair.name in BOUNDED]
    if not changes:
        raise ValueError("the baseline and the current bias analysis share no bounded metric of a facet with a value")
    return min(1.0, max(changes))


def violations(baseline: BiasAnalysis, current: BiasAnalysis, *, threshold: float) -> Sequence[BiasViolation]:
    """The metrics that are further from balance than in the baseline by more than a threshold.

    Balance is 1 for DI and 0 for all others. A metric with an interval violates only if all of the interval lies
    outside the range accepted, as in Clarify. A metric that is closer to balance, or as far from it on the other side,
    does not violate. Metrics that are None on one side, or that one side lacks, are not compared.

    Args:
        baseline: From when the model was trained.
        current: Of the window.
        threshold: 0 or more, in the unit of the metrics. Model Monitor's is 0.

    Raises:
        ValueError: The threshold is negative.
    """
    if not threshold >= 0:
        raise ValueError(f"the threshold is {threshold}; accepted: 0 or more")
    found = []
    for pair in _pairs(baseline, current):
        balanced = _BALANCED.get(pair.name, 0.0)
        accepted = abs(pair.before - balanced) + threshold
        if pair.lower > balanced + accepted or pair.upper < balanced - accepted:
            found.append(
                BiasViolation(
                    facet=pair.facet.facet,
                    facet_value=pair.facet.value_or_threshold,
                    metric_name=pair.name,
                    description=f"Value {pair.now} does not meet the constraint requirement; accepted: "
                    f"{balanced - accepted:.6g} to {balanced + accepted:.6g}",
                )
            )
    return found


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A metric that has a value in both analyses; its ends are its value where it has no interval.

    `chance` is how far apart both may be by chance, at the level of their intervals.
    """

    facet: FacetBias
    name: str
    before: float
    now: float
    lower: float
    upper: float
    chance: float


def _pairs(baseline: BiasAnalysis, current: BiasAnalysis) -> Iterator[_Pair]:
    references = {(facet.facet, facet.value_or_threshold): facet.metrics for facet in baseline.facets}
    for facet in current.facets:
        reference = references.get((facet.facet, facet.value_or_threshold), {})
        for name, metric in facet.metrics.items():
            then = reference.get(name)
            before, now = None if then is None else then.value, metric.value
            if then is not None and before is not None and now is not None:
                yield _Pair(
                    facet=facet,
                    name=name,
                    before=before,
                    now=now,
                    lower=now if metric.lower is None else metric.lower,
                    upper=now if metric.upper is None else metric.upper,
                    chance=math.hypot(_reach(then), _reach(metric)),
                )


def _reach(metric: BiasMetric) -> float:
    """From the middle of a metric's interval to its ends; 0 without one."""
    return 0.0 if metric.lower is None or metric.upper is None else (metric.upper - metric.lower) / 2


@dataclass(frozen=True, kw_only=True, eq=False)
class _Counts:
    """How many rows are alike in all that the metrics look at.

    Attributes:
        cells: The cell of each row, counted through group, facet, label and prediction, shape (rows,).
        groups: How many groups there are; at least 1.
    """

    cells: npt.NDArray[np.int64]
    groups: int

    @staticmethod
    def of(*, facet: Booleans, labels: Booleans, predictions: Booleans, groups: Values | None) -> "_Counts":
        """Counts of arrays of one length."""
        columns = {"facet": facet, "labels": labels, "predictions": predictions} | (
            {} if groups is None else {"groups": groups}
        )
        for name, column in columns.items():
            if column.shape != facet.shape or facet.ndim != 1:
                raise ValueError(
                    f"facet has shape {facet.shape} and {name} has shape {column.shape}; accepted: (rows,)"
                )
            if name != "groups" and column.dtype != np.bool_:
                raise ValueError(f"{name} has type {column.dtype}; accepted: bool, as members makes it")
        group, sizes = (np.zeros(len(facet), np.int64), 1) if groups is None else _codes(groups)
        if sizes > MOST_GROUPS:
            raise ValueError(f"there are {sizes:,} groups to compare within; accepted: {MOST_GROUPS:,} at most")
        return _Counts(cells=((group * 2 + facet) * 2 + labels) * 2 + predictions, groups=sizes)

    def metrics(
        self, compute: "_Compute", names: Sequence[str], bootstrap: Bootstrap | None
    ) -> Mapping[str, BiasMetric]:
        """The metrics of all rows, with their intervals."""
        counts = np.bincount(self.cells, minlength=self.groups * 8).astype(np.float64)
        values = compute(self._tables(counts[None]))
        drawn = self._drawn(counts, bootstrap) if bootstrap else iter(())
        resampled = [compute(self._tables(chunk)) for chunk in drawn]
        return {
            name: _metric_of(
                name,
                float(values[name][0]),
                np.concatenate([np.empty(0), *(chunk[name] for chunk in resampled)]),
                bootstrap,
            )
            for name in names
        }

    def _tables(self, counts: Floats) -> Floats:
        return counts.reshape(-1, self.groups, 2, 2, 2)

    def _drawn(self, counts: Floats, bootstrap: Bootstrap) -> Iterator[Floats]:
        """Counts of resamples, shape (resamples of a chunk, cells)."""
        generator = np.random.default_rng(bootstrap.seed)
        sizes = [
            len(part) for part in np.array_split(np.arange(bootstrap.resamples), -(-bootstrap.resamples // _CHUNK))
        ]
        if bootstrap.resample_by is None:
            rows = len(self.cells)
            if rows >= FEWEST_UNITS:
                # Rows of one cell are alike, so how many are drawn of each cell is all that matters.
                yield from (generator.multinomial(rows, counts / rows, size=size).astype(np.float64) for size in sizes)
            return
        if bootstrap.resample_by.shape != self.cells.shape:
            raise ValueError(
                f"resample_by has shape {bootstrap.resample_by.shape}; accepted: {self.cells.shape}, as the facet"
            )
        unit, units = _codes(bootstrap.resample_by)
        if units >= FEWEST_UNITS:
            cells = np.bincount(unit * len(counts) + self.cells, minlength=units * len(counts))
            by_unit = cells.reshape(units, -1).astype(np.float64)
            equal = np.full(units, 1 / units)
            yield from (generator.multinomial(units, equal, size=size).astype(np.float64) @ by_unit for size in sizes)


def _codes(values: Values) -> tuple[npt.NDArray[np.int64], int]:
    """A number from 0 for each value, and how many values there are; missing values are one."""
    codes: dict[Hashable, int] = {}
    coded = np.fromiter(
        (codes.setdefault(value if value == value else None, len(codes)) for value in values.tolist()),
        np.int64,
        len(values),
    )
    return coded, max(1, len(codes))


def _metric_of(name: str, value: float, resampled: Floats, bootstrap: Bootstrap | None) -> BiasMetric:
    description = {**PRE_TRAINING, **POST_TRAINING}[name]
    if np.isnan(value):
        return BiasMetric(value=None, description=description)
    drawn = defined(resampled)
    if bootstrap is None or drawn is None:
        return BiasMetric(value=value, description=description)
    deviation = float(drawn.std(ddof=1))
    reach = NormalDist().inv_cdf((1 + bootstrap.confidence) / 2) * deviation
    return BiasMetric(
        value=value, standard_deviation=deviation, lower=value - reach, upper=value + reach, description=description
    )


def _pre_training(tables: Floats) -> Mapping[str, Floats]:
    """Each metric of tables (tables, group, facet, label, prediction), in the shape (tables,); undefined is NaN."""
    labels = tables.sum(axis=-1)
    by_facet = labels.sum(axis=1)
    rows = by_facet.sum(axis=-1)
    shares = _ratio(by_facet, rows[..., None])
    of_a, of_d = shares[:, 0], shares[:, 1]
    middle = (of_a + of_d) / 2
    apart = np.abs(of_a - of_d)
    return {
        "CI": _ratio(rows[:, 0] - rows[:, 1], rows.sum(axis=-1)),
        "DPL": of_a[:, 1] - of_d[:, 1],
        "KL": _divergence(of_a, of_d),
        "JS": (_divergence(of_a, middle) + _divergence(of_d, middle)) / 2,
        "LP": np.sqrt((apart**2).sum(axis=-1)),
        "TVD": apart.sum(axis=-1) / 2,
        "KS": apart.max(axis=-1),
        "CDDL": _conditional_disparity(labels),
    }


def _post_training(tables: Floats) -> Mapping[str, Floats]:
    """As `_pre_training`."""
    by_facet = tables.sum(axis=1)
    observed, predicted = by_facet.sum(axis=-1), by_facet.sum(axis=-2)
    rows = observed.sum(axis=-1)
    true_negatives, false_positives = by_facet[..., 0, 0], by_facet[..., 0, 1]
    false_negatives, true_positives = by_facet[..., 1, 0], by_facet[..., 1, 1]
    positive = _ratio(predicted[..., 1], rows)
    return {
        "DPPL": _a_less_d(positive),
        "DI": _ratio(positive[:, 1], positive[:, 0]),
        "DCA": _a_less_d(_ratio(observed[..., 1], predicted[..., 1])),
        "DCR": -_a_less_d(_ratio(observed[..., 0], predicted[..., 0])),
        "SD": -_a_less_d(_ratio(true_negatives, observed[..., 0])),
        "RD": _a_less_d(_ratio(true_positives, observed[..., 1])),
        "DAR": _a_less_d(_ratio(true_positives, predicted[..., 1])),
        "DRR": -_a_less_d(_ratio(true_negatives, predicted[..., 0])),
        "AD": _a_less_d(_ratio(true_positives + true_negatives, rows)),
        "CDDPL": _conditional_disparity(tables.sum(axis=-2)),
        "TE": -_a_less_d(_ratio(false_negatives, false_positives)),
        "GE": _entropy(rows.sum(axis=-1), false_positives.sum(axis=-1), false_negatives.sum(axis=-1)),
    }


_Compute: TypeAlias = Callable[[Floats], Mapping[str, Floats]]


def _conditional_disparity(tables: Floats) -> Floats:
    """CDD of tables of shape (tables, group, facet, outcome)."""
    outcomes = tables.sum(axis=2)
    # A group without one of the outcomes has no share of it; Clarify's library counts 0.
    shares = np.nan_to_num(_ratio(tables[:, :, 1], outcomes))
    disparities = shares[..., 0] - shares[..., 1]
    sizes = outcomes.sum(axis=-1)
    mean = _ratio((sizes * disparities).sum(axis=-1), sizes.sum(axis=-1))
    known = (tables.sum(axis=(1, 3)) > 0).all(axis=-1) & (outcomes.sum(axis=1) > 0).all(axis=-1)
    return np.where(known, mean, np.nan)


def _entropy(rows: Floats, false_positives: Floats, false_negatives: Floats) -> Floats:
    """Generalized entropy, alpha 2, of benefits: 2 of a false positive, 0 of a false negative, 1 of a right answer."""
    benefit = _ratio(rows + false_positives - false_negatives, rows)
    of_squares = _ratio(rows + 3 * false_positives - false_negatives, rows)
    return (_ratio(of_squares, benefit**2) - 1) / 2


def _divergence(shares: Floats, reference: Floats) -> Floats:
    """Kullback-Leibler divergence over the last axis, in nats; NaN where it is infinite."""
    ratio = np.where(shares == 0, 1.0, _ratio(shares, reference))
    return np.asarray((shares * np.log(ratio)).sum(axis=-1), np.float64)


def _a_less_d(of_facets: Floats) -> Floats:
    return of_facets[:, 0] - of_facets[:, 1]


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where it divides by zero, without numpy's warning."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    ratio: Floats = np.divide(above, below, out=np.full(shape, np.nan), where=below != 0)
    return ratio


def _metric_document(name: str, metric: BiasMetric) -> Json:
    interval = metric.document() if metric.standard_deviation is not None else {"value": metric.value}
    return {"name": name, "description": metric.description, **interval}
