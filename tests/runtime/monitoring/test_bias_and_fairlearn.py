"""The metrics of bias that fairlearn has as well, against fairlearn."""

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score

from runtime.monitoring.bias import post_training, pre_training

# Of the favoured facet and of the other: labels and predictions, a row or more of each.
SIDES = st.tuples(*[st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)] * 2)


@settings(max_examples=150, deadline=None)
@given(SIDES)
def test_bias_is_that_of_fairlearn(sides: tuple[list[tuple[bool, bool]], list[tuple[bool, bool]]]) -> None:
    facet = np.repeat([False, True], [len(side) for side in sides])
    labels, predictions = (np.array([row[column] for side in sides for row in side]) for column in range(2))
    truth, answers = labels.astype(int), predictions.astype(int)
    frame = fairlearn.MetricFrame(
        metrics={
            "positive": fairlearn.selection_rate,
            "recall": fairlearn.true_positive_rate,
            "specificity": fairlearn.true_negative_rate,
            "accuracy": accuracy_score,
            "acceptance": lambda true, answered: precision_score(true, answered, zero_division=0),
            "rejection": lambda true, answered: precision_score(true, answered, pos_label=0, zero_division=0),
        },
        y_true=truth,
        y_pred=answers,
        sensitive_features=facet,
    )
    of_labels = fairlearn.MetricFrame(
        metrics=fairlearn.selection_rate, y_true=truth, y_pred=truth, sensitive_features=facet
    )
    favoured, other = frame.by_group.loc[False], frame.by_group.loc[True]
    ahead = favoured - other
    expected = {
        "DPL": of_labels.by_group[False] - of_labels.by_group[True],
        "DPPL": ahead["positive"],
        "RD": ahead["recall"],
        "SD": -ahead["specificity"],
        "AD": ahead["accuracy"],
        "DAR": ahead["acceptance"],
        "DRR": -ahead["rejection"],
    }
    metrics = {
        **pre_training(facet=facet, labels=labels),
        **post_training(facet=facet, labels=labels, predictions=predictions),
    }
    found = {name: metrics[name].value for name in expected if metrics[name].value is not None}
    assert found == pytest.approx({name: expected[name] for name in found})

    both = {"y_true": truth, "y_pred": answers, "sensitive_features": facet}
    of_both = {
        "DPPL": fairlearn.demographic_parity_difference(**both),
        "RD": fairlearn.equal_opportunity_difference(**both),
    }
    assert {name: abs(found[name] or 0.0) for name in of_both if name in found} == pytest.approx(
        {name: gap for name, gap in of_both.items() if name in found}
    )
    if metrics["DI"].value:
        ratio = metrics["DI"].value
        assert ratio == pytest.approx(other["positive"] / favoured["positive"])
        assert min(ratio, 1 / ratio) == pytest.approx(fairlearn.demographic_parity_ratio(**both))
