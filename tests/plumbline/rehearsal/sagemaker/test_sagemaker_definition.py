"""The definition language: what is read, what is refused, and with which words."""

import json
from typing import Any

import pytest

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.sagemaker.definition import Definition, duration_seconds, parse

Document = dict[str, Any]


def read(*steps: Document, parameters: list[Document] | None = None) -> Definition:
    return parse(json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)}))


def step(name: str, **changes: Any) -> Document:
    return {"Name": name, "Type": "Processing", "Arguments": {}, **changes}


def test_a_step_waits_for_the_steps_that_its_arguments_refer_to() -> None:
    second = step("B", Arguments={"x": [{"Std:Join": {"On": "/", "Values": [{"Get": "Steps.A.Output"}, "y"]}}]})
    definition = read(step("A"), second)
    assert [dependency.step for dependency in definition.steps[1].dependencies()] == ["A"]


def test_a_condition_does_not_wait_for_what_only_its_branches_refer_to() -> None:
    condition = {"Type": "Equals", "LeftValue": {"Get": "Steps.A.Status"}, "RightValue": "x"}
    branch = step("C", Arguments={"x": {"Get": "Steps.B.Output"}})
    gate = step("Gate", Type="Condition", Arguments={"Conditions": [condition], "IfSteps": [branch], "ElseSteps": []})
    definition = read(step("A"), step("B"), gate)
    assert [dependency.step for dependency in definition.steps[2].dependencies()] == ["A"]


def test_a_dependency_may_name_how_the_other_step_must_end() -> None:
    definition = read(step("A"), step("B", DependsOn=[{"Step": "A", "Trigger": "Failed"}]))
    assert definition.steps[1].depends_on[0].trigger == "Failed"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([step("A"), step("A")], "more than one step of name"),
        ([step("A", Type="Tuning")], "Step A has type Tuning, which the rehearsal does not run"),
        ([step("A", DependsOn=["B"])], "depends on step B, which is not defined"),
        ([step("A", Arguments={"x": {"Get": "Steps.B.Output"}})], "refers to step B, which is not defined"),
        ([step("A", Arguments={"x": {"Get": "Parameters.P"}})], "refers to parameter P, which is not defined"),
        ([step("A", Arguments={"x": {"Get": "Nothing.P"}})], "refers to Nothing.P, which is nothing known"),
        ([step("A", DependsOn=["B"]), step("B", DependsOn=["A"])], r"cycle among steps \[A, B\]"),
        ([step("A", RetryPolicies=[{"ExceptionType": ["Step.ANY"]}])], r"unknown exception types \[Step.ANY\]"),
        ([step("A", CacheConfig={"Enabled": True})], "must have ExpireAfter"),
        ([step("A b")], "Step name 'A b' must match"),
        (
            [step("A", Type="Condition", Arguments={"Conditions": [{"Type": "Xor"}], "IfSteps": [], "ElseSteps": []})],
            "unknown condition type Xor",
        ),
        (
            [step("A"), step("B", Arguments={"x": {"Get": "Steps.A.PropertyFiles.F"}})],
            "refers to property file F, which A does not declare",
        ),
        ([], "at least one step"),
    ],
)
def test_a_definition_that_cannot_run_is_refused_with_its_reason(steps: list[Document], message: str) -> None:
    with pytest.raises(ApiError, match=message) as raised:
        read(*steps)
    assert raised.value.code == "ValidationException"


def test_another_version_of_the_language_is_refused() -> None:
    with pytest.raises(ApiError, match="must have Version 2020-12-01"):
        parse(json.dumps({"Version": "2019-01-01", "Steps": [step("A")]}))


PARAMETERS: list[Document] = [
    {"Name": "Count", "Type": "Integer", "DefaultValue": 2},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Spot", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Kind", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
]


def test_parameters_have_their_defaults_and_take_what_is_given_in_their_own_type() -> None:
    values = read(step("A"), parameters=PARAMETERS).values({"Count": "3", "Spot": "true"})
    assert values == {"Count": 3, "Rate": 0.5, "Spot": True, "Kind": "a"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Count": "many"}, "not of its type Integer"),
        ({"Spot": "maybe"}, "not of its type Boolean"),
        ({"Kind": "c"}, r"not one of its enum values: \[a, b\]"),
        ({"Other": "1"}, r"\[Other\] are not defined"),
    ],
)
def test_a_wrong_parameter_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        read(step("A"), parameters=PARAMETERS).values(given)


def test_a_parameter_without_default_must_be_given() -> None:
    definition = read(step("A"), parameters=[{"Name": "Needed", "Type": "String"}])
    with pytest.raises(ApiError, match=r"\[Needed\] have neither a value nor a default"):
        definition.values({})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P30D", 2_592_000),
        ("PT1H", 3_600),
        ("30d", 2_592_000),
        ("T16m", 960),
        ("30dT5h", 2_610_000),
        ("P1Y", 31_536_000),
    ],
)
def test_an_expiry_is_an_iso_duration_in_either_spelling(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "soon", "5"])
def test_an_expiry_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="not an ISO 8601 duration"):
        duration_seconds(text)


def test_the_waits_between_retries_grow_by_the_rate() -> None:
    policy = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 2, "BackoffRate": 3.0, "MaxAttempts": 4}
    (found,) = read(step("A", RetryPolicies=[policy])).steps[0].retries
    assert [found.wait_before(attempt) for attempt in (1, 2, 3)] == [2, 6, 18]
