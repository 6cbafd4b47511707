import json
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from runtime.monitoring.estimate import Estimate
from runtime.monitoring.model_quality import (
    LOWER_IS_BETTER,
    METRICS,
    SECTIONS,
    Json,
    Kind,
    ModelQuality,
    QualityViolation,
    Resampling,
    Values,
    binary,
    multiclass,
    regression,
    relative_worsening,
    suggest_constraints,
    violations,
)

pytestmark = pytest.mark.filterwarnings("error")  # a metric without a value is None, not a warning of numpy's

Floats = npt.NDArray[np.float64]
BRIEF = Resampling(resamples=2)
CONSTANT = "_best_constant_classifier"
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
# Few values, so that many rows tie, and both ends.
PROBABILITIES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
NUMBERS = st.integers(-1000, 1000).map(lambda number: number / 8)

quick = settings(max_examples=20, deadline=None)


def values(quality: ModelQuality) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in quality.metrics.items()}


def defined(quality: ModelQuality) -> dict[str, float]:
    return split(values(quality))[0]


def split(found: Mapping[str, float | None]) -> tuple[dict[str, float], set[str]]:
    """The metrics that have a value, and the names of the others."""
    defined = {name: value for name, value in found.items() if value is not None}
    return defined, set(found) - set(defined)


def assert_same(quality: ModelQuality, expected: Mapping[str, float | None]) -> None:
    (found, none), (defined, undefined) = split(values(quality)), split(expected)
    assert none == undefined
    assert found == pytest.approx(defined, rel=1e-9, abs=1e-12)


def binary_reference(labels: Values, probabilities: Floats) -> dict[str, float | None]:
    positive, negative = bool((labels == 1).any()), bool((labels == 0).any())

    def scores(answers: Values) -> tuple[dict[str, float | None], float]:
        by_beta = {
            name: reference.precision_recall_fscore_support(labels, answers, beta=beta, labels=[0, 1], zero_division=0)
            for name, beta in BETAS.items()
        }
        precisions, recalls, _, _ = by_beta["f1"]
        return {
            "recall": float(recalls[1]) if positive else None,
            "precision": float(precisions[1]) if (answers == 1).any() else None,
            "accuracy": float(reference.accuracy_score(labels, answers)),
            **{name: float(found[2][1]) if positive else None for name, found in by_beta.items()},
        }, float(recalls[0])

    predicted, specificity = scores((probabilities >= 0.5).astype(np.int64))
    constant, _ = scores(np.ones_like(labels))
    recall = predicted["recall"]
    return {
        **predicted,
        **{name + CONSTANT: value for name, value in constant.items()},
        "true_positive_rate": recall,
        "true_negative_rate": specificity if negative else None,
        "false_positive_rate": 1 - specificity if negative else None,
        "false_negative_rate": None if recall is None else 1 - recall,
        "auc": float(reference.roc_auc_score(labels, probabilities)) if positive and negative else None,
        "average_precision": float(reference.average_precision_score(labels, probabilities)) if positive else None,
        "log_loss": float(reference.log_loss(labels, probabilities, labels=[0, 1])),
        "brier": float(reference.brier_score_loss(labels, probabilities, pos_label=1)),
    }


def multiclass_reference(labels: Values, predictions: Values, *, constant: str | int) -> dict[str, float | None]:
    def scores(answers: Values) -> dict[str, float | None]:
        by_beta = {
            f"weighted_{name}": reference.precision_recall_fscore_support(
                labels, answers, beta=beta, average="weighted", zero_division=0
            )
            for name, beta in BETAS.items()
        }
        precision, recall, _, _ = by_beta["weighted_f1"]
        return {
            "accuracy": float(reference.accuracy_score(labels, answers)),
            "weighted_recall": float(recall),
            "weighted_precision": float(precision),
            **{name: float(found[2]) for name, found in by_beta.items()},
        }

    of_constant = scores(np.full_like(labels, constant))
    return {**scores(predictions), **{name + CONSTANT: value for name, value in of_constant.items()}}


def regression_reference(labels: Floats, predictions: Floats) -> dict[str, float | None]:
    square = float(reference.mean_squared_error(labels, predictions))
    return {
        "mae": float(reference.mean_absolute_error(labels, predictions)),
        "mse": square,
        "rmse": square**0.5,
        "r2": float(reference.r2_score(labels, predictions)) if len(set(labels.tolist())) > 1 else None,
    }


@quick
@given(st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), min_size=1, max_size=40))
def test_binary_metrics_are_those_of_scikit_learn(rows: list[tuple[int, float]]) -> None:
    labels, probabilities = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = binary(labels, positive=1, probabilities=probabilities, resampling=BRIEF)
    assert_same(found, binary_reference(labels, probabilities))


@quick
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("bcde")), min_size=1, max_size=40))
def test_multiclass_metrics_are_those_of_scikit_learn(rows: list[tuple[str, str]]) -> None:
    labels, predictions = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = multiclass(labels, predictions=predictions, resampling=BRIEF)
    most_frequent = max("abcd", key=[row[0] for row in rows].count)
    assert_same(found, multiclass_reference(labels, predictions, constant=most_frequent))


@quick
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40))
def test_regression_metrics_are_those_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    labels, predictions = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = regression(labels, predictions=predictions, resampling=BRIEF)
    assert_same(found, regression_reference(labels, predictions))


@quick
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
def test_the_confusion_matrix_has_a_row_a_true_class(rows: list[tuple[str, str]]) -> None:
    pairs = [*rows, ("a", "b")]
    labels, predictions = np.array([row[0] for row in pairs]), np.array([row[1] for row in pairs])
    names = sorted({*labels.tolist(), *predictions.tolist()})
    table = reference.confusion_matrix(labels, predictions, labels=names)
    assert multiclass(labels, predictions=predictions, resampling=BRIEF).confusion_matrix == {
        name: dict(zip(names, row, strict=True)) for name, row in zip(names, table.tolist(), strict=True)
    }


@quick
@given(st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), min_size=1, max_size=40))
def test_short_curves_are_those_of_scikit_learn(rows: list[tuple[int, float]]) -> None:
    pairs = [*rows, (0, 0.5), (1, 0.5)]
    labels, probabilities = np.array([row[0] for row in pairs]), np.array([row[1] for row in pairs])
    curves = binary(labels, positive=1, probabilities=probabilities, resampling=BRIEF).curves
    false_rates, true_rates, _ = reference.roc_curve(labels, probabilities, drop_intermediate=False)
    precisions, recalls, _ = reference.precision_recall_curve(labels, probabilities)
    found = {f"{name}/{axis}": at for name, curve in curves.items() for axis, at in curve.items()}
    expected = {
        "receiver_operating_characteristic_curve/false_positive_rates": false_rates,
        "receiver_operating_characteristic_curve/true_positive_rates": true_rates,
        "precision_recall_curve/precisions": precisions[::-1],
        "precision_recall_curve/recalls": recalls[::-1],
    }
    assert {name: list(at) for name, at in found.items()} == {
        name: pytest.approx(list(at)) for name, at in expected.items()
    }


def rows_of_cells(cells: Mapping[tuple[int, int], int]) -> tuple[Values, Values]:
    pairs = np.repeat(np.array(list(cells)), list(cells.values()), axis=0)
    return pairs[:, 0], pairs[:, 1]


def test_the_binary_example_of_the_guide() -> None:
    labels, predictions = rows_of_cells({(0, 0): 1, (0, 1): 2, (1, 1): 1})
    quality = binary(labels, positive=1, predictions=predictions)
    assert quality.confusion_matrix == {"0": {"0": 1, "1": 2}, "1": {"0": 0, "1": 1}}
    expected = {
        "recall": 1.0,
        "precision": 1 / 3,
        "accuracy": 0.5,
        "recall_best_constant_classifier": 1.0,
        "precision_best_constant_classifier": 0.25,
        "accuracy_best_constant_classifier": 0.25,
        "true_positive_rate": 1.0,
        "true_negative_rate": 1 / 3,
        "false_positive_rate": 2 / 3,
        "false_negative_rate": 0.0,
    }
    assert {name: values(quality)[name] for name in expected} == pytest.approx(expected)


def test_the_multiclass_example_of_the_guide() -> None:
    labels, predictions = rows_of_cells({(0, 0): 1180, (0, 1): 510, (1, 0): 268, (1, 1): 138})
    expected = {
        "accuracy": 0.6288167938931297,
        "weighted_recall": 0.6288167938931297,
        "weighted_precision": 0.6983172269629505,
        "weighted_f0_5": 0.6803947317178771,
        "weighted_f1": 0.6571162346664904,
        "weighted_f2": 0.6384024354394601,
    }
    found = values(multiclass(labels, predictions=predictions, resampling=BRIEF))
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def windows(rows: int = 6000) -> tuple[Values, Floats, Values]:
    """Labels, probabilities and days of so many rows; 18 resamples of 6000 are more than are drawn at a time."""
    generator = np.random.default_rng(3)
    probabilities = generator.integers(0, 50, rows) / 49
    labels = (generator.random(rows) < 0.9 * probabilities).astype(np.int64)
    return labels, probabilities, generator.integers(0, 40, rows)


def of_binary(labels: Values, scores: Floats, groups: Values | None, resampling: Resampling) -> ModelQuality:
    return binary(labels, positive=1, probabilities=scores, groups=groups, resampling=resampling)


def of_multiclass(labels: Values, scores: Floats, groups: Values | None, resampling: Resampling) -> ModelQuality:
    return multiclass(labels, predictions=(scores * 3).astype(np.int64), groups=groups, resampling=resampling)


def of_regression(labels: Values, scores: Floats, groups: Values | None, resampling: Resampling) -> ModelQuality:
    return regression(labels, predictions=scores, groups=groups, resampling=resampling)


def multiclass_of_scores(labels: Values, scores: Floats) -> dict[str, float | None]:
    return multiclass_reference(labels, (scores * 3).astype(np.int64), constant=0)  # the most frequent of all rows


@pytest.mark.parametrize("by_day", [False, True])
@pytest.mark.parametrize(
    ("measure", "measured_again"),
    [(of_binary, binary_reference), (of_multiclass, multiclass_of_scores), (of_regression, regression_reference)],
)
def test_the_bootstrap_is_that_of_repeated_rows(
    measure: Callable[[Values, Floats, Values | None, Resampling], ModelQuality],
    measured_again: Callable[[Values, Floats], dict[str, float | None]],
    by_day: bool,
) -> None:
    labels, scores, days = windows()
    resampling = Resampling(resamples=18, confidence=0.8, seed=7)
    unit = days if by_day else np.arange(len(labels))
    naive = []
    for counts in resampling.counts(40 if by_day else len(labels)):
        drawn = np.repeat(np.arange(len(labels)), counts[unit])
        naive.append(measured_again(labels[drawn], scores[drawn]))
    for name, estimate in measure(labels, scores, days if by_day else None, resampling).metrics.items():
        resampled = np.array([sample[name] for sample in naive], dtype=np.float64)
        lower, upper = np.quantile(resampled, [0.1, 0.9])
        found = (estimate.standard_deviation, estimate.lower, estimate.upper)
        assert found == pytest.approx((resampled.std(ddof=1), lower, upper), rel=1e-9, abs=1e-12), name


def test_a_resample_draws_as_many_units_as_there_are_each_time_others() -> None:
    drawn = list(Resampling(resamples=50).counts(20))
    assert {counts.sum() for counts in drawn} == {20} and len({tuple(counts) for counts in drawn}) == 50


def test_the_same_seed_gives_the_same_interval() -> None:
    labels, scores, _ = windows(100)
    assert of_binary(labels, scores, None, Resampling(seed=1)) == of_binary(labels, scores, None, Resampling(seed=1))
    assert of_binary(labels, scores, None, Resampling(seed=1)) != of_binary(labels, scores, None, Resampling(seed=2))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for window in range(200):
        labels = generator.integers(0, 2, 200)
        predictions = np.where(generator.random(200) < 0.7, labels, 1 - labels)
        resampling = Resampling(resamples=60, confidence=0.8, seed=window)
        accuracy = binary(labels, positive=1, predictions=predictions, resampling=resampling).metrics["accuracy"]
        assert accuracy.lower is not None and accuracy.upper is not None
        covered += accuracy.lower <= 0.7 <= accuracy.upper
    assert 0.72 <= covered / 200 <= 0.88  # 0.8, and three times its standard error of 0.028 to either side


def test_groups_whose_rows_agree_widen_the_interval() -> None:
    generator = np.random.default_rng(6)
    days = np.repeat(np.arange(30), 50)
    predictions = generator.normal(0, 1, 30)[days] + generator.normal(0, 0.1, len(days))
    labels = np.zeros(len(days))
    by_row = regression(labels, predictions=predictions).metrics["mae"].standard_deviation
    by_day = regression(labels, predictions=predictions, groups=days).metrics["mae"].standard_deviation
    assert by_row is not None and by_day is not None and by_day > 5 * by_row  # the square root of 50 is 7


def test_predicted_labels_alone_give_no_metric_of_probabilities_and_no_curve() -> None:
    quality = binary(np.array(["late", "early"]), positive="late", predictions=np.array(["late", "late"]))
    of_probabilities = {"auc", "average_precision", "log_loss", "brier"}
    assert set(METRICS["binary"]) - set(quality.metrics) == of_probabilities and quality.curves == {}


def test_predictions_beside_probabilities_are_taken_as_they_are() -> None:
    labels = np.array([1, 0])
    quality = binary(labels, positive=1, predictions=labels, probabilities=np.array([0.1, 0.9]))
    assert (quality.metrics["accuracy"].value, quality.metrics["auc"].value) == (1.0, 0.0)


def test_the_threshold_itself_is_positive() -> None:
    quality = binary(np.array([1, 0]), positive=1, probabilities=np.array([0.3, 0.2]), threshold=0.3)
    assert quality.metrics["accuracy"].value == 1.0


def test_mixed_labels_and_whole_floats_are_classes() -> None:
    labels, predictions = np.array(["b", 1], dtype=object), np.array(["b", "b"], dtype=object)
    assert multiclass(labels, predictions=predictions).confusion_matrix == {
        "1": {"1": 0, "b": 1},
        "b": {"1": 0, "b": 1},
    }
    assert multiclass(np.array([2.0]), predictions=np.array([2])).confusion_matrix == {"2": {"2": 1}}


@pytest.mark.parametrize(
    ("labels", "undefined"),
    [
        (
            [0] * 9,
            {"recall", "f0_5", "f1", "f2", "true_positive_rate", "false_negative_rate", "auc", "average_precision"}
            | {f"{name}{CONSTANT}" for name in ("recall", "f0_5", "f1", "f2")},
        ),
        ([1] * 9, {"true_negative_rate", "false_positive_rate", "auc"}),
    ],
)
def test_metrics_of_a_class_that_is_missing_are_none(labels: list[int], undefined: set[str]) -> None:
    quality = binary(np.array(labels), positive=1, probabilities=np.linspace(0, 1, 9))
    none = {name for name, estimate in quality.metrics.items() if estimate == Estimate(value=None)}
    assert none == undefined


def test_precision_without_a_positive_prediction_is_none() -> None:
    quality = binary(np.array([0, 1]), positive=1, predictions=np.array([0, 0]))
    assert (quality.metrics["precision"].value, quality.metrics["f1"].value) == (None, 0.0)


def test_curves_of_a_class_that_is_missing_are_left_out() -> None:
    probabilities = np.array([0.2, 0.8])
    assert binary(np.array([0, 0]), positive=1, probabilities=probabilities).curves == {}
    assert list(binary(np.array([1, 1]), positive=1, probabilities=probabilities).curves) == ["precision_recall_curve"]


@pytest.mark.parametrize(
    "labels", [np.full(20, 0.1), np.array([7.0]), np.array([1e200, -1e200])], ids=["constant", "one row", "too large"]
)
def test_r2_of_labels_without_a_variance_is_none(labels: Floats) -> None:
    assert regression(labels, predictions=labels + 1).metrics["r2"] == Estimate(value=None)


def test_r2_keeps_its_digits_for_labels_that_are_large_and_alike() -> None:
    labels = 1e9 + np.arange(10.0)
    assert regression(labels, predictions=labels + 1).metrics["r2"].value == pytest.approx(1 - 1 / 8.25)


@pytest.mark.parametrize(("rows", "sure"), [(1, False), (7, False), (8, True)])
def test_fewer_than_eight_units_have_no_interval(rows: int, sure: bool) -> None:
    accuracy = multiclass(np.arange(rows) % 2, predictions=np.zeros(rows, dtype=np.int64)).metrics["accuracy"]
    assert accuracy.value is not None
    assert [number is not None for number in (accuracy.standard_deviation, accuracy.lower, accuracy.upper)] == [
        sure
    ] * 3


def test_a_metric_that_most_resamples_lack_has_no_interval() -> None:
    labels = np.array([1] + [0] * 19)  # 36 % of the resamples have no positive label
    quality = binary(labels, positive=1, predictions=labels)
    assert quality.metrics["recall"] == Estimate(value=1.0) and quality.metrics["accuracy"].lower == 1.0


def test_a_metric_that_few_resamples_lack_is_that_of_the_others() -> None:
    labels = np.array([1] * 4 + [0] * 16)  # 1 % of the resamples have no positive label
    recall = binary(labels, positive=1, predictions=np.array([1, 1, 0, 0] + [0] * 16)).metrics["recall"]
    assert recall.standard_deviation is not None and recall.lower == 0.0 and recall.upper == 1.0


def test_long_curves_are_thinned_rise_and_keep_their_ends() -> None:
    generator = np.random.default_rng(8)
    probabilities = generator.random(5000)
    labels = (generator.random(5000) < probabilities**4).astype(np.int64)
    curves = binary(labels, positive=1, probabilities=probabilities, resampling=BRIEF).curves
    roc, precision_recall = curves["receiver_operating_characteristic_curve"], curves["precision_recall_curve"]
    false_rates, true_rates = roc["false_positive_rates"], roc["true_positive_rates"]
    precisions, recalls = precision_recall["precisions"], precision_recall["recalls"]
    assert all(100 < len(at) <= 200 for at in (false_rates, true_rates, precisions, recalls))
    assert all(list(at) == sorted(at) for at in (false_rates, true_rates, recalls))
    assert (false_rates[0], true_rates[0], false_rates[-1], true_rates[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert (recalls[0], precisions[0], recalls[-1], precisions[-1]) == (0.0, 1.0, 1.0, labels.mean())


def test_a_thinned_curve_has_about_the_area_of_the_whole() -> None:
    generator = np.random.default_rng(9)
    probabilities = generator.random(5000)
    labels = (generator.random(5000) < probabilities**4).astype(np.int64)
    quality = binary(labels, positive=1, probabilities=probabilities, resampling=BRIEF)
    roc = quality.curves["receiver_operating_characteristic_curve"]
    area = np.trapezoid(roc["true_positive_rates"], roc["false_positive_rates"])
    assert quality.metrics["auc"].value == pytest.approx(area, abs=2e-3)


THREE = np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: multiclass(THREE[:0], predictions=THREE[:0]), "there are 0 rows; accepted: 1 or more"),
        (lambda: regression(THREE, predictions=THREE[:2]), "there are 2 predictions and 3 labels"),
        (lambda: regression(THREE, predictions=THREE, groups=THREE[:1]), "there are 1 groups and 3 labels"),
        (lambda: multiclass(THREE, predictions=THREE.reshape(3, 1)), "predictions are of 2 dimensions; accepted: one"),
        (
            lambda: regression(THREE, predictions=np.array([np.nan, np.inf, 1])),
            "2 of 3 predictions are missing or not finite; accepted: none",
        ),
        (
            lambda: binary(THREE, positive=1, probabilities=np.array([np.nan, 0.5, 1])),
            "1 of 3 probabilities are missing or not finite",
        ),
        (lambda: binary(np.array([None, "a", "b"]), positive="a", predictions=THREE), "1 of 3 labels are missing"),
        (
            lambda: binary(THREE, positive=1, probabilities=np.array([-0.1, 1.1, 1])),
            "2 of 3 probabilities are below 0 or above 1",
        ),
        (lambda: binary(THREE, positive=1), "predictions and probabilities are missing; accepted: either or both"),
        (lambda: binary(THREE, positive=1, probabilities=THREE, threshold=2), "threshold is 2; accepted"),
        (lambda: regression(THREE, predictions=np.array(["0", "1", "1"])), "predictions are of type <U1; accepted"),
        (lambda: Resampling(resamples=1), "resamples is 1; accepted: 2 or more"),
        (lambda: Resampling(confidence=1), "confidence is 1; accepted: a number between 0 and 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure()


def test_the_document_of_each_kind_is_json_and_has_its_section() -> None:
    labels, scores, _ = windows(50)
    documents = {
        "binary_classification_metrics": of_binary(labels, scores, None, BRIEF).document(),
        "multiclass_classification_metrics": of_multiclass(labels, scores, None, BRIEF).document(),
        "regression_metrics": of_regression(labels, scores, None, BRIEF).document(),
    }
    assert all(list(json.loads(json.dumps(found, allow_nan=False))) == [name] for name, found in documents.items())


def test_the_binary_document_has_matrix_metrics_and_curves() -> None:
    quality = binary(np.array([0, 1]), positive=1, probabilities=np.array([0.1, 0.9]))
    section = quality.document()["binary_classification_metrics"]
    assert isinstance(section, Mapping)
    assert list(section) == [
        "confusion_matrix",
        *METRICS["binary"],
        "receiver_operating_characteristic_curve",
        "precision_recall_curve",
    ]
    assert section["recall"] == quality.metrics["recall"].document()
    assert section["precision_recall_curve"] == {"precisions": [1.0, 1.0, 0.5], "recalls": [0.0, 1.0, 1.0]}


@pytest.mark.parametrize(
    ("name", "baseline", "current", "worse"),
    [
        ("log_loss", 0.5, 0.55, 0.1),
        ("log_loss", 0.5, 0.4, 0.0),
        ("log_loss", 0.5, 5.0, 1.0),
        ("recall", 0.8, 0.72, 0.1),
        ("recall", 0.8, 0.9, 0.0),
        ("mse", 0.0, 0.001, 1.0),
        ("mse", 0.0, 0.0, 0.0),
        ("recall", 0.0, 0.0, 0.0),
        ("r2", 0.5, 0.4, 0.2),
        ("r2", 0.5, -3.0, 1.0),
        ("r2", 0.0, -0.1, 0.1),
        ("r2", -1.0, -1.5, 0.25),
        ("r2", -1.0, -0.5, 0.0),
    ],
)
def test_worsening_is_relative_to_the_baseline(name: str, baseline: float, current: float, worse: float) -> None:
    assert relative_worsening(name, baseline=baseline, current=current) == pytest.approx(worse)


@pytest.mark.parametrize("name", sorted({name for names in METRICS.values() for name in names}))
def test_every_metric_has_a_direction(name: str) -> None:
    better_low = relative_worsening(name, baseline=0.5, current=0.4) == 0
    assert better_low == (name in {"mae", "mse", "rmse", "log_loss", "brier"} or name.startswith("false_"))


@pytest.mark.parametrize(
    ("name", "baseline", "current", "message"),
    [
        ("recall", 0.5, None, "recall is None; accepted: a finite number"),
        ("recall", None, 0.5, "the baseline of recall is None"),
        ("recall", 0.5, float("nan"), "recall is nan"),
        ("mood", 0.5, 0.5, "metric 'mood' is unknown; accepted: accuracy, "),
    ],
)
def test_worsening_of_nothing_is_refused(
    name: str, baseline: float | None, current: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        relative_worsening(name, baseline=baseline, current=current)


def test_suggested_constraints_are_the_metrics_of_the_model() -> None:
    quality = binary(np.array([0, 1, 1]), positive=1, probabilities=np.array([0.1, 0.9, 0.2]))
    section = suggest_constraints("binary", defined(quality))["binary_classification_constraints"]
    assert isinstance(section, Mapping)
    assert set(section) == {name for name in METRICS["binary"] if not name.endswith(CONSTANT)}
    assert section["recall"] == {"threshold": pytest.approx(0.45), "comparison_operator": "LessThanThreshold"}
    greater = {name for name, entry in section.items() if "GreaterThanThreshold" in json.dumps(entry)}
    assert greater == LOWER_IS_BETTER & set(METRICS["binary"])


def test_an_undefined_metric_is_no_constraint() -> None:
    quality = binary(np.array([0, 0]), positive=1, predictions=np.array([0, 1]))
    section = suggest_constraints("binary", defined(quality))["binary_classification_constraints"]
    assert isinstance(section, Mapping) and "accuracy" in section and "recall" not in section


@given(
    st.sampled_from([(kind, name) for kind, names in METRICS.items() for name in names]),
    st.floats(-3, 1, allow_subnormal=False),
)
def test_a_suggested_threshold_is_where_a_metric_is_a_tenth_worse(named: tuple[Kind, str], value: float) -> None:
    kind, name = named
    value = value if name == "r2" else abs(value) + 0.01
    section = suggest_constraints(kind, {name: value})[f"{SECTIONS[kind]}_constraints"]
    assert isinstance(section, Mapping)
    if name.endswith(CONSTANT):
        assert section == {}
        return
    (entry,) = section.values()
    assert isinstance(entry, Mapping) and isinstance(entry["threshold"], float)
    assert relative_worsening(name, baseline=value, current=entry["threshold"]) == pytest.approx(0.1)


def quality_of(metrics: Mapping[str, float | None]) -> ModelQuality:
    return ModelQuality(
        kind="binary",
        item_count=10,
        metrics={name: Estimate(value=value) for name, value in metrics.items()},
        curves={},
    )


def constraints_on(name: str, threshold: Json, operator: Json) -> Mapping[str, Json]:
    return {
        "version": 0.0,
        "binary_classification_constraints": {name: {"threshold": threshold, "comparison_operator": operator}},
    }


def test_a_window_like_its_baseline_violates_nothing() -> None:
    labels, scores, _ = windows(50)
    for measure in (of_binary, of_multiclass, of_regression):
        quality = measure(labels, scores, None, BRIEF)
        assert violations(suggest_constraints(quality.kind, defined(quality)), quality) == ()


@pytest.mark.parametrize(
    ("name", "value", "threshold", "operator"),
    [("recall", 0.6, 0.7, "LessThanThreshold"), ("log_loss", 0.6, 0.5, "GreaterThanThreshold")],
)
def test_a_violation_speaks_as_model_monitor_does(name: str, value: float, threshold: float, operator: str) -> None:
    found = violations(constraints_on(name, threshold, operator), quality_of({name: value}))
    description = f"Metric {name} with {value} was {operator} '{threshold}'"
    assert found == (QualityViolation(constraint_check_type=operator, metric_name=name, description=description),)
    assert found[0].document() == {
        "constraint_check_type": operator,
        "metric_name": name,
        "description": description,
    }


@pytest.mark.parametrize(
    ("name", "threshold", "operator", "estimate", "broken"),
    [
        ("recall", 0.7, "LessThanThreshold", Estimate(value=0.6, lower=0.5, upper=0.69), True),
        ("recall", 0.7, "LessThanThreshold", Estimate(value=0.6, lower=0.5, upper=0.71), False),
        ("log_loss", 0.5, "GreaterThanThreshold", Estimate(value=0.6, lower=0.51, upper=0.7), True),
        ("log_loss", 0.5, "GreaterThanThreshold", Estimate(value=0.6, lower=0.49, upper=0.7), False),
    ],
)
def test_a_metric_whose_interval_reaches_the_threshold_violates_nothing(
    name: str, threshold: float, operator: str, estimate: Estimate, broken: bool
) -> None:
    quality = ModelQuality(kind="binary", item_count=10, metrics={name: estimate}, curves={})
    assert bool(violations(constraints_on(name, threshold, operator), quality)) is broken


def test_numbers_near_the_end_of_their_range_have_no_interval_and_no_warning() -> None:
    labels = np.linspace(1e152, 1e153, 40)
    quality = regression(labels, predictions=np.zeros(40))
    assert quality.metrics["mse"].value is not None and quality.metrics["mse"].standard_deviation is None
    assert regression(labels * 1e147, predictions=labels).metrics["mse"] == Estimate(value=None)


def test_an_undefined_metric_violates_nothing() -> None:
    assert violations(constraints_on("recall", 0.7, "LessThanThreshold"), quality_of({"recall": None})) == ()


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"regression_constraints": {}}, "no binary_classification_constraints; they have: regression_constraints"),
        (constraints_on("mood", 0.7, "LessThanThreshold"), "the constraints name metric 'mood'; accepted: recall, "),
        (constraints_on("auc", 0.7, "LessThanThreshold"), "metric auc, which needs probabilities; the window has none"),
        (constraints_on("recall", 0.7, "Near"), "the comparison operator of recall is 'Near'; accepted: LessThan"),
        (constraints_on("recall", "0.7", "LessThanThreshold"), "the threshold of recall is '0.7'; accepted: a finite"),
        (constraints_on("recall", True, "LessThanThreshold"), "the threshold of recall is True"),
        ({"binary_classification_constraints": {"recall": 0.7}}, "the threshold of recall is None"),
    ],
)
def test_constraints_that_cannot_be_checked_are_refused(constraints: Mapping[str, Json], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        violations(constraints, quality_of({"recall": 0.6}))
