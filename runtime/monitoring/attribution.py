"""What a model's scores owe to each feature, and how far that has drifted.

The measure is that of SageMaker Clarify and Model Monitor (Amazon SageMaker developer guide, "Feature attribution drift
for models in production"): how well the ranking of the features by their current global attributions keeps the
attributions of the baseline in order, as a normalised discounted cumulative gain (NDCG).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import fsum, isfinite, log2
from typing import TypeAlias

import lightgbm
import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Json: TypeAlias = "Mapping[str, Json] | str | float"

# Clarify names the method of its explanations, and Model Monitor reads them under this name alone. The values of a
# LightGBM model are exact Shapley values of its trees, not KernelSHAP's estimates.
_METHOD = "kernel_shap"


def contributions(booster: lightgbm.Booster, rows: Floats) -> tuple[Floats, float]:
    """SHAP values of a binary or regression model, and its expected value, both in the unit of its raw score.

    The values of a row and the expected value add up to the row's raw score: log odds, for a binary objective.

    Args:
        booster: The model.
        rows: Its inputs, shape (rows, features), missing values as NaN. At least one row.

    Returns:
        Values of shape (rows, features), and the expected value.

    Raises:
        ValueError: There is no row, or the model has several classes.
    """
    if booster.num_model_per_iteration() != 1:
        raise ValueError(f"the model has {booster.num_model_per_iteration()} classes; accepted: one score a row")
    if not len(rows):
        raise ValueError("there are no rows to explain; accepted: 1 or more")
    explained = np.asarray(booster.predict(rows, pred_contrib=True), dtype=np.float64)
    return explained[:, :-1], float(explained[0, -1])


@dataclass(frozen=True, kw_only=True)
class Attributions:
    """Absolute SHAP values summed over rows, so that parts of a window add up to the window.

    Attributes:
        sums: Sum of absolute SHAP values by feature, in the unit of the model's score.
        rows: How many rows they are of.
    """

    sums: Mapping[str, float]
    rows: int

    @staticmethod
    def of(shap_values: Floats, *, features: Sequence[str]) -> "Attributions":
        """Those of one part.

        Args:
            shap_values: In the unit of the model's score, shape (rows, features). No rows are accepted.
            features: A name for each column.

        Raises:
            ValueError: The names do not fit the columns or are not distinct, or a value is not finite.
        """
        if shap_values.ndim != 2 or shap_values.shape[1] != len(features):
            raise ValueError(f"SHAP values have shape {shap_values.shape}; accepted: (rows, {len(features)})")
        if len(set(features)) != len(features):
            raise ValueError(f"the names of the features are {', '.join(features)}; accepted: distinct names")
        sums = np.abs(shap_values).sum(axis=0)
        if not np.isfinite(sums).all():
            raise ValueError("a SHAP value is not finite; accepted: numbers")
        return Attributions(sums=dict(zip(features, sums.tolist(), strict=True)), rows=len(shap_values))

    def merged(self, other: "Attributions") -> "Attributions":
        """Those of both parts; the order of merging matters to rounding alone.

        Raises:
            ValueError: They are not of the same features.
        """
        if self.sums.keys() != other.sums.keys():
            raise ValueError(
                f"attributions of {', '.join(self.sums)} and of {', '.join(other.sums)} cannot be merged; "
                "accepted: the same features"
            )
        return Attributions(
            sums={feature: total + other.sums[feature] for feature, total in self.sums.items()},
            rows=self.rows + other.rows,
        )

    @property
    def means(self) -> Mapping[str, float]:
        """Global attributions: the mean absolute SHAP value by feature.

        Raises:
            ValueError: There are no rows.
        """
        if not self.rows:
            raise ValueError("there are no rows to take a mean of; accepted: 1 or more")
        return {feature: total / self.rows for feature, total in self.sums.items()}


def global_attributions(shap_values: Floats, *, features: Sequence[str]) -> Mapping[str, float]:
    """The mean absolute SHAP value by feature, as `Attributions` of one part.

    Raises:
        ValueError: As `Attributions.of`, or there are no rows.
    """
    return Attributions.of(shap_values, features=features).means


def ndcg(baseline: Mapping[str, float], current: Mapping[str, float]) -> float:
    """How well the current ranking of the features keeps the baseline's attributions in order: above 0, and at most 1.

    DCG / iDCG, where DCG sums a(f) / log2(i + 1) over the features f in their current order, i from 1, a being the
    baseline's attribution; iDCG sums in the baseline's own order. Model Monitor raises an alert below 0.9.

    Features with equal current attributions share the mean of their places' discounts, as in scikit-learn's
    `ndcg_score`, to which the guide refers: no order of names can then change the result. A feature that one side lacks
    counts as one without attribution there: 0 is what a model owes to a feature that it does not have.

    Args:
        baseline: Global attributions by feature, 0 or more, in any one unit.
        current: Likewise; the unit may be another, since their order alone counts.

    Raises:
        ValueError: An attribution is negative or not finite, or the baseline has none above 0 and so ranks nothing.
    """
    for side, attributions in (("baseline", baseline), ("current", current)):
        for feature, value in attributions.items():
            if not isfinite(value) or value < 0:
                raise ValueError(f"the {side} attribution of {feature} is {value}; accepted: 0 or more")
    largest = max(baseline.values(), default=0.0)
    if largest == 0:
        raise ValueError("the baseline has no attribution above 0; accepted: at least one")
    gains = {feature: baseline.get(feature, 0.0) / largest for feature in {**baseline, **current}}
    ideal = _gain(gains, ranked_by=gains)
    return min(1.0, _gain(gains, ranked_by={feature: current.get(feature, 0.0) for feature in gains}) / ideal)


def deviation(baseline: Mapping[str, float], current: Mapping[str, float]) -> float:
    """Attribution drift, from 0 for the same ranking to below 1: 1 - NDCG. Model Monitor raises an alert above 0.1.

    Raises:
        ValueError: As `ndcg`.
    """
    return 1.0 - ndcg(baseline, current)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What one label's score owes to the features.

    Attributes:
        global_attributions: Mean absolute SHAP value by feature, 0 or more, in the unit of the score.
        expected_value: The score that the SHAP values are added to, in the same unit; None where nobody has kept it.
    """

    global_attributions: Mapping[str, float]
    expected_value: float | None


def document(explanations: Mapping[str, Explanation]) -> Mapping[str, Json]:
    """The explanations by label as in Clarify's `analysis.json`, schema 1.0; it calls a nameless label `label0`.

    Model Monitor takes a document of this shape for its `constraints.json` of feature attribution drift.
    """
    labels: Mapping[str, Json] = {
        label: {"global_shap_values": {**explained.global_attributions}}
        | ({} if explained.expected_value is None else {"expected_value": explained.expected_value})
        for label, explained in explanations.items()
    }
    return {"version": "1.0", "explanations": {_METHOD: labels}}


def _gain(gains: Mapping[str, float], *, ranked_by: Mapping[str, float]) -> float:
    """Discounted cumulative gain, features ranked from the largest down."""
    ranking = sorted(gains, key=lambda feature: -ranked_by[feature])
    terms, place = [], 1
    for _, tied in groupby(ranking, key=lambda feature: ranked_by[feature]):
        features = list(tied)
        discounts = [1 / log2(i + 1) for i in range(place, place + len(features))]
        terms.append(fsum(gains[feature] for feature in features) * fsum(discounts) / len(features))
        place += len(features)
    return fsum(terms)
