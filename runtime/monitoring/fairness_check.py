"""Whether a model, or the data it learns from, is less fair to a group of rows than at the baseline."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from runtime.errors import JobError
from runtime.monitoring.analysis import ANALYSIS, read_bias
from runtime.monitoring.answers import NoTruthError, as_texts, class_name, classes_of, first_of, table_of, with_labels
from runtime.monitoring.bias import (
    Above,
    BiasAnalysis,
    BiasMetric,
    BiasViolation,
    Bootstrap,
    FacetBias,
    bias_deviation,
    members,
    post_training,
    pre_training,
    value_or_threshold,
    violations,
)
from runtime.monitoring.documents import document_text
from runtime.monitoring.estimate import LINE
from runtime.monitoring.tables import files_of


class OneSidedError(JobError):
    """Rows that are all of the facet, or all of one label, or none of them: there is nothing to compare within them."""


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A group of rows, and what is good for it.

    Attributes:
        column: The column that tells the group.
        values: Its values that are the group, as text; empty if `above` tells it.
        above: The number above which a row is of the group; None if `values` tell it.
        label: The column of the truth.
        positive: The label that is good to have, as text.
        answer: The column of the answers, probabilities of the positive label; None for bias in the labels alone.
        group: The column within which shares are compared, for CDDL and CDDPL; None without them.
        threshold: From which probability on the positive label is predicted.
    """

    column: str
    values: Sequence[str]
    above: float | None
    label: str
    positive: str
    answer: str | None
    group: str | None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not self.column:
            raise JobError("no facet is given; accepted: --facet, with --facet-value or --facet-above.")
        if bool(self.values) is (self.above is not None):
            raise JobError(f"facet {self.column} is told by its values or by a threshold; accepted: one of the two.")


def bias_of(facet: Facet, paths: Sequence[Path]) -> tuple[BiasAnalysis, Counter[str]]:
    """Measures bias in tables.

    Args:
        facet: The group of rows.
        paths: Tables with its columns.

    Returns:
        The analysis, and what was left out.

    Raises:
        OneSidedError: All rows are of the facet or have the positive label, or none.
        NoTruthError: There is no row that has all of it.
        JobError: A column is missing or holds what it must not, or there are more than 10,000 groups.
    """
    counts: Counter[str] = Counter()
    names = [name for name in (facet.column, facet.label, facet.answer, facet.group) if name is not None]
    table = table_of(paths, list(dict.fromkeys(names)), counts)
    needed = [name for name in (facet.label, facet.answer) if name is not None]
    whole = table.drop_nulls(needed)
    counts["rows without a label or an answer"] += table.height - whole.height
    rows = _usable(facet, with_labels(whole, facet.label, counts), counts)
    if rows.is_empty():
        why = "; ".join(f"{count} {fault}" for fault, count in (+counts).items()) or "no row"
        raise NoTruthError(f"no row has {', '.join(dict.fromkeys([*needed, facet.column]))} ({why}).")
    try:
        return _analysis(facet, rows), +counts
    except ValueError as error:
        raise JobError(f"{error}.") from error


def _usable(facet: Facet, table: pl.DataFrame, counts: Counter[str]) -> pl.DataFrame:
    """What the metrics look at, of the rows that have all of it.

    Its columns: `label` as text, whether it is `positive`, `facet` as text or number, and, where they are asked for,
    `answer` as a probability and `group` as text, of which null is one.
    """
    positive = classes_of(table[facet.label], positive=facet.positive, counts=counts)
    columns = [
        as_texts(table[facet.label]).alias("label"),
        positive.alias("positive"),
        _of_facet(facet, table[facet.column]).alias("facet"),
    ]
    if facet.group is not None:
        columns.append(as_texts(table[facet.group]).alias("group"))
    if facet.answer is not None:
        columns.append(table[facet.answer].cast(pl.Float64, strict=False).alias("answer"))
    rows = pl.DataFrame(columns).filter(positive.is_not_null())
    if facet.answer is not None:
        answered = rows.filter(rows["answer"].is_between(0, 1).fill_null(value=False))
        counts["answers that are no probability, from 0 to 1"] += rows.height - answered.height
        rows = answered
    whole = rows.drop_nulls("facet")
    counts[f"rows without a {'number' if facet.above is not None else 'value'} in {facet.column:.60}"] += (
        rows.height - whole.height
    )
    return whole


def _of_facet(facet: Facet, column: pl.Series) -> pl.Series:
    """The values that tell the facet, as texts, or as numbers where a threshold does; null where there is none."""
    if facet.above is None:
        texts = as_texts(column)
        return texts.set(texts.str.strip_chars() == "", None)
    if column.dtype.is_temporal():
        raise JobError(f"facet {facet.column} holds times; accepted with a threshold: numbers.")
    numbers = column.cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite(), None)


@dataclass(frozen=True, kw_only=True)
class ComparedBias:
    """The outcome of a check.

    Attributes:
        baseline: Bias at the baseline.
        current: Of the window.
        left_out: What was left out of the window, by why, and how often.
        violations: The metrics that are further from balance than they may be.
        deviation: The largest absolute change of a metric that lies between -1 and 1, less chance, 0 to 1.
        left_out_of_baseline: What was left out of the baseline's tables; nothing, if it is an analysis.
    """

    baseline: BiasAnalysis
    current: BiasAnalysis
    left_out: Counter[str]
    violations: Sequence[BiasViolation]
    deviation: float
    left_out_of_baseline: Counter[str] = field(default_factory=Counter)

    def files(self) -> dict[str, str]:
        """Contents of the files of a run, by name."""
        found = [one.document() for one in self.violations]
        return {
            "analysis.json": document_text(self.current.document()),
            "constraint_violations.json": document_text({"violations": found}),
        }


def compared(facet: Facet, *, baseline: Path, data: Sequence[Path]) -> ComparedBias:
    """Compares a window with the baseline.

    Args:
        facet: The group of rows.
        baseline: A table, a folder of tables, or `analysis.json` of an earlier run.
        data: The tables of the window.

    Raises:
        JobError: As `bias_of`; the baseline is no analysis, or of another label or facet.
    """
    now, left_out = bias_of(facet, data)
    try:
        if baseline.name == ANALYSIS:
            then, left_out_then = read_bias(baseline), Counter[str]()
            _refuse_another(facet, baseline, then, now)
        else:
            then, left_out_then = bias_of(facet, files_of(baseline))
        return ComparedBias(
            baseline=then,
            current=now,
            left_out=left_out + _not_compared(then, now),
            violations=violations(then, now, threshold=LINE),
            deviation=bias_deviation(then, now),
            left_out_of_baseline=left_out_then,
        )
    except ValueError as error:
        raise JobError(f"{error}.") from error


def _refuse_another(facet: Facet, path: Path, then: BiasAnalysis, now: BiasAnalysis) -> None:
    """Refuses an analysis that has measured something else."""
    label, positive = then.label, then.label_value_or_threshold
    if (label, class_name(positive)) != (facet.label, class_name(facet.positive)):
        raise JobError(
            f"{path} is of label {label:.60} with {positive:.60} as the positive one; "
            f"accepted: {facet.label:.60} with {facet.positive:.60}."
        )
    told = [(one.facet, one.value_or_threshold) for one in then.facets]
    if asked := [one for one in now.facets if (one.facet, one.value_or_threshold) not in told]:
        raise JobError(
            f"{path} has no facet {asked[0].facet:.60} {asked[0].value_or_threshold:.60}; "
            f"it has: {first_of([' '.join(one) for one in told])}."
        )


def _not_compared(then: BiasAnalysis, now: BiasAnalysis) -> Counter[str]:
    """The metrics of the facets of the window that one side does not have, or has no value of, by name."""
    before = {(one.facet, one.value_or_threshold): one.metrics for one in then.facets}
    names: dict[str, list[str]] = {}
    for one in now.facets:
        was, found = before.get((one.facet, one.value_or_threshold), {}), one.metrics
        for name in [*found, *(name for name in was if name not in found)]:
            if name not in found:
                why = "metrics of the baseline that were not asked for"
            elif name not in was:
                why = "metrics that the baseline does not have"
            elif found[name].value is None:
                why = "metrics without a value in the window"
            elif was[name].value is None:
                why = "metrics without a value at the baseline"
            else:
                continue
            names.setdefault(why, []).append(name)
    return Counter({f"{why}: {first_of(found)}": len(found) for why, found in names.items()})


def _analysis(facet: Facet, table: pl.DataFrame) -> BiasAnalysis:
    of = Above(threshold=facet.above) if facet.above is not None else list(facet.values)
    disadvantaged = members(np.array(table["facet"].to_list(), dtype=object), of=of)
    labels = table["positive"].to_numpy()
    for found, what, held in ((disadvantaged, "of the facet", "facet"), (labels, "with the positive label", "label")):
        if found.all() or not found.any():
            there = first_of(sorted(table[held].cast(pl.String).unique().to_list())[:5])
            raise OneSidedError(
                f"{'all' if found.all() else 'no'} rows are {what}; the first values there are: {there}."
            )
    groups = None if facet.group is None else np.array(table["group"].to_list(), dtype=object)
    bootstrap = Bootstrap()
    after: Mapping[str, BiasMetric] = {}
    if facet.answer is not None:
        after = post_training(
            facet=disadvantaged,
            labels=labels,
            predictions=(table["answer"] >= facet.threshold).to_numpy(),
            groups=groups,
            bootstrap=bootstrap,
        )
    return BiasAnalysis(
        label=facet.label,
        label_value_or_threshold=facet.positive,
        facets=[
            FacetBias(
                facet=facet.column,
                value_or_threshold=value_or_threshold(of),
                pre_training=pre_training(facet=disadvantaged, labels=labels, groups=groups, bootstrap=bootstrap),
                post_training=after,
            )
        ],
    )
