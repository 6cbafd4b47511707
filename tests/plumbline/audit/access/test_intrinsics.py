"""Intrinsic functions come to what stands in the account, or to a sentence on why they do not."""

from collections.abc import Mapping

import pytest

from plumbline.audit.access.intrinsics import TemplateValues, UnresolvableError
from plumbline.audit.access.physical_names import Place
from plumbline.audit.json_value import Json

PLACE = Place(stack_name="stack", account="111111111111", region="eu-west-1")
BODY: dict[str, Json] = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "plumbline"},
        "Ids": {"Type": "CommaDelimitedList", "Default": "1, 2"},
        "Nobody": {"Type": "String"},
        "Key": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/keys/data"},
        "Lost": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/keys/lost"},
    },
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Name"}, "plumbline"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Odd": {"Fn::Contains": [["a"], "a"]},
    },
    "Mappings": {"Regions": {"eu-west-1": {"Zone": "a"}}},
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": "${Name}-${AWS::AccountId}"}}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "reader"}},
        "Key0": {"Type": "AWS::KMS::Key", "Properties": {}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "failed"}},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alerts"}},
        "Unnamed": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "AWS::NoValue"}}},
    },
}


def _values(parameters: Mapping[str, str] | None = None) -> TemplateValues:
    return TemplateValues(body=BODY, place=PLACE, parameters=parameters or {}, published={"/keys/data": "key-1"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "AWS::AccountId"}, "111111111111"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "Name"}, "plumbline"),
        ({"Ref": "Ids"}, ["1", "2"]),
        ({"Ref": "Key"}, "key-1"),
        ({"Ref": "Bucket"}, "plumbline-111111111111"),
        ({"Ref": "Topic"}, "arn:aws:sns:eu-west-1:111111111111:alerts"),
        ({"Ref": "Queue"}, "https://sqs.eu-west-1.amazonaws.com/111111111111/failed"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::plumbline-111111111111"),
        ({"Fn::GetAtt": "Role.Arn"}, "arn:aws:iam::111111111111:role/reader"),
        ({"Fn::GetAtt": ["Queue", "QueueName"]}, "failed"),
        ({"Fn::Sub": "${Bucket.Arn}/*"}, "arn:aws:s3:::plumbline-111111111111/*"),
        ({"Fn::Sub": ["${Part}/${!kept}", {"Part": {"Ref": "Name"}}]}, "plumbline/${kept}"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, {"Ref": "AWS::NoValue"}]]}, "a-plumbline"),
        ({"Fn::Join": ["", {"Ref": "Ids"}]}, "12"),
        ({"Fn::If": ["Yes", {"Fn::Join": ["", ["a", "b"]]}, "c"]}, "ab"),
        ({"Fn::If": ["Both", "a", {"Fn::If": ["Either", "b", "c"]}]}, "b"),
        ({"Fn::Select": ["1", {"Fn::Split": ["-", {"Ref": "Bucket"}]}]}, "111111111111"),
        ({"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "Zone"]}, "a"),
        ({"A": {"Ref": "AWS::NoValue"}, "B": [{"Fn::If": ["No", "x", {"Ref": "AWS::NoValue"}]}]}, {"B": []}),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
    ],
)
def test_a_value_is_worked_out(value: Json, expected: Json) -> None:
    assert _values().resolve(value, "Here") == expected


def test_a_given_parameter_takes_the_place_of_its_default() -> None:
    assert _values({"Name": "other"}).resolve({"Ref": "Bucket"}, "Here") == "other-111111111111"


def test_a_resource_without_a_name_of_its_own_has_an_invented_one_that_stays() -> None:
    name = _values().name_of("Unnamed", "Here")
    assert name.startswith("stack-Unnamed-")
    assert name == _values().name_of("Unnamed", "Here")


def test_keys_of_two_stacks_have_different_ids() -> None:
    other = Place(stack_name="other", account=PLACE.account, region=PLACE.region)
    values = TemplateValues(body=BODY, place=other, parameters={}, published={})
    assert values.resolve({"Ref": "Key0"}, "Here") != _values().resolve({"Ref": "Key0"}, "Here")


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_arns_are_of_the_regions_partition(region: str, partition: str) -> None:
    place = Place(stack_name="stack", account=PLACE.account, region=region)
    values = TemplateValues(body=BODY, place=place, parameters={}, published={})
    assert values.resolve({"Fn::GetAtt": ["Bucket", "Arn"]}, "Here") == f"arn:{partition}:s3:::plumbline-111111111111"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"Ref": "Nobody"}, "Here.Ref: the parameter Nobody has no default and is not given"),
        ({"Ref": "Lost"}, "Here.Ref: no template of account 111111111111 writes /keys/lost"),
        ({"Ref": "Nothing"}, "Here.Ref: Nothing is neither a parameter nor a resource"),
        ({"Ref": "AWS::NoValue"}, "Here: it is AWS::NoValue"),
        ({"Fn::GetAtt": ["Bucket", "Colour"]}, "Colour of Bucket, a AWS::S3::Bucket, is not known before deploy"),
        ({"Fn::GetAtt": ["Bucket"]}, "names no attribute of a resource"),
        ({"Fn::ImportValue": "x"}, "Here: Fn::ImportValue is not understood"),
        ({"Fn::Join": ["a"]}, "Here.Fn::Join: it takes a list of 2"),
        ({"Fn::Join": ["", "text"]}, "Here.Fn::Join: it is no list"),
        ({"Fn::Join": ["", [{"Ref": "Ids"}]]}, "Here.Fn::Join: it is no text"),
        ({"Fn::Select": ["7", ["a"]]}, "Here.Fn::Select: it selects item 7 of 1"),
        ({"Fn::Select": ["x", ["a"]]}, "Here.Fn::Select: it selects item x of 1"),
        ({"Fn::FindInMap": ["Regions", "eu-west-9", "Zone"]}, "the mapping has no eu-west-9"),
        ({"Fn::If": ["Missing", 1, 2]}, "the condition Missing is not in the template"),
        ({"Fn::If": ["Odd", 1, 2]}, "Conditions.Odd: {'Fn::Contains': [['a'], 'a']} is no condition"),
        ({"Deep": [{"Fn::Sub": "${Nothing}"}]}, "Here.Deep[0].Fn::Sub.Ref: Nothing is neither"),
        ("{{resolve:ssm:/x}}", "Here: {{resolve:ssm:/x}} is a dynamic reference, which no template tells"),
    ],
)
def test_what_cannot_be_worked_out_is_named_with_its_path(value: Json, sentence: str) -> None:
    with pytest.raises(UnresolvableError) as error:
        _values().resolve(value, "Here")
    assert sentence in str(error.value)
