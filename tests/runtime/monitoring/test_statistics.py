"""`statistics.json` and `constraints.json`: Model Monitor's formats, written and read."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import JobError
from runtime.monitoring.constraints import Constraints, read_constraints, suggested
from runtime.monitoring.lines import NAMED, Scalar
from runtime.monitoring.statistics import Statistics, read_statistics, statistics_of
from runtime.monitoring.summary import Kind, Summary
from runtime.monitoring.tables import add_rows
from tests.runtime.monitoring.tables import Columns, normal, statistics

TABLE: Columns = {"age": [41, 18, 77, None], "share": [0.5, -1.0, 2.5, 2.0], "state": ["CA", "CA", "WA", "CA"]}
# In the shape of the developer guide's example: a document that Model Monitor wrote.
THEIRS: dict[str, Any] = {
    "version": 0.0,
    "dataset": {"item_count": 4},
    "features": [
        {
            "name": "age",
            "inferred_type": "Integral",
            "numerical_statistics": {
                "common": {"num_present": 4, "num_missing": 0},
                "mean": 2.5,
                "sum": 10.0,
                "std_dev": 1.118,
                "min": 1.0,
                "max": 4.0,
                "distribution": {
                    "kll": {
                        "buckets": [{"lower_bound": 1.0, "upper_bound": 4.0, "count": 4.0}],
                        "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[4.0, 2.0], [1.0]]},
                    }
                },
            },
        },
        {
            "name": "state",
            "inferred_type": "String",
            "string_statistics": {
                "common": {"num_present": 4, "num_missing": 0},
                "distinct_count": 2.0,
                "distribution": {
                    "categorical": {"buckets": [{"value": "CA", "count": 3}, {"value": "WA", "count": 1}]}
                },
            },
        },
    ],
}


def test_it_has_the_fields_of_model_monitor(tmp_path: Path) -> None:
    document = json.loads(statistics(tmp_path, TABLE).text())
    assert (document["version"], document["dataset"]["item_count"]) == (0.0, 4)
    age, share, state = document["features"]
    assert (age["name"], age["inferred_type"]) == ("age", "Integral")
    numbers = age["numerical_statistics"]
    assert numbers["common"] == {"num_present": 3, "num_missing": 1}
    assert (numbers["mean"], numbers["sum"], numbers["min"], numbers["max"]) == (pytest.approx(45.333333), 136, 18, 77)
    kll = numbers["distribution"]["kll"]
    assert [len(kll["buckets"]), kll["buckets"][0]["lower_bound"], kll["buckets"][-1]["upper_bound"]] == [10, 18, 77]
    assert sum(bucket["count"] for bucket in kll["buckets"]) == 3
    assert kll["sketch"] == {"parameters": {"c": 0.64, "k": 2048}, "data": [[18, 41, 77]]}
    assert share["inferred_type"] == "Fractional"
    assert state["string_statistics"] == {
        "common": {"num_present": 4, "num_missing": 0},
        "distinct_count": 2.0,
        "distribution": {
            "categorical": {"buckets": [{"value": "CA", "count": 3}, {"value": "WA", "count": 1}], "other_count": 0}
        },
    }


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    written = statistics(tmp_path, TABLE | {"x": normal(4)})
    (tmp_path / "statistics.json").write_text(written.text())
    assert read_statistics(tmp_path / "statistics.json") == written


def test_a_document_of_model_monitor_is_read(tmp_path: Path) -> None:
    (tmp_path / "statistics.json").write_text(json.dumps(THEIRS))
    numbers = read_statistics(tmp_path / "statistics.json").features[0].numerical_statistics
    assert numbers is not None
    steps = numbers.steps()
    assert (steps.points.tolist(), steps.weights.tolist()) == ([1, 2, 4], [2, 1, 1])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", r"Invalid JSON: .*; accepted: statistics\.json of Model Monitor\.$"),
        ("{}", r"dataset: Field required; accepted: "),
        ('{"dataset": {"item_count": -1}, "features": []}', r"dataset\.item_count: Input should be greater than"),
        ('{"dataset": {"item_count": 1}, "features": [{"name": "a"}]}', r"column a: inferred_type: Field required"),
        (
            '{"dataset": {"item_count": 1}, "features": [{"name": 1}]}',
            r"features\.0\.name: Input should be a valid string",
        ),
        ('{"dataset": {"item_count": 1}, "features": [1]}', r"features\.0: Input should be an object"),
    ],
)
def test_what_is_no_statistics_is_refused_in_a_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "statistics.json").write_text(content)
    with pytest.raises(JobError, match=sentence):
        read_statistics(tmp_path / "statistics.json")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"features": [*THEIRS["features"], THEIRS["features"][0]]}, r"column age occurs more than once; accepted: "),
        ({"dataset": {"item_count": 0}}, r"dataset\.item_count is 0; accepted: statistics of one row or more\.$"),
    ],
)
def test_statistics_that_are_of_no_use_are_refused(changed: dict[str, object], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "statistics.json").write_text(json.dumps(THEIRS | changed))
    with pytest.raises(JobError, match=sentence):
        read_statistics(tmp_path / "statistics.json")


def test_numbers_whose_sketch_is_empty_are_refused(tmp_path: Path) -> None:
    document = json.loads(statistics(tmp_path, TABLE).text())
    document["features"][0]["numerical_statistics"]["distribution"]["kll"]["sketch"]["data"] = [[], []]
    (tmp_path / "statistics.json").write_text(json.dumps(document))
    with pytest.raises(
        JobError, match=r"column age has 3 values and an empty sketch; accepted: a sketch of its numbers"
    ):
        read_statistics(tmp_path / "statistics.json")


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (
            ("dataset", "item_count"),
            1,
            r"column age has num_present and num_missing of 4 rows in all; accepted: the 1 of ",
        ),
        (
            ("features", 2, "string_statistics", "common", "num_missing"),
            1,
            r"column state has num_present and num_missing of 5 rows in all; accepted: the 4 of dataset\.item_count\.$",
        ),
        (
            ("features", 0, "type_counts", "integral"),
            2**62,
            r"column age has type_counts of 4611686018427387904 values in all; accepted: the 3 of num_present\.$",
        ),
        (("features", 0, "type_counts", "integral"), 2, r"column age has type_counts of 2 values in all; accepted: "),
        (
            ("features", 2, "string_statistics", "distribution", "categorical", "buckets", 1, "value"),
            "CA",
            r"column state has the category CA more than once; accepted: each category once\.$",
        ),
        (
            ("features", 2, "string_statistics", "distribution", "categorical", "other_count"),
            7,
            r"column state has categories of 11 rows in all; accepted: at most the 4 of dataset\.item_count\.$",
        ),
    ],
)
def test_counts_that_contradict_each_other_are_refused(
    place: tuple[str | int, ...], value: object, sentence: str, tmp_path: Path
) -> None:
    document = json.loads(statistics(tmp_path, TABLE).text())
    part = document
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    (tmp_path / "statistics.json").write_text(json.dumps(document))
    with pytest.raises(JobError, match=sentence):
        read_statistics(tmp_path / "statistics.json")


def test_a_file_that_is_missing_is_said(tmp_path: Path) -> None:
    for read in (read_statistics, read_constraints):
        with pytest.raises(JobError, match=r"none\.json cannot be read: No such file or directory; accepted: "):
            read(tmp_path / "none.json")


# ------------------------------------------------------------------------------------------------ constraints
def test_what_is_suggested_is_what_the_baseline_keeps(tmp_path: Path) -> None:
    document = json.loads(suggested(statistics(tmp_path, TABLE)).text())
    assert document["features"] == [
        {
            "name": "age",
            "inferred_type": "Integral",
            "completeness": 0.75,
            "num_constraints": {"is_non_negative": True},
        },
        {
            "name": "share",
            "inferred_type": "Fractional",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": False},
        },
        {
            "name": "state",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["CA", "WA"]},
        },
    ]
    assert document["monitoring_config"] == {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 0.1,
        "domain_content_threshold": 0.1,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.1,
            "comparison_method": "Robust",
            "categorical_comparison_threshold": 0.1,
            "categorical_drift_method": "LInfinity",
        },
    }


def test_identifiers_have_no_domain(tmp_path: Path) -> None:
    (feature,) = suggested(statistics(tmp_path, {"id": [str(number) + "x" for number in range(121)]})).features
    assert (feature.inferred_type, feature.string_constraints) == (Kind.STRING, None)


def test_constraints_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = suggested(statistics(tmp_path, TABLE))
    (tmp_path / "constraints.json").write_text(written.text())
    assert read_constraints(tmp_path / "constraints.json") == written


def test_constraints_with_a_column_twice_are_refused(tmp_path: Path) -> None:
    document = json.loads(suggested(statistics(tmp_path, TABLE)).text())
    document["features"] += document["features"][:1]
    (tmp_path / "constraints.json").write_text(json.dumps(document))
    with pytest.raises(JobError, match=r"column age occurs more than once; accepted: each column once\.$"):
        read_constraints(tmp_path / "constraints.json")


def test_all_that_model_monitor_suggests_is_known(tmp_path: Path) -> None:
    feature = {
        "name": "age", "inferred_type": "Integral", "completeness": 1.0, "num_constraints": {"is_non_negative": True},
        "string_constraints": {"domains": ["CA"]}, "monitoringConfigOverrides": {"datatype_check_threshold": 0.5},
    }  # fmt: skip
    compared = {
        "perform_comparison": "Enabled", "comparison_threshold": 0.1, "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1, "categorical_drift_method": "LInfinity",
    }  # fmt: skip
    config = {
        "evaluate_constraints": "Enabled", "emit_metrics": "Enabled", "datatype_check_threshold": 1.0,
        "domain_content_threshold": 1.0, "distribution_constraints": compared,
    }  # fmt: skip
    document = {"version": 0.0, "features": [feature], "monitoring_config": config}
    (tmp_path / "constraints.json").write_text(json.dumps(document))
    assert read_constraints(tmp_path / "constraints.json").monitoring_config.datatype_check_threshold == 1.0


def test_a_column_may_have_a_configuration_of_its_own() -> None:
    column = {
        "name": "a",
        "inferred_type": "Integral",
        "completeness": 1,
        "monitoringConfigOverrides": {"datatype_check_threshold": 0.5},
    }
    found = Constraints.model_validate({"features": [column]})
    assert found.features[0].overrides is not None
    assert found.features[0].overrides.datatype_check_threshold == 0.5


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"datatype_check_threshold": 2}, r"monitoring_config\.datatype_check_threshold: Input should be less than"),
        (
            {"distribution_constraints": {"categorical_drift_method": "ChiSquared"}},
            r"categorical_drift_method: Input should be 'LInfinity'; accepted",
        ),
        (
            {"distribution_constraints": {"comparison_method": "ChiSquared"}},
            r"'Simple' or 'Robust'; accepted: .*, with the methods Simple and Robust, and LInfinity of categories\.$",
        ),
        (
            {"datatype_chek_threshold": 0.2},
            r"monitoring_config\.datatype_chek_threshold: Extra inputs are not permitted",
        ),
        (
            {"distribution_constraints": {"comparison_treshold": 0.2}},
            r"\.distribution_constraints\.comparison_treshold: Extra inputs are not permitted; accepted: ",
        ),
    ],
)
def test_constraints_that_nobody_can_check_are_refused(
    config: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "constraints.json").write_text(json.dumps({"features": [], "monitoring_config": config}))
    with pytest.raises(JobError, match=sentence):
        read_constraints(tmp_path / "constraints.json")


def test_a_fault_of_a_column_names_it(tmp_path: Path) -> None:
    columns = [
        {"name": name, "inferred_type": "Integral", "completeness": share} for name, share in (("a", 1), ("b", 2))
    ]
    (tmp_path / "constraints.json").write_text(json.dumps({"features": columns}))
    with pytest.raises(JobError, match=r"column b: completeness: Input should be less than or equal to 1; accepted: "):
        read_constraints(tmp_path / "constraints.json")


def test_statistics_without_rows_suggest_something_that_can_be_read() -> None:
    assert suggested(Statistics.model_validate({"dataset": {"item_count": 0}, "features": []})).features == []


def test_what_is_no_value_of_its_column_is_counted_by_its_name() -> None:
    found = Summary()
    good: list[dict[str, Scalar]] = [{"distance": float(number), "carrier": "AA", "tags": [1]} for number in range(100)]
    bad: list[dict[str, Scalar]] = [
        {"distance": value} for value in (math.inf, -math.inf, math.nan, "x", [1], {"a": 1}, None, "")
    ]
    add_rows(found, [*good, *bad, {"carrier": 7}, {"tags": 3}, {"tags": "x"}])
    assert statistics_of(found).dataset.faults == {
        "infinities in distance": 2,
        "not-a-numbers in distance": 1,
        "numbers among the other values of carrier": 1,
        "numbers among the other values of tags": 1,
        "texts among the numbers of distance": 1,
        "values neither number nor text in distance": 2,
        "values neither number nor text in tags": 100,
    }


def test_of_many_columns_with_infinities_the_worst_are_named() -> None:
    found = Summary()
    add_rows(found, [{f"c{number:02}": math.inf for number in range(first, NAMED + 5)} for first in range(NAMED + 5)])
    faults = statistics_of(found).dataset.faults
    assert len(faults) == NAMED + 1
    assert faults["infinities in columns beyond those named"] == 1 + 2 + 3 + 4 + 5
    assert faults["infinities in c24"] == NAMED + 5


def test_a_column_whose_name_cannot_be_printed_is_named_in_quotes() -> None:
    found = Summary()
    add_rows(found, [{"a\nno constraint is broken": math.inf, " ": math.inf, "": math.inf, "\u202e": math.inf}])
    assert set(statistics_of(found).dataset.faults) == {
        "infinities in 'a\\nno constraint is broken'",
        "infinities in ' '",
        "infinities in ''",
        "infinities in '\\u202e'",
    }
