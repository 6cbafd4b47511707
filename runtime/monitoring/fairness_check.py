"""Whether a model, or the data it learns from, is less fair to a group of rows than at the baseline."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from runtime.errors import JobError
from runtime.monitoring.analysis import ANALYSIS, read_bias
from runtime.monitoring.answers import as_texts, table_of
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
        JobError: A column is missing or holds what it must not, there is no row, or there are more than 10,000 groups.
    """
    counts: Counter[str] = Counter()
    names = [name for name in (facet.column, facet.label, facet.answer, facet.group) if name is not None]
    table = table_of(paths, list(dict.fromkeys(names)), counts)
    needed = [name for name in (facet.label, facet.answer) if name is not None]
    whole = table.drop_nulls(needed)
    counts["rows without a label or an answer"] += table.height - whole.height
    present = whole.filter(as_texts(whole[facet.label]).is_not_null())
    counts["labels that are no number"] += whole.height - present.height
    whole = present if facet.answer is None else _answered(facet.answer, present, counts)
    if whole.is_empty():
        why = "; ".join(f"{count} {fault}" for fault, count in (+counts).items()) or "no row"
        raise JobError(f"no row has {' and '.join(needed)} ({why}).")
    try:
        return _analysis(facet, whole), +counts
    except ValueError as error:
        raise JobError(f"{error}.") from error


def _answered(name: str, table: pl.DataFrame, counts: Counter[str]) -> pl.DataFrame:
    """The rows whose answer is a number; where no answer is one, all of them, for the sentence that says so."""
    answers = table[name].cast(pl.Float64, strict=False)
    finite = answers.is_finite().fill_null(value=False)
    if not finite.any():
        return table
    counts["answers that are no finite number"] += table.height - int(finite.sum())
    return table.filter(finite)


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
        JobError: As `bias_of`; the baseline is no analysis, or of another facet.
    """
    now, left_out = bias_of(facet, data)
    try:
        if baseline.name == ANALYSIS:
            then, left_out_then = read_bias(baseline), Counter[str]()
        else:
            then, left_out_then = bias_of(facet, files_of(baseline))
        return ComparedBias(
            baseline=then,
            current=now,
            left_out=left_out,
            violations=violations(then, now, threshold=LINE),
            deviation=bias_deviation(then, now),
            left_out_of_baseline=left_out_then,
        )
    except ValueError as error:
        raise JobError(f"{error}.") from error


def _analysis(facet: Facet, table: pl.DataFrame) -> BiasAnalysis:
    of = Above(threshold=facet.above) if facet.above is not None else list(facet.values)
    column = table[facet.column]
    if facet.above is not None and not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise ValueError(f"facet {facet.column} holds no numbers; accepted with a threshold: numbers")
    held = column.cast(pl.Float64) if facet.above is not None else as_texts(column)
    disadvantaged = members(np.array(held.to_list(), dtype=object), of=of)
    texts = as_texts(table[facet.label])
    labels = np.array(texts.to_list(), dtype=object) == facet.positive
    for found, what, column_of in ((disadvantaged, "of the facet", held), (labels, "with the positive label", texts)):
        if found.all() or not found.any():
            texts_there = sorted(column_of.cast(pl.String).drop_nulls().unique().to_list())
            there = ", ".join(f"{text:.60}" for text in texts_there[:5])
            raise ValueError(f"{'all' if found.all() else 'no'} rows are {what}; the first values there are: {there}")
    groups = None if facet.group is None else np.array(as_texts(table[facet.group]).to_list(), dtype=object)
    bootstrap = Bootstrap()
    after: Mapping[str, BiasMetric] = {}
    if facet.answer is not None:
        answers = table[facet.answer].cast(pl.Float64, strict=False)
        bad = int((answers.is_null() | ~answers.is_between(0, 1)).sum())
        if bad:
            raise ValueError(f"{bad} answers of {facet.answer} are no probability; accepted: numbers from 0 to 1")
        after = post_training(
            facet=disadvantaged,
            labels=labels,
            predictions=(answers >= facet.threshold).to_numpy(),
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
