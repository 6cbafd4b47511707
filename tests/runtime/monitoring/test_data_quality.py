"""What a window breaks, and how far it is from its baseline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import JobError
from runtime.monitoring.constraints import Constraints, suggested
from runtime.monitoring.data_quality import Check, DataQuality, check
from runtime.monitoring.estimate import LINE
from runtime.monitoring.lines import Scalar
from runtime.monitoring.statistics import Statistics, statistics_of
from runtime.monitoring.summary import Kind, Summary
from runtime.monitoring.tables import add_rows
from tests.runtime.monitoring.tables import Columns, normal, statistics

ROWS = 2000
BASELINE: Columns = {
    "temp": normal(ROWS),
    "hour": [number % 24 for number in range(ROWS)],
    "carrier": ["UA", "AA", "B6", "DL"] * (ROWS // 4),
}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Statistics:
    return statistics(tmp_path_factory.mktemp("baseline"), BASELINE)


def _checked(
    baseline: Statistics,
    window: Columns,
    folder: Path,
    *,
    changes: Mapping[str, object] | None = None,
    that_matter: Sequence[str] | None = None,
) -> DataQuality:
    document = suggested(baseline).model_dump(by_alias=True)
    document["monitoring_config"] |= changes or {}
    return check(
        constraints=Constraints.model_validate(document),
        baseline=baseline,
        current=statistics(folder, window),
        that_matter=that_matter,
    )


def _broken(outcome: DataQuality) -> list[tuple[str, Check]]:
    return [(one.feature_name, one.constraint_check_type) for one in outcome.violations]


def test_the_same_again_breaks_nothing(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, BASELINE | {"temp": normal(ROWS, seed=2)}, tmp_path)
    assert (_broken(outcome), outcome.deviation) == ([], 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("then", "now"), [(None, "UA"), ("UA", None), (None, None), ("", "UA"), (None, 1.0)])
def test_a_column_that_is_empty_on_a_side_has_no_distance(then: object, now: object, tmp_path: Path) -> None:
    before = statistics(tmp_path, BASELINE | {"a": [then] * ROWS})
    outcome = _checked(before, BASELINE | {"a": [now] * ROWS}, tmp_path)
    (one,) = [each for each in outcome.features if each.name == "a"]
    assert one.distances is None
    lost = then == "UA"
    assert _broken(outcome) == ([("a", Check.COMPLETENESS)] if lost else [])
    assert outcome.deviation == (pytest.approx(1 - 1.8 * np.sqrt(2 / ROWS)) if lost else 0)


@pytest.mark.filterwarnings("error")
def test_texts_without_a_category_have_no_distance(tmp_path: Path) -> None:
    columns: Columns = {"carrier": BASELINE["carrier"]}
    whole = statistics(tmp_path, columns)
    document = whole.model_dump()
    document["features"][0]["string_statistics"]["distribution"]["categorical"]["buckets"] = []
    bare = Statistics.model_validate(document)
    for then, now in ((bare, whole), (whole, bare)):
        (one,) = check(constraints=suggested(whole), baseline=then, current=now).features
        assert one.distances is None


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_more_values_than_at_the_baseline_are_no_deviation_and_fewer_are_named(share: float, tmp_path: Path) -> None:
    some: Columns = {"hour": [1 if number < share * ROWS else None for number in range(ROWS)]}
    full: Columns = {"hour": [1] * ROWS}
    more = _checked(statistics(tmp_path, some), full, tmp_path)
    assert (_broken(more), more.deviation) == ([], 0)
    fewer = _checked(statistics(tmp_path, full), some, tmp_path)
    assert _broken(fewer) == [("hour", Check.COMPLETENESS)]
    assert fewer.deviation == pytest.approx(1 - share - 1.8 * np.sqrt(2 / ROWS))


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(st.tuples(*[st.sampled_from([None, 1.0, 1.0, 2.5, "x", "y", [1]])] * 2), min_size=1, max_size=6))
def test_a_deviation_above_the_line_breaks_a_constraint(cells: list[tuple[object, object]]) -> None:
    sides = []
    for side in range(2):
        found = Summary()
        add_rows(found, [{"a": cast("Scalar", cell[side]), "b": 1} for cell in cells] * 400)
        sides.append(statistics_of(found))
    outcome = check(constraints=suggested(sides[0]), baseline=sides[0], current=sides[1])
    assert outcome.deviation is not None
    assert outcome.violations or outcome.deviation <= LINE


def test_a_shift_is_told_by_column_and_size(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, BASELINE | {"temp": normal(ROWS, seed=2, mean=1.0)}, tmp_path)
    assert _broken(outcome) == [("temp", Check.DRIFT)]
    # A normal distribution that moves by 1 is at a distance of 0.3829 (twice the distribution at one half, less 1).
    assert outcome.worst == "temp"
    assert outcome.deviation == pytest.approx(0.383 - 1.8 * np.sqrt(2 / ROWS), abs=0.03)
    (violation,) = outcome.violations
    assert violation.description == f"Numerical distance: {outcome.deviation} exceeds numerical threshold: 0.1"


def test_the_simple_distance_is_taken_where_that_is_asked(baseline: Statistics, tmp_path: Path) -> None:
    asked = {"distribution_constraints": {"comparison_method": "Simple", "comparison_threshold": 0.0}}
    outcome = _checked(baseline, BASELINE | {"temp": normal(ROWS, seed=2)}, tmp_path, changes=asked)
    assert ("temp", Check.DRIFT) in _broken(outcome)
    assert outcome.deviation == 0


def test_categories_that_change_their_shares_are_told(baseline: Statistics, tmp_path: Path) -> None:
    carriers = ["UA"] * (ROWS // 2) + ["AA", "B6"] * (ROWS // 4)
    outcome = _checked(baseline, BASELINE | {"carrier": carriers}, tmp_path)
    assert _broken(outcome) == [("carrier", Check.DRIFT)]
    assert outcome.deviation == pytest.approx(0.25 - 1.8 * np.sqrt(2 / ROWS))
    assert outcome.violations[0].description.startswith("Categorical distance: 0.19")


def test_new_categories_are_told_by_name(baseline: Statistics, tmp_path: Path) -> None:
    carriers = ["XX", "UA", "AA", "B6", "DL"] * (ROWS // 5)
    outcome = _checked(baseline, BASELINE | {"carrier": carriers}, tmp_path)
    assert ("carrier", Check.CATEGORIES) in _broken(outcome)
    said = next(one for one in outcome.violations if one.constraint_check_type is Check.CATEGORIES).description
    assert said == "20.00% of the values are new ('XX'), which exceeds the threshold of 10.00%"


def test_a_column_that_is_gone_is_told_and_at_the_largest_deviation(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, {name: BASELINE[name] for name in ("temp", "hour")}, tmp_path)
    assert _broken(outcome) == [("carrier", Check.MISSING_COLUMN)]
    assert outcome.worst == "carrier"
    assert outcome.deviation == pytest.approx(1 - 1.8 * np.sqrt(2 / ROWS))


def test_a_column_that_nobody_knows_is_told(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, BASELINE | {"new": [1] * ROWS}, tmp_path)
    assert _broken(outcome) == [("new", Check.EXTRA_COLUMN)]
    assert outcome.deviation == 0


def test_numbers_that_come_as_texts_are_told_and_deviate(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, BASELINE | {"temp": [f"{value} F" for value in normal(ROWS)]}, tmp_path)
    assert _broken(outcome) == [("temp", Check.DATA_TYPE)]
    assert outcome.deviation == pytest.approx(1 - 1.8 * np.sqrt(2 / ROWS))


_MIXED = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=2) | st.just([1])
_ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), _MIXED | st.sampled_from(["x", 0.5]), max_size=3), max_size=60)


@given(rows=_ROWS, times=st.integers(1, 40))
def test_a_table_against_itself_breaks_nothing(rows: list[dict[str, Scalar]], times: int) -> None:
    baseline, window = Summary(), Summary()
    for one in (baseline, window):
        add_rows(one, rows * times)
    then = statistics_of(baseline)
    outcome = check(constraints=suggested(then), baseline=then, current=statistics_of(window))
    assert not outcome.violations
    assert not outcome.deviation


@pytest.mark.parametrize(("others", "broken"), [(0, False), (0.2, False), (0.29, False), (0.31, True), (1, True)])
def test_a_mixed_baseline_is_no_fault_and_more_of_the_other_type_is(others: float, *, broken: bool) -> None:
    then, now = Summary(), Summary()
    for one, share in ((then, 0.2), (now, others)):
        add_rows(one, [{"a": 1 if number < share * 1000 else "x"} for number in range(1000)])
    baseline = statistics_of(then)
    outcome = check(constraints=suggested(baseline), baseline=baseline, current=statistics_of(now))
    told = [one.description for one in outcome.violations if one.constraint_check_type is Check.DATA_TYPE]
    assert bool(told) is broken
    if others == 0.31:
        said = "31.00% of the values are not String, 11.00% more than at the baseline"
        assert told == [f"{said}, which exceeds the threshold of 10.00%"]


def test_a_type_that_somebody_asks_for_is_held_whatever_the_baseline_has(tmp_path: Path) -> None:
    baseline = statistics(tmp_path, {"a": [0.5, 1.5] * 50})
    (suggestion,) = suggested(baseline).features
    asked = Constraints(features=[suggestion.model_copy(update={"inferred_type": Kind.INTEGRAL})])
    outcome = check(constraints=asked, baseline=baseline, current=baseline)
    assert _broken(outcome) == [("a", Check.DATA_TYPE)]


def test_whole_numbers_that_get_a_fraction_are_told(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, BASELINE | {"hour": [number % 24 + 0.5 for number in range(ROWS)]}, tmp_path)
    assert ("hour", Check.DATA_TYPE) in _broken(outcome)


def test_values_that_are_missing_are_told_and_deviate(baseline: Statistics, tmp_path: Path) -> None:
    half = [value if number % 2 else None for number, value in enumerate(normal(ROWS, seed=2))]
    outcome = _checked(baseline, BASELINE | {"temp": half}, tmp_path)
    assert _broken(outcome) == [("temp", Check.COMPLETENESS)]
    assert (
        outcome.violations[0].description
        == "50.00% of the rows have a value (1000 have none), which is less than 100.00%"
    )
    assert outcome.deviation == pytest.approx(0.5 - 1.8 * np.sqrt(2 / ROWS))


def test_a_negative_number_among_others_is_told(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, BASELINE | {"hour": [-1, *BASELINE["hour"][1:]]}, tmp_path)
    assert _broken(outcome) == [("hour", Check.NON_NEGATIVE)]


def test_columns_that_do_not_matter_are_told_but_do_not_count(baseline: Statistics, tmp_path: Path) -> None:
    window = BASELINE | {"temp": normal(ROWS, seed=2, mean=1.0)}
    outcome = _checked(baseline, window, tmp_path, that_matter=["hour", "carrier"])
    assert (_broken(outcome), outcome.deviation) == ([("temp", Check.DRIFT)], 0)


def test_one_row_is_no_drift(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, {"temp": [99.0], "hour": [3], "carrier": ["UA"]}, tmp_path)
    assert (_broken(outcome), outcome.deviation) == ([], 0)


def test_a_window_without_rows_breaks_nothing_and_has_no_deviation(baseline: Statistics) -> None:
    nothing = Statistics.model_validate({"dataset": {"item_count": 0}, "features": []})
    outcome = check(constraints=suggested(baseline), baseline=baseline, current=nothing)
    assert (outcome.violations, outcome.deviation) == ((), None)


def test_nothing_is_told_where_constraints_are_not_evaluated(baseline: Statistics, tmp_path: Path) -> None:
    outcome = _checked(baseline, {"temp": [1.0]}, tmp_path, changes={"evaluate_constraints": "Disabled"})
    assert outcome.violations == ()


def test_a_column_that_matters_and_is_none_is_refused(baseline: Statistics, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"^the constraints have no column wind; accepted: carrier, hour, temp\.$"):
        _checked(baseline, BASELINE, tmp_path, that_matter=["wind"])


def test_constraints_of_another_baseline_are_refused(baseline: Statistics, tmp_path: Path) -> None:
    other = statistics(tmp_path, {"temp": [1.0]})
    with pytest.raises(JobError, match=r"^the baseline has no column carrier, which the constraints have"):
        check(constraints=suggested(baseline), baseline=other, current=baseline)


def test_identifiers_are_at_no_distance(tmp_path: Path) -> None:
    then, now = ([f"{prefix}{number}" for number in range(500)] for prefix in "ab")
    for folder in ("then", "now"):
        (tmp_path / folder).mkdir()
    baseline = statistics(tmp_path / "then", {"id": then})
    outcome = check(
        constraints=suggested(baseline), baseline=baseline, current=statistics(tmp_path / "now", {"id": now})
    )
    assert (_broken(outcome), outcome.deviation, outcome.features[0].distances) == ([], 0, None)


def test_categories_that_have_become_identifiers_are_as_far_off_as_can_be(tmp_path: Path) -> None:
    then = ["AA", "UA"] * 250
    now = [f"{carrier}{number}" for number, carrier in enumerate(then)]
    for folder in ("then", "now"):
        (tmp_path / folder).mkdir()
    baseline = statistics(tmp_path / "then", {"carrier": then})
    current = statistics(tmp_path / "now", {"carrier": now})
    outcome = check(constraints=suggested(baseline), baseline=baseline, current=current)
    assert outcome.deviation is not None
    assert outcome.deviation > 0.3


def test_a_few_more_missing_values_are_chance(tmp_path: Path) -> None:
    columns = [[None if number % every == 0 else 1.0 for number in range(ROWS)] for every in (20, 18)]
    for folder in ("then", "now"):
        (tmp_path / folder).mkdir()
    baseline = statistics(tmp_path / "then", {"a": columns[0]})
    current = statistics(tmp_path / "now", {"a": columns[1]})
    assert _broken(check(constraints=suggested(baseline), baseline=baseline, current=current)) == []


def test_a_columns_own_configuration_changes_what_it_says_and_nothing_else(
    baseline: Statistics, tmp_path: Path
) -> None:
    document = suggested(baseline).model_dump(by_alias=True)
    document["monitoring_config"]["distribution_constraints"]["perform_comparison"] = "Disabled"
    document["features"][0]["monitoringConfigOverrides"] = {"datatype_check_threshold": 0.5}
    document["features"][1]["monitoringConfigOverrides"] = {"evaluate_constraints": "Disabled"}
    window = BASELINE | {"temp": normal(ROWS, mean=2.0), "hour": [None] * ROWS}
    outcome = check(
        constraints=Constraints.model_validate(document), baseline=baseline, current=statistics(tmp_path, window)
    )
    assert _broken(outcome) == []
