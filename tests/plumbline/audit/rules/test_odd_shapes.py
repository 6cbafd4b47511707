"""No template crashes the rules, whatever stands where: they name what they cannot work out."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbline.audit.rules import judge
from tests.plumbline.audit.rules.examples import all_bases, template

_SURROUNDINGS: dict[str, Any] = {
    "Parameters": {
        "Text": {"Type": "String"},
        "List": {"Type": "CommaDelimitedList", "Default": "a,b"},
        "Number": {"Type": "Number", "Default": 1},
        "Published": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/one"},
    },
    "Mappings": {"Map": {"one": {"two": "three", "list": ["a", "b"]}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Text"}, "yes"]},
        "Round": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "Round"}]},
        "Odd": [],
    },
}
_ODD: list[Any] = [
    None,
    True,
    "",
    "text",
    "{",
    "{{resolve:ssm:/one}}",
    "${Text}",
    -1,
    1.5,
    [],
    {},
    [[]],
    [None, {"Ref": "AWS::NoValue"}],
    {"a": {"b": []}},
    {"Ref": "AWS::NoValue"},
    {"Ref": "Text"},
    {"Ref": "List"},
    {"Ref": "Published"},
    {"Ref": "Nothing"},
    {"Ref": ["Text"]},
    {"Condition": "Yes"},
    {"Fn::If": ["Yes", "a", {"Ref": "AWS::NoValue"}]},
    {"Fn::If": ["Yes", {"Fn::If": ["Round", {}, []]}, {"Fn::If": ["Odd", 1, "2"]}]},
    {"Fn::If": ["Nowhere", 1, 2]},
    {"Fn::If": ["Yes"]},
    {"Fn::If": "Yes"},
    {"Fn::If": [{"Ref": "Text"}, 1, 2]},
    {"Fn::GetAtt": ["Nothing", "Arn"]},
    {"Fn::GetAtt": "Nothing"},
    {"Fn::GetAtt": []},
    {"Fn::GetAtt": ["Model", {"Ref": "Text"}]},
    {"Fn::Sub": "${Nothing.Arn}/${!Literal}/${AWS::Region}"},
    {"Fn::Sub": ["${a}", {"a": {"Fn::ImportValue": {"Fn::Sub": "${Text}"}}}]},
    {"Fn::Sub": []},
    {"Fn::Sub": {}},
    {"Fn::Join": ["", ["a", {"Ref": "Text"}]]},
    {"Fn::Join": ["", {"Ref": "List"}]},
    {"Fn::Join": ["", "a"]},
    {"Fn::Join": []},
    {"Fn::Join": None},
    {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
    {"Fn::Select": ["x", []]},
    {"Fn::Split": [",", {"Ref": "Text"}]},
    {"Fn::FindInMap": ["Map", {"Ref": "Text"}, "two"]},
    {"Fn::FindInMap": ["Map", "one", "list"]},
    {"Fn::FindInMap": []},
    {"Fn::FindInMap": [{"Ref": "Text"}, "one", "two"]},
    {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {}}},
    {"Fn::ImportValue": {"Fn::Sub": "${Text}"}},
    {"Fn::Cidr": ["10.0.0.0/8", 2, 8]},
    {"Fn::Base64": {"Ref": "Text"}},
    {"Fn::ToJsonString": {"a": {"Ref": "Text"}}},
    {"Fn::Length": []},
]


def _resources() -> dict[str, Any]:
    """Every resource of every base, each under a name of its own but for those that refer to one another."""
    found: dict[str, Any] = {}
    for base in all_bases().values():
        for one in base if isinstance(base, list) else [base]:
            found |= copy.deepcopy(one.get("Resources", one))
    for resource in found.values():
        definition = resource.get("Properties", {}).get("PipelineDefinition", {})
        if isinstance(definition.get("PipelineDefinitionBody"), dict):
            definition["PipelineDefinitionBody"] = json.dumps(definition["PipelineDefinitionBody"])
    return found


_RESOURCES = _resources()


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [place for key, item in items for place in [(*path, key), *_places(item, (*path, key))]]


def _put(resources: dict[str, Any], place: tuple[str | int, ...], value: Any) -> None:
    holder: Any = resources
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value


def _judge(resources: dict[str, Any]) -> None:
    body = {**_SURROUNDINGS, "Resources": resources}
    for finding in judge([template(body)]).findings:
        assert finding.message
        assert finding.message.endswith(".")


@pytest.mark.thorough(
    reason="it puts each odd value into every property of every base; the fast run draws some at random"
)
@pytest.mark.parametrize("odd", _ODD, ids=json.dumps)
def test_an_odd_value_in_the_place_of_a_property_crashes_no_rule(odd: Any) -> None:
    most = max(len(resource.get("Properties", {})) for resource in _RESOURCES.values())
    for number in range(most):
        changed = copy.deepcopy(_RESOURCES)
        for resource in changed.values():
            for key in list(resource.get("Properties", {}))[number : number + 1]:
                resource["Properties"][key] = odd
        _judge(changed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 12))
def test_odd_values_anywhere_crash_no_rule(seed: int, count: int) -> None:
    chance = random.Random(seed)
    changed = copy.deepcopy(_RESOURCES)
    for _ in range(count):
        _put(changed, chance.choice(_places(changed)), copy.deepcopy(chance.choice(_ODD)))
    _judge(changed)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Resources": None},
        {"Resources": []},
        {"Resources": {}},
        {"Resources": {"One": None, "Two": [], "Three": "text", "Four": {"Type": ["AWS::S3::Bucket"]}}},
        {"Resources": {"One": {"Type": "AWS::S3::Bucket"}}, "Parameters": [], "Conditions": "x", "Mappings": 1},
        {"Resources": {"One": {"Type": "AWS::S3::Bucket"}}, "Parameters": {"Token": None}},
        {"Resources": {"One": {"Type": "AWS::S3::Bucket", "Properties": None, "DeletionPolicy": {"Ref": "X"}}}},
        {"Resources": {"Fn::ForEach::Buckets": ["Name", ["a"], {"B${Name}": {"Type": "AWS::S3::Bucket"}}]}},
        {"Resources": {"One": {"Type": "AWS::S3::Bucket"}}, "Transform": [{"Name": "AWS::Include"}, "X", None]},
    ],
    ids=json.dumps,
)
def test_a_template_with_odd_sections_is_judged(body: Any) -> None:
    for finding in judge([template(body)]).findings:
        assert finding.message.endswith(".")


def test_names_that_refer_to_each_other_are_no_endless_loop() -> None:
    body = {
        "Resources": {
            "A": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "B"}}},
            "B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Ref": "A"}}},
        }
    }
    assert judge([template(body)]).findings
