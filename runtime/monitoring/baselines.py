"""The baselines of a model's monitors: what the training run measures, and each window is compared with.

| file | of | what |
|---|---|---|
| `checks.json` | | what is checked, and how |
| `data-quality/statistics.json`, `data-quality/constraints.json` | rows to expect | distribution of each input |
| `model-quality/statistics.json`, `model-quality/constraints.json` | scored rows | metrics |
| `bias/analysis.json` | scored rows | bias by facet |
| `explainability/analysis.json` | scored rows | global attributions |
"""

import tempfile
from pathlib import Path

import polars as pl

from runtime.errors import JobError
from runtime.monitoring.attribution_check import analysis_text, explanation_of
from runtime.monitoring.checks import BIAS, CHECKS_FILE, DATA_QUALITY, EXPLAINABILITY, MODEL_QUALITY, Checks
from runtime.monitoring.constraints import comparing, suggested
from runtime.monitoring.documents import document_text
from runtime.monitoring.fairness_check import bias_of
from runtime.monitoring.model_quality import suggest_constraints
from runtime.monitoring.quality_check import quality_of
from runtime.monitoring.statistics import statistics_of
from runtime.monitoring.tables import summarized
from runtime.predictor import Explainable, Predictor

BASELINES = "baselines"  # the folder beside the evaluation, and beside the artifact of a released version


def baselines(checks: Checks, *, training: pl.DataFrame, scored: pl.DataFrame, predictor: Predictor) -> dict[str, str]:
    """Measures a model on the rows of its training run.

    Args:
        checks: What is asked for.
        training: The rows whose inputs are the baseline, by default those that it was trained on; other columns are not
            looked at.
        scored: Rows that it was not trained on: inputs, what it answers, and the truth, in the columns that the checks
            name.
        predictor: The model.

    Returns:
        The contents of the files, by name.

    Raises:
        JobError: A check cannot be made of these rows, or the model cannot be explained.
    """
    inputs = [column.name for column in predictor.columns]
    checks.refuse_unknown(inputs)
    files = {CHECKS_FILE: checks.text()}
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "rows.parquet"
        # Asked for or not: what the next version is trained on is held against it.
        training.select(inputs).write_parquet(table)
        statistics = statistics_of(summarized([table]))
        files[f"{DATA_QUALITY}/statistics.json"] = statistics.text()
        constraints = suggested(statistics)
        if checks.data_quality is not None and checks.data_quality.features:
            constraints = comparing(constraints, checks.data_quality.features)
        files[f"{DATA_QUALITY}/constraints.json"] = constraints.text()
        scored.write_parquet(table)
        if checks.model_quality is not None:
            measured = quality_of(checks.problem, [table], None)
            keeps = suggest_constraints(checks.answers, measured.metrics)
            files[f"{MODEL_QUALITY}/statistics.json"] = measured.text()
            files[f"{MODEL_QUALITY}/constraints.json"] = document_text({"version": 0.0, **keeps})
        if checks.bias is not None:
            analysis, _ = bias_of(checks.facet, [table])
            files[f"{BIAS}/analysis.json"] = document_text(analysis.document())
        if checks.explainability is not None:
            explained(predictor, scored.select(inputs), most=checks.explainability.rows).write_parquet(table)
            explanation, _ = explanation_of([table])
            files[f"{EXPLAINABILITY}/analysis.json"] = analysis_text(explanation)
    return files


def explained(predictor: Predictor, rows: pl.DataFrame, *, most: int) -> pl.DataFrame:
    """SHAP values of rows, spread evenly over them where there are more than `most`: a column a feature.

    Raises:
        JobError: The model does not say what its answers owe to its features.
    """
    if not isinstance(predictor, Explainable):
        raise JobError("the model cannot be explained; accepted: a predictor with explain, or no explainability check.")
    return predictor.explain(rows.gather_every(max(1, -(-rows.height // most))))
