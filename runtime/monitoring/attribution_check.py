"""Whether a model still answers for the reasons for which it did at the baseline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from runtime.errors import JobError
from runtime.monitoring.answers import table_of
from runtime.monitoring.attribution import Explanation, global_attributions


def explanation_of(paths: Sequence[Path]) -> tuple[Explanation, Counter[str]]:
    """What the answers of tables of SHAP values owe to the features.

    Args:
        paths: Tables with a column a feature, and a row an answer.

    Returns:
        The explanation, and what was left out.

    Raises:
        JobError: There is no row, or a column is no number.
    """
    counts: Counter[str] = Counter()
    table = table_of(paths, None, counts)
    if texts := [name for name in table.columns if not table[name].dtype.is_numeric()]:
        raise JobError(f"column {texts[0]} holds no numbers; accepted: a column of SHAP values for each feature.")
    finite = table.with_columns(pl.all().cast(pl.Float64)).filter(
        pl.all_horizontal(pl.all().is_finite().fill_null(False))
    )
    counts["rows with a value that is no finite number"] += table.height - finite.height
    if finite.is_empty():
        why = "; ".join(f"{count} {fault}" for fault, count in (+counts).items()) or "no row"
        raise JobError(f"there are no SHAP values ({why}).")
    means = global_attributions(finite.to_numpy(), features=finite.columns)
    return Explanation(global_attributions=means, expected_value=None), +counts
