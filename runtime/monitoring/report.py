"""A window of a deployed model on one page: what its checks found, with plots, in one file that asks for no other.

Jinja2 and Matplotlib are imported when a report is made, so that a job without one does not pay for them.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log2
from pathlib import Path
from typing import Generic, TypeVar

from runtime.monitoring import plots
from runtime.monitoring.attribution_check import CHECK, ComparedAttributions
from runtime.monitoring.bias import BOUNDED
from runtime.monitoring.data_quality import DataQuality, FeatureDrift
from runtime.monitoring.estimate import LINE, Estimate
from runtime.monitoring.fairness_check import ComparedBias
from runtime.monitoring.model_quality import LOWER_IS_BETTER
from runtime.monitoring.quality_check import Compared, ComparedMetric
from runtime.monitoring.statistics import Feature, Statistics
from runtime.monitoring.summary import Kind

_Item = TypeVar("_Item")
_DRAWN = 12  # features whose distributions are drawn
_CATEGORIES = 8  # of a feature; the rest are one bar
_RANKED = 20  # features whose attributions are drawn
_MOST_DOTS = 30  # metrics of a plot
_MOST_ROWS = 100  # of a table or a list
_LONGEST = 200  # letters of a text
_LONGEST_NAME = 60
_RATIO = "DI"  # of all metrics of bias the only one whose balance is not 0
_LEAST_CHANCE = 0.001  # that is told from a smaller one


@dataclass(frozen=True, kw_only=True)
class DataQualityOutcome:
    """The outcome of a check of data quality, and what it compared.

    Attributes:
        baseline: The statistics of the baseline.
        current: Of the window.
        outcome: How far they are from each other.
    """

    baseline: Statistics
    current: Statistics
    outcome: DataQuality


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The checks of a window; None is one that nobody asked for, or that had no data.

    Attributes:
        data_quality: Of the columns.
        model_quality: Of the answers whose truth is known.
        bias: Of the answers, or of the labels.
        explainability: Of what the answers owe to the features.
    """

    data_quality: DataQualityOutcome | None = None
    model_quality: Compared | None = None
    bias: ComparedBias | None = None
    explainability: ComparedAttributions | None = None


def report(*, title: str, facts: Mapping[str, str], checked: Checked) -> str:
    """The page: a line for each check, and a section for each that there is.

    The same outcomes give the same bytes. Whatever a user's data holds is escaped, made printable and cut to some
    length, and so many rows and plots are shown at most that a page stays below a few megabytes; it says what it leaves
    out.

    Args:
        title: What is above it all.
        facts: What is known of the window by name, such as the model and the times between which it lies.
        checked: The checks.

    Returns:
        HTML that needs no other file and runs no script.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalized,
    )
    environment.filters |= {
        "number": _number,
        "deviation": _deviation,
        "percent": _percent,
        "chance": _chance,
        "name": _name,
    }
    sections = {
        "data_quality": _data_quality(checked.data_quality) if checked.data_quality else None,
        "model_quality": _model_quality(checked.model_quality) if checked.model_quality else None,
        "bias": _bias(checked.bias) if checked.bias else None,
        "explainability": _explainability(checked.explainability) if checked.explainability else None,
    }
    verdicts = [section.verdict for section in sections.values() if section]
    return environment.get_template("report.html").render(
        title=title,
        facts=facts,
        line=LINE,
        verdicts={name: section.verdict if section else None for name, section in sections.items()},
        broken=sum(verdict.broken.count for verdict in verdicts),
        known=any(verdict.deviation is not None for verdict in verdicts),
        **sections,
    )


@dataclass(frozen=True, kw_only=True)
class _First(Generic[_Item]):
    """Those of many that are shown."""

    shown: Sequence[_Item]
    count: int

    @property
    def left(self) -> int:
        """How many are not."""
        return self.count - len(self.shown)


@dataclass(frozen=True, kw_only=True)
class _Broken:
    """A constraint that is broken: of what, which, and by how much."""

    of: str
    check: str
    description: str


@dataclass(frozen=True, kw_only=True)
class _Verdict:
    """What every check comes down to: its deviation is None where it had nothing to compare."""

    deviation: float | None
    worst: str
    broken: _First[_Broken]
    left_out: Mapping[str, _First[tuple[str, int, str]]]
    not_known: str = "there was nothing to compare"


@dataclass(frozen=True, kw_only=True)
class _Plot:
    """A plot as the address of an image, and in words."""

    source: str
    words: str
    name: str = ""
    deviation: float | None = None


@dataclass(frozen=True, kw_only=True)
class _DataQuality:
    verdict: _Verdict
    rows: tuple[int, int]
    features: _First[FeatureDrift]
    broken: frozenset[str]
    plots: _First[_Plot]


@dataclass(frozen=True, kw_only=True)
class _Metric:
    """A metric of both sides; of the model's quality also by what share it is worse, or why it has no value.

    `broken` is None of a metric that does not count.
    """

    name: str
    description: str
    baseline: Estimate
    current: Estimate
    broken: bool | None
    change: float | None
    undefined: str = ""


@dataclass(frozen=True, kw_only=True)
class _Metrics:
    verdict: _Verdict
    rows: int | None
    metrics: _First[_Metric]
    plot: _Plot | None
    undrawn: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class _Attribution:
    """What the answers owe to a feature, and its place by that, from 1."""

    name: str
    baseline: float
    current: float
    places: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class _Explainability:
    verdict: _Verdict
    attributions: _First[_Attribution]
    plot: _Plot
    drawn: int


def _data_quality(found: DataQualityOutcome) -> _DataQuality:
    outcome = found.outcome
    ranked = sorted(outcome.features, key=lambda one: (-_rank(one.deviation), one.name))
    drawable = [one for one in ranked if one.distances]
    drawn = [_distribution(one, found) for one in drawable[:_DRAWN]]
    said = [
        _Broken(of=one.feature_name, check=one.constraint_check_type.value, description=one.description)
        for one in outcome.violations
    ]
    return _DataQuality(
        verdict=_Verdict(
            deviation=_finite(outcome.deviation),
            worst=outcome.worst,
            broken=_first(said),
            left_out={
                "the window": _faults(found.current.dataset.faults, found.current.dataset.fault_places),
                "the baseline": _faults(found.baseline.dataset.faults, found.baseline.dataset.fault_places),
            },
        ),
        rows=(found.current.dataset.item_count, found.baseline.dataset.item_count),
        features=_first(ranked),
        broken=frozenset(one.of for one in said),
        plots=_First(shown=drawn, count=len(ranked)),
    )


def _distribution(drift: FeatureDrift, found: DataQualityOutcome) -> _Plot:
    then, now = found.baseline.feature(drift.name), found.current.feature(drift.name)
    if then is None or now is None:
        raise ValueError(f"column {drift.name} has distances and no statistics; accepted: those it was measured on")
    if then.numerical_statistics and now.numerical_statistics:
        sides = then.numerical_statistics.steps(), now.numerical_statistics.steps()
        drawing = plots.numbers(*sides, whole=then.inferred_type is Kind.INTEGRAL)
    else:
        drawing = plots.bars(_categories(then, now), shares=True)
    words = f"Distribution of {_name(drift.name)} at the baseline and in the window"
    return _plot(drawing, words, name=drift.name, deviation=_finite(drift.deviation))


def _categories(then: Feature, now: Feature) -> Sequence[plots.Bar]:
    """The shares of the texts that are the most frequent on either side, and of all others."""
    counts, others = zip(*(one.string_statistics.counts() for one in (then, now) if one.string_statistics), strict=True)
    totals = [max(1, of.total() + more) for of, more in zip(counts, others, strict=True)]
    texts = {*counts[0], *counts[1]}
    shares = {text: (counts[0].get(text, 0) / totals[0], counts[1].get(text, 0) / totals[1]) for text in sorted(texts)}
    ranked = sorted(shares, key=lambda text: (-max(shares[text]), text))
    shown = ranked[:_CATEGORIES]
    rows = [plots.Bar(name=text, baseline=shares[text][0], window=shares[text][1]) for text in shown]
    if len(ranked) > len(shown) or any(others):
        rest = [max(0.0, 1 - sum(shares[text][side] for text in shown)) for side in range(2)]
        rows.append(plots.Bar(name="all others", baseline=rest[0], window=rest[1]))
    return rows


def _model_quality(outcome: Compared) -> _Metrics:
    broken = {one.metric_name for one in outcome.violations}
    metrics = [
        _Metric(
            name=one.name,
            description=one.name,
            baseline=Estimate(value=one.baseline),
            current=one.current,
            broken=one.name in broken if one.counts else None,
            change=_finite(one.worsening),
            undefined=one.undefined,
        )
        for one in outcome.metrics
    ]
    rows, undrawn = [], []
    for one in outcome.metrics:
        worse = _worse(one)
        if worse is None:
            undrawn.append(one.name)
        else:
            rows.append(plots.Dot(name=one.name, baseline=None, window=worse, broken=one.name in broken))
    said = [
        _Broken(of=one.metric_name, check=one.constraint_check_type, description=one.description)
        for one in outcome.violations
    ]
    return _Metrics(
        verdict=_Verdict(
            deviation=_finite(outcome.deviation),
            worst=outcome.worst,
            broken=_first(said),
            left_out=_left_out(outcome.current.counts, outcome.left_out_of_baseline),
            not_known=outcome.not_known,
        ),
        rows=outcome.current.quality.item_count,
        metrics=_first(metrics),
        plot=_dots(
            rows,
            "How much worse each metric is than at the baseline, with its interval",
            label="worse than the baseline by this share of it (left of 0: better)",
            at=(0.0, LINE),
            limits=(-1.0, 1.0),
        ),
        undrawn=undrawn,
    )


def _worse(one: ComparedMetric) -> Estimate | None:
    """By what share of its baseline a metric is worse; below 0, better. None where there is no such share."""
    # Of R² the share is of 1 - R² where it is 0 or less, as `relative_worsening` has it.
    scale = 1 - one.baseline if one.name == "r2" and one.baseline <= 0 else abs(one.baseline)
    if not (isfinite(scale) and scale) or _finite(one.current.value) is None:
        return None
    sign = 1 if one.name in LOWER_IS_BETTER else -1

    def share(value: float | None) -> float | None:
        return None if value is None else _finite(sign * (value - one.baseline) / scale)

    lower, upper = (one.current.lower, one.current.upper)[::sign]
    return Estimate(value=share(one.current.value), lower=share(lower), upper=share(upper))


def _bias(outcome: ComparedBias) -> _Metrics:
    broken = {(one.facet, one.facet_value, one.metric_name) for one in outcome.violations}
    before = {(each.facet, each.value_or_threshold): each.metrics for each in outcome.baseline.facets}
    metrics: list[_Metric] = []
    counting: list[_Metric] = []
    rows: list[_Metric] = []
    undrawn: list[str] = []
    several = len(outcome.current.facets) > 1
    for each in outcome.current.facets:
        key = (each.facet, each.value_or_threshold)
        for name, now in each.metrics.items():
            of = f" of {_name(each.facet)} {_name(each.value_or_threshold)}" if several else ""
            then = before.get(key, {}).get(name, Estimate(value=None))
            before_and_now = [_finite(side.value) for side in (then, now)]
            values = [value for value in before_and_now if value is not None]
            both = len(values) == len(before_and_now)
            one = _Metric(
                name=name + of,
                description=f"{now.description}{of}",
                baseline=then,
                current=now,
                broken=(*key, name) in broken,
                change=values[1] - values[0] if both else None,
            )
            metrics.append(one)
            if both and name in BOUNDED:
                counting.append(one)
            if both and name != _RATIO and max(map(abs, values)) <= 1:
                rows.append(one)
            else:
                undrawn.append(one.name)
    worst = max(counting, key=lambda one: abs(one.change or 0.0), default=None)
    said = [
        _Broken(
            of=f"{one.metric_name} of {_name(one.facet)} {_name(one.facet_value)}",
            check=one.constraint_check_type,
            description=one.description,
        )
        for one in outcome.violations
    ]
    return _Metrics(
        verdict=_Verdict(
            deviation=_finite(outcome.deviation),
            worst=worst.name if worst else "",
            broken=_first(said),
            left_out=_left_out(outcome.left_out, outcome.left_out_of_baseline),
        ),
        rows=None,
        metrics=_first(metrics),
        plot=_dots(
            [
                plots.Dot(name=one.name, baseline=one.baseline, window=one.current, broken=bool(one.broken))
                for one in rows
            ],
            "Each metric at the baseline and in the window, with its interval",
            label="0 is balance",
            at=(0.0,),
            limits=(-1.0, 1.0),
        ),
        undrawn=undrawn,
    )


def _explainability(outcome: ComparedAttributions) -> _Explainability:
    then, now = outcome.baseline.global_attributions, outcome.current.global_attributions
    names = sorted({*then, *now}, key=lambda name: (-_rank(then.get(name)), -_rank(now.get(name)), name))
    places = [_places(names, of) for of in (then, now)]
    attributions = [
        _Attribution(
            name=name,
            baseline=_finite(then.get(name)) or 0.0,
            current=_finite(now.get(name)) or 0.0,
            places=(places[0][name], places[1][name]),
        )
        for name in names
    ]
    # What a feature's new place takes off the NDCG: the one that takes most is the one to look at.
    lost = {
        one.name: one.baseline * (1 / log2(one.places[0] + 1) - 1 / log2(one.places[1] + 1)) for one in attributions
    }
    worst = max(attributions, key=lambda one: lost[one.name], default=None)
    said = [_Broken(of="the ranking", check=CHECK, description=outcome.broken)] if outcome.broken else []
    drawn = attributions[:_RANKED]
    drawing = plots.bars(
        [plots.Bar(name=one.name, baseline=one.baseline, window=one.current) for one in drawn], shares=False, wide=True
    )
    return _Explainability(
        verdict=_Verdict(
            deviation=_finite(outcome.deviation),
            worst=worst.name if worst and lost[worst.name] > 0 else "",
            broken=_first(said),
            left_out=_left_out(outcome.left_out, outcome.left_out_of_baseline),
        ),
        attributions=_first(attributions),
        plot=_plot(drawing, "Mean absolute SHAP value of each feature at the baseline and in the window"),
        drawn=len(drawn),
    )


def _places(names: Sequence[str], attributions: Mapping[str, float]) -> Mapping[str, int]:
    ranked = sorted(names, key=lambda name: -_rank(attributions.get(name)))
    return {name: place for place, name in enumerate(ranked, start=1)}


def _dots(
    rows: Sequence[plots.Dot], words: str, *, label: str, at: Sequence[float], limits: tuple[float, float]
) -> _Plot | None:
    return _plot(plots.dots(rows[:_MOST_DOTS], label=label, at=at, limits=limits), words) if rows else None


def _plot(drawing: str, words: str, *, name: str = "", deviation: float | None = None) -> _Plot:
    # An image of its own, so that no name within one plot is another's, and no text of it can become the page's.
    source = "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()
    return _Plot(source=source, words=words, name=name, deviation=deviation)


def _first(items: Sequence[_Item]) -> _First[_Item]:
    return _First(shown=items[:_MOST_ROWS], count=len(items))


def _left_out(window: Mapping[str, int], baseline: Mapping[str, int]) -> Mapping[str, _First[tuple[str, int, str]]]:
    return {"the window": _faults(window), "the baseline": _faults(baseline)}


def _faults(
    counts: Mapping[str, int], places: Mapping[str, Sequence[str]] | None = None
) -> _First[tuple[str, int, str]]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return _first([(fault, count, ", ".join((places or {}).get(fault, ()))) for fault, count in ranked])


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _rank(value: float | None) -> float:
    found = _finite(value)
    return -1.0 if found is None else found


def _finalized(value: object) -> object:
    """What is put into the page: texts are cut and made printable, before they are escaped."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return plots.printable(value, cells=_LONGEST)
    return value


def _name(text: str) -> str:
    return plots.printable(text, cells=_LONGEST_NAME).strip() or "(empty)"


def _number(value: float | None) -> str:
    found = _finite(value)
    return "-" if found is None else f"{found:.4g}"


def _deviation(value: float | None) -> str:
    found = _finite(value)
    if found is None:
        return "not known"
    # As many digits as it takes to tell it from the line: 0.1004 is above it.
    return next(f"{found:.{digits}f}" for digits in range(3, 18) if (round(found, digits) > LINE) is (found > LINE))


def _chance(value: float | None) -> str:
    found = _finite(value)
    return "-" if found is None else f"{found:.2g}" if found >= _LEAST_CHANCE else f"< {_LEAST_CHANCE}"


def _percent(value: float | None) -> str:
    found = _finite(value)
    return "-" if found is None else f"{found:.1%}"
