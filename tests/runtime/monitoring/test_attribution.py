"""Global attributions, and how their ranking is compared with the baseline's."""

import json
import math
from collections.abc import Mapping
from random import Random

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from runtime.monitoring.analysis import ExplanationDocument
from runtime.monitoring.attribution import (
    Attributions,
    Explanation,
    contributions,
    deviation,
    document,
    global_attributions,
    ndcg,
)

pytestmark = pytest.mark.filterwarnings("error")

# The scenario of the guide's page on feature attribution drift.
TRAINED = {"SAT score": 0.70, "GPA": 0.50, "Class rank": 0.05}
LIVE = {"SAT score": 0.10, "GPA": 0.20, "Class rank": 0.70}

NAMES = ["a", "b", "c", "d", "e"]
SCORES = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=5
)
BASELINES = SCORES.filter(lambda scores: max(scores.values()) > 0)


def test_the_guides_example() -> None:
    assert ndcg(TRAINED, LIVE) == pytest.approx(0.69, abs=0.005)


def test_a_gain_is_the_baselines_at_the_current_place() -> None:
    gain = 0.05 / math.log2(2) + 0.50 / math.log2(3) + 0.70 / math.log2(4)
    ideal = 0.70 / math.log2(2) + 0.50 / math.log2(3) + 0.05 / math.log2(4)
    assert ndcg(TRAINED, LIVE) == pytest.approx(gain / ideal)


def test_deviation_is_what_ndcg_lacks() -> None:
    assert deviation(TRAINED, LIVE) == pytest.approx(1 - ndcg(TRAINED, LIVE))


@settings(max_examples=100, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=8).filter(
        lambda pairs: any(before for before, _ in pairs)
    )
)
def test_scikit_learn_agrees_ties_included(pairs: list[tuple[int, int]]) -> None:
    baseline = {str(i): float(before) for i, (before, _) in enumerate(pairs)}
    current = {str(i): float(now) for i, (_, now) in enumerate(pairs)}
    expected = ndcg_score([list(baseline.values())], [list(current.values())])
    assert ndcg(baseline, current) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(baseline=BASELINES, current=SCORES)
def test_ndcg_is_above_zero_and_at_most_one(baseline: dict[str, float], current: dict[str, float]) -> None:
    assert 0 < ndcg(baseline, current) <= 1


@settings(max_examples=50, deadline=None)
@given(baseline=BASELINES)
def test_the_same_ranking_is_one(baseline: dict[str, float]) -> None:
    assert ndcg(baseline, {name: value**3 for name, value in baseline.items()}) == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(baseline=BASELINES, current=SCORES, factor=st.sampled_from([2.0**-40, 0.5, 2.0**40]))
def test_the_unit_of_either_side_does_not_matter(
    baseline: dict[str, float], current: dict[str, float], factor: float
) -> None:
    scaled = {name: value * factor for name, value in current.items()}
    other = {name: value * factor for name, value in baseline.items()}
    assert ndcg(baseline, scaled) == ndcg(baseline, current) == ndcg(other, current)


@settings(max_examples=50, deadline=None)
@given(baseline=BASELINES, current=SCORES)
def test_the_order_of_names_does_not_matter(baseline: dict[str, float], current: dict[str, float]) -> None:
    turned = dict(reversed(list(baseline.items()))), dict(reversed(list(current.items())))
    assert ndcg(*turned) == ndcg(baseline, current)


def test_rounding_does_not_lift_ndcg_above_one() -> None:
    baseline = {"a": 0.3, "b": 0.2, "c": 0.2, "d": 0.1, "e": 0.2}
    assert ndcg(baseline, {"a": 5.0, "b": 2.0, "c": 4.0, "d": 1.0, "e": 3.0}) == 1.0


def test_a_feature_that_is_gone_ranks_last() -> None:
    gone = ndcg({"a": 2.0, "b": 1.0, "c": 0.5}, {"b": 1.0, "c": 0.5})
    assert gone == ndcg({"a": 2.0, "b": 1.0, "c": 0.5}, {"a": 0.0, "b": 1.0, "c": 0.5})
    assert gone < 1


def test_a_new_feature_on_top_pushes_the_others_down() -> None:
    assert ndcg({"a": 1.0}, {"a": 1.0, "new": 2.0}) == pytest.approx(1 / math.log2(3))


def test_a_new_feature_at_the_end_does_no_harm() -> None:
    assert ndcg({"a": 2.0, "b": 1.0}, {"a": 2.0, "b": 1.0, "new": 0.5}) == 1.0


@pytest.mark.parametrize("baseline", [{}, {"a": 0.0, "b": 0.0}])
def test_a_baseline_that_ranks_nothing_is_refused(baseline: Mapping[str, float]) -> None:
    with pytest.raises(ValueError, match="the baseline has no attribution above 0"):
        ndcg(baseline, {"a": 1.0})


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_an_attribution_that_is_no_mean_of_absolutes_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"the current attribution of a is .*; accepted: 0 or more"):
        ndcg({"a": 1.0}, {"a": value})


def test_a_global_attribution_is_the_mean_absolute_value() -> None:
    assert global_attributions(np.array([[1.0, -2.0], [-3.0, 0.0]]), features=["a", "b"]) == {"a": 2.0, "b": 1.0}


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=5).filter(any), order=st.randoms(), seed=st.integers(0, 99)
)
def test_parts_merge_to_the_whole_in_any_order(sizes: list[int], order: Random, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(sum(sizes), 3))
    parts = [Attributions.of(part, features=NAMES[:3]) for part in np.split(values, np.cumsum(sizes)[:-1])]
    order.shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merged(part)
    assert merged.rows == len(values)
    assert merged.means == pytest.approx(global_attributions(values, features=NAMES[:3]))


def test_parts_of_other_features_do_not_merge() -> None:
    one, other = (Attributions.of(np.ones((1, 1)), features=[name]) for name in ("a", "b"))
    with pytest.raises(ValueError, match="attributions of a and of b cannot be merged"):
        one.merged(other)


def test_no_rows_have_no_mean() -> None:
    with pytest.raises(ValueError, match="there are no rows"):
        global_attributions(np.empty((0, 1)), features=["a"])


@pytest.mark.parametrize(
    ("values", "features", "message"),
    [
        ([[1.0, 2.0]], ["a"], r"shape \(1, 2\); accepted: \(rows, 1\)"),
        ([[1.0, 2.0]], ["a", "a"], "accepted: distinct names"),
        ([[1.0, math.nan]], ["a", "b"], "a SHAP value is not finite"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: list[list[float]], features: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Attributions.of(np.array(values), features=features)


def booster(*, classes: int) -> tuple[lightgbm.Booster, "np.ndarray[tuple[int, int], np.dtype[np.float64]]"]:
    rows = np.random.default_rng(1).normal(size=(60, 3))
    objective = {"objective": "multiclass", "num_class": classes} if classes > 2 else {"objective": "binary"}
    labels = np.arange(60) % classes if classes > 2 else (rows[:, 0] > 0).astype(np.int64)
    parameters = {**objective, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    return lightgbm.train(parameters, lightgbm.Dataset(rows, labels), num_boost_round=3), rows


def test_contributions_add_up_to_the_raw_score() -> None:
    model, rows = booster(classes=2)
    values, expected = contributions(model, rows)
    assert values.shape == rows.shape
    assert values.sum(axis=1) + expected == pytest.approx(np.asarray(model.predict(rows, raw_score=True)))


def test_contributions_of_several_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="the model has 3 classes; accepted: one score a row"):
        contributions(*booster(classes=3))


def test_contributions_of_no_rows_are_refused() -> None:
    model, rows = booster(classes=2)
    with pytest.raises(ValueError, match="there are no rows to explain"):
        contributions(model, rows[:0])


EXPLAINED = {"label0": Explanation(global_attributions={"a": 0.5, "b": 0.0}, expected_value=-1.25)}


def test_a_document_has_clarifys_shape() -> None:
    assert document(EXPLAINED) == {
        "version": "1.0",
        "explanations": {
            "kernel_shap": {"label0": {"global_shap_values": {"a": 0.5, "b": 0.0}, "expected_value": -1.25}}
        },
    }


def test_a_document_is_read_as_it_was_written() -> None:
    assert ExplanationDocument.model_validate_json(json.dumps(document(EXPLAINED))).by_label() == EXPLAINED


def of_label(explained: object) -> object:
    return {"version": "1.0", "explanations": {"kernel_shap": {"label0": explained}}}


@pytest.mark.parametrize(
    ("parsed", "message"),
    [
        ([1], "valid dictionary"),
        ({"version": "2.0"}, "version\n  Input should be '1.0'"),
        ({"version": "1.0"}, "explanations\n  Field required"),
        ({"version": "1.0", "explanations": {"pdp": []}}, "explanations.kernel_shap\n  Field required"),
        (
            of_label({"global_shap_values": {}}),
            "global_shap_values\n  Dictionary should have at least 1 item",
        ),
        (
            of_label({"global_shap_values": {"a": 1}, "expected_value": math.inf}),
            "expected_value\n  Input should be a finite number",
        ),
        (
            of_label({"global_shap_values": {"a": "1"}, "expected_value": 0}),
            "global_shap_values.a\n  Input should be a valid number",
        ),
        (
            of_label({"global_shap_values": {"a": -1}, "expected_value": 0}),
            "global_shap_values.a\n  Input should be greater than or equal to 0",
        ),
    ],
)
def test_another_document_is_refused(parsed: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExplanationDocument.model_validate(parsed)
