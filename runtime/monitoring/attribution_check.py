"""Whether a model still answers for the reasons for which it did at the baseline."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from runtime.errors import JobError
from runtime.monitoring.analysis import ANALYSIS, read_explanations
from runtime.monitoring.answers import first_of, table_of
from runtime.monitoring.attribution import Explanation, deviation, document, global_attributions
from runtime.monitoring.documents import document_text
from runtime.monitoring.estimate import LINE
from runtime.monitoring.tables import files_of

CHECK = "feature_attribution_drift_check"
_LABEL = "label0"  # Clarify's name of the only label


def explanation_of(paths: Sequence[Path]) -> tuple[Explanation, Counter[str]]:
    """What the answers of tables of SHAP values owe to the features.

    Args:
        paths: Tables with a column a feature, at most 2,000, and a row an answer. The first has the features that
            count; columns that a later one has besides are counted as left out, by name.

    Returns:
        The explanation, and what was left out.

    Raises:
        JobError: There is no row, a column is no number or sums up to none, or a table lacks a column of the
            first or has too many.
    """
    counts: Counter[str] = Counter()
    table = table_of(paths, None, counts)
    values = table.with_columns(pl.all().cast(pl.Float64, strict=False))
    known = values.select(pl.all().is_finite().fill_null(False))
    for name, kind in table.schema.items():
        if not (kind.is_numeric() or (kind == pl.String and known[name].any())):
            raise JobError(f"column {name} holds no numbers; accepted: a column of SHAP values for each feature.")
    finite = values.filter(known.select(pl.all_horizontal(pl.all())).to_series()) if known.width else values
    if odd := [name for name in known.columns if not known[name].all()]:
        counts[f"rows with a value that is no finite number in {first_of(odd)}"] += table.height - finite.height
    if finite.is_empty():
        why = "; ".join(f"{count} {fault}" for fault, count in (+counts).items()) or "no row"
        raise JobError(f"there are no SHAP values ({why}).")
    try:
        with np.errstate(over="ignore"):  # a sum beyond all numbers is refused
            means = global_attributions(finite.to_numpy(), features=finite.columns)
    except ValueError as error:
        raise JobError(f"{error}.") from error
    return Explanation(global_attributions=means, expected_value=None), +counts


def analysis_text(explanation: Explanation) -> str:
    """The content of `analysis.json`."""
    return document_text(document({_LABEL: explanation}))


@dataclass(frozen=True, kw_only=True)
class ComparedAttributions:
    """The outcome of a check.

    Attributes:
        baseline: What the answers owed to each feature at the baseline.
        current: And in the window.
        left_out: What was left out of the window, by why, and how often.
        deviation: 1 - NDCG, 0 to 1.
        broken: A sentence if the ranking has changed by more than it may; empty otherwise.
        left_out_of_baseline: What was left out of the baseline's tables; nothing, if it is an analysis.
    """

    baseline: Explanation
    current: Explanation
    left_out: Counter[str]
    deviation: float
    broken: str
    left_out_of_baseline: Counter[str] = field(default_factory=Counter)

    def files(self) -> dict[str, str]:
        """Contents of the files of a run, by name."""
        entry = {"feature_name": _LABEL, "constraint_check_type": CHECK, "description": self.broken}
        return {
            "analysis.json": analysis_text(self.current),
            "constraint_violations.json": document_text({"violations": [entry] if self.broken else []}),
        }


def compared(*, baseline: Path, data: Sequence[Path]) -> ComparedAttributions:
    """Compares a window with the baseline.

    Args:
        baseline: A table of SHAP values, a folder of tables, or `analysis.json` of an earlier run.
        data: The tables of the window.

    Raises:
        JobError: As `explanation_of`; the baseline is no analysis, or has no feature of the window; one of
            both ranks nothing.
    """
    now, left_out = explanation_of(data)
    if not any(now.global_attributions.values()):
        raise JobError("the window has no attribution above 0; accepted: at least one.")
    try:
        if baseline.name == ANALYSIS:
            then, left_out_then = next(iter(read_explanations(baseline).values())), Counter[str]()
        else:
            then, left_out_then = explanation_of(files_of(baseline))
        left_out = left_out + _of_one_side(then.global_attributions, now.global_attributions)
        found = deviation(then.global_attributions, now.global_attributions)
    except ValueError as error:
        raise JobError(f"{error}.") from error
    broken = f"NDCG {1 - found:.4f} is less than {1 - LINE:.2f}" if found > LINE else ""
    return ComparedAttributions(
        baseline=then,
        current=now,
        left_out=left_out,
        deviation=found,
        broken=broken,
        left_out_of_baseline=left_out_then,
    )


def _of_one_side(then: Mapping[str, float], now: Mapping[str, float]) -> Counter[str]:
    """The features that one side does not have, by name; they count as owed nothing there.

    Raises:
        JobError: The sides have none in common.
    """
    missing, extra = ([name for name in one if name not in other] for one, other in ((then, now), (now, then)))
    if len(extra) == len(now):
        raise JobError(
            f"the window has no feature of the baseline; it has {first_of(extra)}; accepted: {first_of(missing)}."
        )
    counts: Counter[str] = Counter()
    if missing:
        counts[f"features that the window does not have: {first_of(missing)}"] = len(missing)
    if extra:
        counts[f"features that the baseline does not have: {first_of(extra)}"] = len(extra)
    return counts
