"""Every metric against its formula, scipy, the guide's examples and Clarify's library; documents; drift."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cityblock, jensenshannon
from scipy.stats import entropy, ks_2samp

from runtime.monitoring.analysis import BiasDocument
from runtime.monitoring.bias import (
    BOUNDED,
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

pytestmark = pytest.mark.filterwarnings("error")

Row = tuple[bool, bool, bool, str | None]  # facet d, label, prediction, group
ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["x", "y", None])), min_size=1, max_size=60
)
BOOTSTRAP = Bootstrap(resamples=400, confidence=0.95, seed=7)


def of_cells(*cells: tuple[bool, bool, bool, str, int]) -> list[Row]:
    return [(facet, label, prediction, group) for facet, label, prediction, group, count in cells for _ in range(count)]


def of_confusion(*, a: Sequence[int], d: Sequence[int]) -> list[Row]:
    """Rows of a facet's true negatives, false negatives, false positives and true positives."""
    cells = [(False, False), (True, False), (False, True), (True, True)]
    return of_cells(
        *(
            (facet, *cell, "x", n)
            for facet, counts in ((False, a), (True, d))
            for cell, n in zip(cells, counts, strict=True)
        )
    )


def measured(rows: Sequence[Row], *, grouped: bool = True, bootstrap: Bootstrap | None = None) -> dict[str, BiasMetric]:
    facet, labels, predictions = (np.array([bool(row[i]) for row in rows], dtype=np.bool_) for i in range(3))
    groups = np.array([row[3] for row in rows], dtype=np.object_) if grouped else None
    return {
        **pre_training(facet=facet, labels=labels, groups=groups, bootstrap=bootstrap),
        **post_training(facet=facet, labels=labels, predictions=predictions, groups=groups, bootstrap=bootstrap),
    }


def values(rows: Sequence[Row]) -> dict[str, float | None]:
    return {name: metric.value for name, metric in measured(rows).items()}


# The formulas, as the pages have them.


def count(rows: Sequence[Row], **wanted: bool) -> int:
    names = ("d", "y", "predicted")
    return sum(all(row[names.index(name)] == value for name, value in wanted.items()) for row in rows)


def share(rows: Sequence[Row], *, d: bool, y: bool) -> float:
    return count(rows, d=d, y=y) / count(rows, d=d)


def kl(rows: Sequence[Row]) -> float:
    terms = [(share(rows, d=False, y=y), share(rows, d=True, y=y)) for y in (False, True)]
    return sum(p * math.log(p / q) for p, q in terms if p > 0)


def js(rows: Sequence[Row]) -> float:
    total = 0.0
    for y in (False, True):
        pair = [share(rows, d=d, y=y) for d in (False, True)]
        total += sum(p * math.log(p / (sum(pair) / 2)) / 2 for p in pair if p > 0)
    return total


def gaps(rows: Sequence[Row]) -> list[float]:
    return [abs(share(rows, d=False, y=y) - share(rows, d=True, y=y)) for y in (False, True)]


def disparity(rows: Sequence[Row], outcome: int) -> float:
    if any(len({bool(row[i]) for row in rows}) < 2 for i in (0, outcome)):
        raise ZeroDivisionError  # a facet or an outcome without rows
    total = 0.0
    for group in {row[3] for row in rows}:
        inside = [row for row in rows if row[3] == group]
        for accepted in (False, True):
            outcomes = [row for row in inside if row[outcome] == accepted]
            part = count(outcomes, d=True) / len(outcomes) if outcomes else 0.0
            total += (-part if accepted else part) * len(inside)
    return total / len(rows)


def a_less_d(
    rows: Sequence[Row], above: Callable[[Sequence[Row]], int], below: Callable[[Sequence[Row]], int]
) -> float:
    a, d = ([row for row in rows if row[0] == facet] for facet in (False, True))
    return above(a) / below(a) - above(d) / below(d)


def benefits(rows: Sequence[Row]) -> float:
    benefit = [int(row[2]) - int(row[1]) + 1 for row in rows]
    mean = sum(benefit) / len(benefit)
    return sum((b / mean) ** 2 - 1 for b in benefit) / (len(rows) * 2 * (2 - 1))


def true_positives(rows: Sequence[Row]) -> int:
    return count(rows, y=True, predicted=True)


def true_negatives(rows: Sequence[Row]) -> int:
    return count(rows, y=False, predicted=False)


def positives(rows: Sequence[Row]) -> int:
    return count(rows, y=True)


def negatives(rows: Sequence[Row]) -> int:
    return count(rows, y=False)


def accepted(rows: Sequence[Row]) -> int:
    return count(rows, predicted=True)


def rejected(rows: Sequence[Row]) -> int:
    return count(rows, predicted=False)


FORMULAS: Mapping[str, Callable[[Sequence[Row]], float]] = {
    "CI": lambda rows: (count(rows, d=False) - count(rows, d=True)) / len(rows),
    "DPL": lambda rows: a_less_d(rows, positives, len),
    "KL": kl,
    "JS": js,
    "LP": lambda rows: math.hypot(*gaps(rows)),
    "TVD": lambda rows: sum(gaps(rows)) / 2,
    "KS": lambda rows: max(gaps(rows)),
    "CDDL": lambda rows: disparity(rows, 1),
    "DPPL": lambda rows: a_less_d(rows, accepted, len),
    "DI": lambda rows: (
        (count(rows, d=True, predicted=True) / count(rows, d=True))
        / (count(rows, d=False, predicted=True) / count(rows, d=False))
    ),
    "DCA": lambda rows: a_less_d(rows, positives, accepted),
    "DCR": lambda rows: -a_less_d(rows, negatives, rejected),
    "SD": lambda rows: -a_less_d(rows, true_negatives, negatives),
    "RD": lambda rows: a_less_d(rows, true_positives, positives),
    "DAR": lambda rows: a_less_d(rows, true_positives, accepted),
    "DRR": lambda rows: -a_less_d(rows, true_negatives, rejected),
    "AD": lambda rows: a_less_d(rows, lambda part: true_positives(part) + true_negatives(part), len),
    "CDDPL": lambda rows: disparity(rows, 2),
    "TE": lambda rows: (
        -a_less_d(
            rows, lambda part: count(part, y=True, predicted=False), lambda part: count(part, y=False, predicted=True)
        )
    ),
    "GE": benefits,
}


def test_every_metric_has_a_formula_here() -> None:
    assert list(values([(True, True, True, "x")])) == list(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
@settings(max_examples=25, deadline=None)
@given(rows=ROWS)
def test_a_metric_is_its_formula_or_none_where_that_divides_by_zero(name: str, rows: list[Row]) -> None:
    try:
        expected = FORMULAS[name](rows)
    except ZeroDivisionError:
        assert values(rows)[name] is None
    else:
        assert values(rows)[name] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(rows=ROWS)
def test_bounded_metrics_are_within_one(rows: list[Row]) -> None:
    assert all(abs(value) <= 1 for name, value in values(rows).items() if name in BOUNDED and value is not None)


@settings(max_examples=50, deadline=None)
@given(rows=ROWS)
def test_distances_of_labels_agree_with_scipy(rows: list[Row]) -> None:
    labels = [np.array([row[1] for row in rows if row[0] == facet]) for facet in (False, True)]
    assume(len(labels[0]) and len(labels[1]))
    a, d = (np.array([1 - part.mean(), part.mean()]) for part in labels)
    with np.errstate(all="ignore"):
        kullback, jensen = float(entropy(a, d)), float(jensenshannon(a, d)) ** 2
        kolmogorov = float(ks_2samp(labels[0], labels[1], method="asymp").statistic)
    found = values(rows)
    assert found["KL"] == (pytest.approx(kullback, abs=1e-12) if math.isfinite(kullback) else None)
    assert found["JS"] == pytest.approx(jensen, abs=1e-12)
    assert found["TVD"] == pytest.approx(cityblock(a, d) / 2, abs=1e-12)
    # Of two labels, the largest distance of the shares is that of the distribution functions.
    assert found["KS"] == pytest.approx(kolmogorov, abs=1e-12)


# Examples of the Amazon SageMaker developer guide, each on the page of its metric.
GUIDE = of_confusion(a=[20, 5, 10, 65], d=[18, 7, 5, 20])


@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("KL", of_confusion(a=[2, 0, 0, 8], d=[7, 0, 0, 3]), 0.8 * math.log(0.8 / 0.3) + 0.2 * math.log(0.2 / 0.7)),
        ("DI", of_confusion(a=[4, 0, 0, 6], d=[5, 0, 0, 5]), 0.5 / 0.6),
        ("DPPL", of_confusion(a=[4, 0, 0, 6], d=[5, 0, 0, 5]), 0.1),
        ("DCA", of_confusion(a=[30, 10, 0, 60], d=[20, 0, 10, 20]), 1 / 2),
        ("DCA", of_confusion(a=[40, 0, 10, 50], d=[10, 10, 0, 30]), -1 / 2),
        ("DCR", of_confusion(a=[50, 10, 0, 40], d=[30, 0, 10, 10]), 1 / 2),
        ("DCR", of_confusion(a=[60, 0, 10, 30], d=[20, 10, 0, 20]), -1 / 2),
        ("RD", GUIDE, 65 / 70 - 20 / 27),
        ("SD", GUIDE, 18 / 23 - 20 / 30),
        ("DAR", of_confusion(a=[9, 9, 35, 35], d=[9, 9, 60, 40]), 0.1),
        ("DRR", of_confusion(a=[80, 20, 9, 9], d=[40, 10, 9, 9]), 0.0),
        ("AD", of_confusion(a=[10, 20, 10, 60], d=[10, 40, 10, 40]), 0.2),
        ("TE", of_confusion(a=[40, 8, 6, 46], d=[20, 5, 2, 23]), 5 / 2 - 8 / 6),
        ("CDDL", of_confusion(a=[54, 0, 0, 68], d=[46, 0, 0, 32]), 0.14),
    ],
)
def test_the_guides_examples(name: str, rows: list[Row], expected: float) -> None:
    assert values(rows)[name] == pytest.approx(expected, abs=1e-12)


# What smclarify 0.5 (https://pypi.org/project/smclarify/0.5/) computes of these rows.
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            of_cells(
                (False, False, False, "x", 20),
                (False, True, False, "x", 5),
                (False, False, True, "y", 10),
                (False, True, True, "y", 65),
                (True, False, False, "x", 18),
                (True, True, False, "y", 7),
                (True, False, True, "x", 5),
                (True, True, True, "y", 20),
            ),
            {
                "CI": 0.3333333333333333,
                "DPL": 0.15999999999999992,
                "KL": 0.053424632391477184,
                "JS": 0.013660096307461532,
                "LP": 0.22627416997969516,
                "TVD": 0.15999999999999998,
                "KS": 0.16000000000000003,
                "CDDL": -0.02840242669362998,
                "DPPL": 0.25,
                "DI": 0.6666666666666666,
                "DCA": -0.14666666666666672,
                "DCR": -0.2799999999999999,
                "SD": 0.11594202898550732,
                "RD": 0.1878306878306879,
                "DAR": 0.06666666666666665,
                "DRR": -0.08000000000000007,
                "AD": 0.08999999999999997,
                "CDDPL": 0.350795593635251,
                "TE": 0.8999999999999999,
                "GE": 0.08631295655517103,
            },
            id="guide",
        ),
        pytest.param(
            of_cells(
                (False, False, False, "x", 3),
                (False, True, False, "y", 2),
                (False, False, True, "x", 1),
                (False, True, True, "y", 4),
                (True, False, False, "y", 9),
                (True, True, False, "x", 3),
                (True, False, True, "x", 4),
                (True, True, True, "x", 1),
            ),
            {
                "CI": -0.25925925925925924,
                "DPL": 0.36470588235294116,
                "KL": 0.30244531739041053,
                "JS": 0.07021804342423084,
                "LP": 0.5157720051007757,
                "TVD": 0.3647058823529411,
                "KS": 0.36470588235294116,
                "CDDL": 0.3333333333333333,
                "DPPL": 0.20588235294117646,
                "DI": 0.5882352941176471,
                "DCA": 0.3999999999999999,
                "DCR": 0.2833333333333332,
                "SD": -0.05769230769230771,
                "RD": 0.41666666666666663,
                "DAR": 0.6000000000000001,
                "DRR": 0.15000000000000002,
                "AD": 0.11176470588235288,
                "CDDPL": 0.30639730639730645,
                "TE": -1.25,
                "GE": 0.18518518518518517,
            },
            id="small",
        ),
    ],
)
def test_clarifys_library_agrees(rows: list[Row], expected: Mapping[str, float]) -> None:
    assert values(rows) == pytest.approx(expected, abs=1e-12)


# Edges.


def test_only_class_imbalance_and_entropy_are_known_of_one_facet() -> None:
    found = values(of_confusion(a=[2, 1, 1, 2], d=[0, 0, 0, 0]))
    assert {name: value for name, value in found.items() if value is not None} == {
        "CI": 1.0,
        "GE": pytest.approx(1 / 6),
    }


def test_of_no_rows_nothing_is_known() -> None:
    assert set(values([]).values()) == {None}


def test_facets_that_share_no_label_are_as_far_apart_as_can_be() -> None:
    found = values(of_confusion(a=[0, 0, 0, 4], d=[4, 0, 0, 0]))
    assert found["KL"] is None
    assert found["JS"] == pytest.approx(math.log(2))
    assert (found["TVD"], found["KS"]) == (1.0, 1.0)


def test_entropy_is_undefined_if_all_answers_are_false_negatives() -> None:
    assert values(of_confusion(a=[0, 3, 0, 0], d=[0, 2, 0, 0]))["GE"] is None


def test_entropy_exceeds_the_range_that_the_guide_gives() -> None:
    assert values(of_confusion(a=[0, 5, 0, 1], d=[0, 3, 0, 0]))["GE"] == pytest.approx((9 - 1) / 2)
    assert "GE" not in BOUNDED


def test_conditional_metrics_need_groups() -> None:
    assert set(FORMULAS) - set(measured([(True, True, True, "x")], grouped=False)) == {"CDDL", "CDDPL"}


def test_conditioning_undoes_simpsons_paradox() -> None:
    # Each department accepts both facets at its own rate; d applies to the stricter one.
    rows = of_cells(
        (False, True, True, "mild", 8),
        (False, False, True, "mild", 2),
        (True, True, True, "mild", 4),
        (True, False, True, "mild", 1),
        (False, True, True, "strict", 1),
        (False, False, True, "strict", 4),
        (True, True, True, "strict", 2),
        (True, False, True, "strict", 8),
    )
    found = measured(rows)
    assert found["DPL"].value == pytest.approx(0.2)
    assert found["CDDL"].value == pytest.approx(0.0, abs=1e-12)


def test_missing_groups_are_one_group() -> None:
    facet, labels = np.array([True, False, True, False]), np.array([True, True, False, False])
    missing = np.array([None, math.nan, float("nan"), None], dtype=np.object_)
    one = np.array(["x"] * 4)
    assert pre_training(facet=facet, labels=labels, groups=missing) == pre_training(
        facet=facet, labels=labels, groups=one
    )


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match=r"facet has shape \(3,\) and labels has shape \(2,\)"):
        pre_training(facet=np.zeros(3, np.bool_), labels=np.zeros(2, np.bool_))


def test_labels_must_be_boolean() -> None:
    with pytest.raises(ValueError, match="labels has type int64; accepted: bool"):
        pre_training(facet=np.zeros(3, np.bool_), labels=np.zeros(3, np.int64))


# Members.


def test_members_are_the_values_listed() -> None:
    column = np.array(["AA", "UA", None, "AA"], dtype=np.object_)
    assert members(column, of=["AA"]).tolist() == [True, False, False, True]


def test_a_number_is_no_text() -> None:
    assert not members(np.array(["1", "2"]), of=[1]).any()


def test_members_are_the_numbers_above_a_threshold() -> None:
    column = np.array([39.0, 40.0, 41.0, math.nan])
    assert members(column, of=Above(threshold=40)).tolist() == [False, False, True, False]


def test_a_missing_number_is_not_above_a_threshold() -> None:
    assert members(np.array([None, 41], dtype=np.object_), of=Above(threshold=40)).tolist() == [False, True]


def test_a_single_text_is_refused() -> None:
    with pytest.raises(ValueError, match="of is the text 'AA'; accepted: a list"):
        members(np.array(["AA"]), of="AA")


@pytest.mark.parametrize(("of", "text"), [(["AA", 1], "AA,1"), (Above(threshold=40), "(40, inf)")])
def test_a_selection_has_a_text(of: list[str | int | float] | Above, text: str) -> None:
    assert value_or_threshold(of) == text


# Intervals.

FAIR = of_confusion(a=[300, 100, 100, 500], d=[150, 50, 50, 250])


def test_an_interval_is_as_wide_as_theory_says() -> None:
    metric = measured(FAIR, bootstrap=replace(BOOTSTRAP, resamples=4000))["DPPL"]
    deviation = math.sqrt(0.6 * 0.4 / 1000 + 0.6 * 0.4 / 500)
    assert metric.standard_deviation == pytest.approx(deviation, rel=0.05)
    assert metric.upper is not None
    assert metric.upper == pytest.approx(1.96 * deviation, rel=0.05)


def test_rows_drawn_by_their_counts_spread_as_rows_drawn_one_by_one() -> None:
    rows = of_confusion(a=[40, 10, 20, 30], d=[15, 15, 5, 15])
    counted = measured(rows, bootstrap=BOOTSTRAP)
    one_by_one = measured(rows, bootstrap=replace(BOOTSTRAP, resample_by=np.arange(len(rows))))
    for name in FORMULAS:
        assert counted[name].standard_deviation == pytest.approx(one_by_one[name].standard_deviation, rel=0.25)


def test_rows_of_one_unit_are_drawn_together() -> None:
    # Ten copies of each row say no more than the row.
    once = measured(FAIR, bootstrap=BOOTSTRAP)
    copies = measured(FAIR * 10, bootstrap=replace(BOOTSTRAP, resample_by=np.tile(np.arange(len(FAIR)), 10)))
    rows = measured(FAIR * 10, bootstrap=BOOTSTRAP)
    deviations = [run["DPPL"].standard_deviation for run in (once, copies, rows)]
    assert deviations[1] == pytest.approx(deviations[0], rel=0.2)
    assert deviations[2] == pytest.approx((deviations[0] or 0.0) / math.sqrt(10), rel=0.2)


def test_one_seed_draws_the_same_units() -> None:
    assert measured(FAIR, bootstrap=BOOTSTRAP) == measured(FAIR, bootstrap=BOOTSTRAP)


def test_a_bootstrap_leaves_the_values_alone() -> None:
    assert {name: metric.value for name, metric in measured(FAIR, bootstrap=BOOTSTRAP).items()} == values(FAIR)


def test_there_is_no_interval_of_few_units() -> None:
    days = np.arange(len(FAIR)) % 7
    assert measured(FAIR, bootstrap=replace(BOOTSTRAP, resample_by=days))["DPPL"].upper is None


def test_there_is_no_interval_of_a_metric_that_many_resamples_leave_undefined() -> None:
    found = measured(of_confusion(a=[30, 10, 10, 50], d=[30, 10, 1, 50]), bootstrap=BOOTSTRAP)
    assert (found["TE"].upper is None, found["DPPL"].upper is None) == (True, False)


@pytest.mark.parametrize("bad", [{"resamples": 1}, {"confidence": 1.0}])
def test_a_bootstrap_that_makes_no_interval_is_refused(bad: Mapping[str, float]) -> None:
    settings_: dict[str, float] = {"resamples": 10, "confidence": 0.9, **bad}
    with pytest.raises(ValueError, match="accepted"):
        Bootstrap(resamples=int(settings_["resamples"]), confidence=settings_["confidence"], seed=1)


def test_units_must_fit_the_rows() -> None:
    with pytest.raises(ValueError, match="resample_by has shape"):
        measured(FAIR, bootstrap=replace(BOOTSTRAP, resample_by=np.arange(3)))


# Documents.


def metric(value: float | None, *, lower: float | None = None, upper: float | None = None) -> BiasMetric:
    spread = None if lower is None else 0.1
    return BiasMetric(value=value, description="", standard_deviation=spread, lower=lower, upper=upper)


def analysis(facet: str = "carrier", value: str = "B6", **metrics: BiasMetric) -> BiasAnalysis:
    return BiasAnalysis(
        label="late",
        label_value_or_threshold="1",
        facets=[FacetBias(facet=facet, value_or_threshold=value, pre_training={}, post_training=metrics)],
    )


def whole(bootstrap: Bootstrap | None = None) -> BiasAnalysis:
    found = measured(FAIR, bootstrap=bootstrap)
    pre = {name: found[name] for name in ("CI", "DPL")}
    post = {name: found[name] for name in ("DI", "TE")}
    return BiasAnalysis(
        label="late",
        label_value_or_threshold="1",
        facets=[
            FacetBias(facet="carrier", value_or_threshold="B6", pre_training=pre, post_training=post),
            FacetBias(facet="carrier", value_or_threshold="UA", pre_training=pre, post_training={}),
        ],
    )


def test_a_document_has_clarifys_shape() -> None:
    assert whole().document() == {
        "version": "1.0",
        "pre_training_bias_metrics": {
            "label": "late",
            "facets": {
                "carrier": [
                    {
                        "value_or_threshold": value,
                        "metrics": [
                            {"name": "CI", "description": "Class Imbalance (CI)", "value": pytest.approx(1 / 3)},
                            {
                                "name": "DPL",
                                "description": "Difference in Positive Proportions in Labels (DPL)",
                                "value": pytest.approx(0.0),
                            },
                        ],
                    }
                    for value in ("B6", "UA")
                ]
            },
            "label_value_or_threshold": "1",
        },
        "post_training_bias_metrics": {
            "label": "late",
            "facets": {
                "carrier": [
                    {
                        "value_or_threshold": "B6",
                        "metrics": [
                            {"name": "DI", "description": "Disparate Impact (DI)", "value": pytest.approx(1.0)},
                            {"name": "TE", "description": "Treatment Equality (TE)", "value": pytest.approx(0.0)},
                        ],
                    }
                ]
            },
            "label_value_or_threshold": "1",
        },
    }


@pytest.mark.parametrize("bootstrap", [None, BOOTSTRAP])
def test_a_document_is_read_as_it_was_written(bootstrap: Bootstrap | None) -> None:
    written = whole(bootstrap)
    assert BiasDocument.model_validate_json(json.dumps(written.document(), allow_nan=False)).analysis() == written


def test_clarifys_infinity_is_read_as_undefined() -> None:
    document = {
        "version": "1.0",
        "post_training_bias_metrics": {
            "label": "Target",
            "label_value_or_threshold": "1",
            "facets": {
                "Sex": [
                    {"value_or_threshold": "0", "metrics": [{"name": "TE", "description": "", "value": "-Infinity"}]}
                ]
            },
        },
    }
    assert BiasDocument.model_validate(document).analysis().facets[0].metrics["TE"].value is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "valid dictionary"),
        ({}, "version\n  Field required"),
        ({"version": "2.0"}, "version\n  Input should be '1.0'"),
        ({"version": "1.0"}, "the bias analysis has 0 labels; accepted: one"),
        (
            {"version": "1.0", "pre_training_bias_metrics": {"label": "late", "facets": {}}},
            "pre_training_bias_metrics.label_value_or_threshold\n  Field required",
        ),
        (
            {
                "version": "1.0",
                "pre_training_bias_metrics": {
                    "label": "late",
                    "label_value_or_threshold": "1",
                    "facets": {
                        "carrier": [
                            {
                                "value_or_threshold": "B6",
                                "metrics": [{"name": "CI", "description": "", "value": "much"}],
                            }
                        ]
                    },
                },
            },
            r"metrics\.0\.value\n  Input should be a valid number",
        ),
        (
            {
                "version": "1.0",
                "pre_training_bias_metrics": {
                    "label": "late",
                    "label_value_or_threshold": "1",
                    "facets": {"carrier": {"B6": []}},
                },
            },
            "facets.carrier\n  Input should be a valid list",
        ),
    ],
)
def test_another_document_is_refused(document: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BiasDocument.model_validate(document)


# Drift.


def test_deviation_is_the_largest_change() -> None:
    baseline = analysis(DPPL=metric(0.1), AD=metric(0.2))
    assert bias_deviation(baseline, analysis(DPPL=metric(-0.2), AD=metric(0.1))) == pytest.approx(0.3)


def test_deviation_is_at_most_one() -> None:
    assert bias_deviation(analysis(AD=metric(-0.9)), analysis(AD=metric(0.9))) == 1.0


def test_deviation_is_less_what_chance_makes_of_a_change() -> None:
    """0.30 apart with intervals of 0.06 and 0.08 to each side: 0.10 of it may be chance."""
    then = BiasMetric(value=0.1, standard_deviation=0.03, lower=0.04, upper=0.16, description="")
    now = BiasMetric(value=0.4, standard_deviation=0.04, lower=0.32, upper=0.48, description="")
    assert bias_deviation(analysis(AD=then), analysis(AD=now)) == pytest.approx(0.2)


def test_resampled_rows_do_not_deviate() -> None:
    """A model that accepts few: rates of few rows change by far more than a tenth from sample to sample."""
    random = np.random.default_rng(20130131)

    def drawn(rows: int) -> BiasAnalysis:
        facet, labels = random.random(rows) < 0.3, random.random(rows) < 0.2
        predictions = random.random(rows) < 0.02
        metrics = post_training(facet=facet, labels=labels, predictions=predictions, bootstrap=Bootstrap())
        found = FacetBias(facet="carrier", value_or_threshold="B6", pre_training={}, post_training=metrics)
        return BiasAnalysis(label="late", label_value_or_threshold="1", facets=[found])

    baseline = drawn(10_000)
    found = [
        (bias_deviation(baseline, now), abs(now.facets[0].post_training["DAR"].value or 0))
        for now in map(drawn, [2_000] * 20)
    ]
    assert max(deviation for deviation, _ in found) < 0.1
    assert max(rate for _, rate in found) > 0.1


def test_deviation_leaves_unbounded_and_undefined_metrics_out() -> None:
    baseline = analysis(AD=metric(0.2), TE=metric(1.0), RD=metric(0.5))
    assert bias_deviation(baseline, analysis(AD=metric(0.2), TE=metric(9.0), RD=metric(None))) == 0.0


def test_deviation_of_nothing_in_common_is_no_zero() -> None:
    with pytest.raises(ValueError, match="share no bounded metric"):
        bias_deviation(analysis(AD=metric(0.2)), analysis(value="UA", AD=metric(0.2)))


def test_a_violation_is_as_model_monitor_writes_it() -> None:
    (violation,) = violations(analysis(DPPL=metric(0.2)), analysis(DPPL=metric(-0.3)), threshold=0)
    assert violation.document() == {
        "facet": "carrier",
        "facet_value": "B6",
        "metric_name": "DPPL",
        "constraint_check_type": "bias_drift_check",
        "description": "Value -0.3 does not meet the constraint requirement; accepted: -0.2 to 0.2",
    }


# 0.2 in the baseline; the guide's examples are 0.1 and -0.3 at a threshold of 0.
@pytest.mark.parametrize(
    ("value", "threshold", "violates"),
    [(0.1, 0, False), (-0.2, 0, False), (-0.3, 0, True), (0.21, 0, True), (0.25, 0.1, False), (0.35, 0.1, True)],
)
def test_a_metric_violates_further_from_balance_alone(value: float, threshold: float, violates: bool) -> None:
    found = violations(analysis(DPPL=metric(0.2)), analysis(DPPL=metric(value)), threshold=threshold)
    assert [violation.metric_name for violation in found] == ["DPPL"] * violates


@pytest.mark.parametrize(("value", "violates"), [(0.85, False), (0.75, True), (1.15, False), (1.25, True)])
def test_disparate_impact_is_balanced_at_one(value: float, violates: bool) -> None:
    found = violations(analysis(DI=metric(0.8)), analysis(DI=metric(value)), threshold=0)
    assert bool(found) is violates


@pytest.mark.parametrize(("lower", "violates"), [(0.15, False), (0.25, True)])
def test_an_interval_violates_as_a_whole(lower: float, violates: bool) -> None:
    current = analysis(DPPL=metric(0.3, lower=lower, upper=0.4))
    assert bool(violations(analysis(DPPL=metric(0.2)), current, threshold=0)) is violates


@pytest.mark.parametrize(
    "current", [analysis(value="UA", DPPL=metric(0.9)), analysis(DPPL=metric(None)), analysis(AD=metric(0.9))]
)
def test_what_one_side_lacks_is_not_compared(current: BiasAnalysis) -> None:
    nothing: list[BiasViolation] = []
    assert list(violations(analysis(DPPL=metric(0.2)), current, threshold=0)) == nothing


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the threshold is -0\.1; accepted: 0 or more"):
        violations(analysis(), analysis(), threshold=-0.1)


def test_counts_are_those_of_the_rows_in_any_order() -> None:
    shuffled: npt.NDArray[np.int64] = np.random.default_rng(3).permutation(len(FAIR))
    assert values([FAIR[i] for i in shuffled]) == values(FAIR)
