"""Expressions and conditions, as one execution sees them."""

from typing import Any

import pytest

from plumbline.rehearsal.sagemaker.expressions import Resolver, UnresolvedError

Document = dict[str, Any]
RESOLVER = Resolver(
    parameters={"Name": "flights", "Count": 3, "Spot": True},
    execution={"PipelineExecutionId": "abc"},
    outputs={
        "Prepare": {
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}},
                    {"OutputName": "test", "S3Output": {"S3Uri": "s3://b/test"}},
                ]
            }
        },
        "Notify": {"OutputParameters": {"code": 7}},
    },
    property_file=lambda step, name: {"gate": {"score": 0.9}, "from": [step, name]},
    object_at=lambda uri: {"at": uri},
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Get": "Parameters.Name"}, "flights"),
        ({"Get": "Execution.PipelineExecutionId"}, "abc"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"}, "s3://b/test"),
        ({"Get": 'Steps.Prepare.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri'}, "s3://b/train"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs[0].OutputName"}, "train"),
        ({"Get": "Steps.Notify.OutputParameters['code']"}, 7),
        ({"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Name"}, 3, True]}}, "s3://flights/3/true"),
        (
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": "gate.score"}},
            0.9,
        ),
        ({"Std:JsonGet": {"PropertyFile": {"Get": "Steps.E.PropertyFiles.R"}, "Path": "from[1]"}}, "R"),
        ({"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "", "Values": ["s3://", "x"]}}, "Path": "at"}}, "s3://x"),
        ({"a": [{"Get": "Parameters.Count"}], "b": None}, {"a": [3], "b": None}),
    ],
)
def test_an_expression_has_the_value_that_it_names(expression: Document, value: object) -> None:
    assert RESOLVER.resolve(expression) == value


@pytest.mark.parametrize(
    "reference",
    ["Steps.Later.Output", "Steps.Prepare.Nothing", "Steps.Prepare.ProcessingOutputConfig.Outputs['x']", "Execution.X"],
)
def test_a_reference_to_nothing_is_an_error_that_says_so(reference: str) -> None:
    with pytest.raises(UnresolvedError):
        RESOLVER.resolve({"Get": reference})


@pytest.mark.parametrize(
    ("kind", "left", "right", "holds"),
    [
        ("Equals", "a", "a", True),
        ("Equals", 1, 2, False),
        ("GreaterThan", 2, 1, True),
        ("GreaterThan", 1, 1, False),
        ("GreaterThanOrEqualTo", 1, 1, True),
        ("LessThan", 1, 1, False),
        ("LessThan", 0.5, 1, True),
        ("LessThanOrEqualTo", 1, 1, True),
    ],
)
def test_a_comparison_holds_when_it_is_so(kind: str, left: object, right: object, holds: bool) -> None:
    assert RESOLVER.holds({"Type": kind, "LeftValue": left, "RightValue": right}) is holds


def test_conditions_combine() -> None:
    true = {"Type": "In", "QueryValue": {"Get": "Parameters.Name"}, "Values": ["ships", "flights"]}
    false = {"Type": "Not", "Expression": true}
    assert RESOLVER.holds({"Type": "Or", "Conditions": [false, true]})
    assert not RESOLVER.holds({"Type": "Or", "Conditions": [false, false]})


def test_text_is_not_compared_with_a_number() -> None:
    with pytest.raises(UnresolvedError, match="cannot be compared by GreaterThan"):
        RESOLVER.holds({"Type": "GreaterThan", "LeftValue": "2", "RightValue": 1})
