"""Rules take a template's values as far as the templates tell, and say so where they do not."""

from typing import Any

import pytest

from plumbline.audit.rules import RULES, judge
from plumbline.audit.templates import AuditedTemplate
from tests.plumbline.audit.rules.examples import template

_BY_ID = {rule.id: rule for rule in RULES}


def _model(isolation: Any, **beside: Any) -> AuditedTemplate:
    model = {"Type": "AWS::SageMaker::Model", "Properties": {"EnableNetworkIsolation": isolation}}
    return template({**beside, "Resources": {"Model": model}})


def _messages(rule: str, *templates: AuditedTemplate) -> list[str]:
    return [finding.message for finding in judge(templates, rules=[_BY_ID[rule]]).findings]


@pytest.mark.parametrize("value", [True, "true", "True"])
def test_what_cloudformation_takes_for_true_is_true(value: Any) -> None:
    assert not _messages("PL-SM-01", _model(value))


def test_a_parameter_that_may_be_anything_is_named() -> None:
    found = _messages(
        "PL-SM-01", _model({"Ref": "Isolation"}, Parameters={"Isolation": {"Type": "String", "Default": "true"}})
    )
    assert found == [
        "EnableNetworkIsolation cannot be worked out (the parameter Isolation may be anything); accepted: true."
    ]


def test_a_parameter_that_can_only_be_right_is_right() -> None:
    parameters = {"Isolation": {"Type": "String", "AllowedValues": ["true"]}}
    assert not _messages("PL-SM-01", _model({"Ref": "Isolation"}, Parameters=parameters))


def test_one_allowed_value_that_is_wrong_is_named() -> None:
    parameters = {"Isolation": {"Type": "String", "AllowedValues": ["true", "false"]}}
    found = _messages("PL-SM-01", _model({"Ref": "Isolation"}, Parameters=parameters))
    assert found == ["EnableNetworkIsolation is false; accepted: true."]


def test_both_sides_of_a_condition_are_judged() -> None:
    conditions = {"Production": {"Fn::Equals": [{"Ref": "Stage"}, "production"]}}
    parameters = {"Stage": {"Type": "String"}}
    found = _messages(
        "PL-SM-01", _model({"Fn::If": ["Production", True, False]}, Conditions=conditions, Parameters=parameters)
    )
    assert found == ["EnableNetworkIsolation is false; accepted: true, where Production is false."]


def test_a_side_that_no_parameter_reaches_is_not_judged() -> None:
    conditions = {"Production": {"Fn::Equals": [{"Ref": "Stage"}, "production"]}}
    parameters = {"Stage": {"Type": "String", "AllowedValues": ["production"]}}
    assert not _messages(
        "PL-SM-01", _model({"Fn::If": ["Production", True, False]}, Conditions=conditions, Parameters=parameters)
    )


def test_conditions_turn_out_together() -> None:
    conditions = {
        "Production": {"Fn::Equals": [{"Ref": "Stage"}, "production"]},
        "Elsewhere": {"Fn::Not": [{"Condition": "Production"}]},
    }
    value = {"Fn::If": ["Production", True, {"Fn::If": ["Elsewhere", True, False]}]}
    assert not _messages("PL-SM-01", _model(value, Conditions=conditions, Parameters={"Stage": {"Type": "String"}}))


def test_no_value_is_a_missing_value() -> None:
    assert _messages("PL-SM-01", _model({"Ref": "AWS::NoValue"})) == [
        "EnableNetworkIsolation is missing; accepted: true."
    ]


def _branch(**beside: Any) -> AuditedTemplate:
    branches = {"Fn::If": ["Yes", {"EnableNetworkIsolation": True}, {"EnableNetworkIsolation": False}]}
    return template({**beside, "Resources": {"Model": {"Type": "AWS::SageMaker::Model", "Properties": branches}}})


def test_a_branch_around_the_whole_of_the_properties_is_judged() -> None:
    conditions = {"Yes": {"Fn::Equals": [{"Ref": "Answer"}, "yes"]}}
    found = _branch(Conditions=conditions, Parameters={"Answer": {"Type": "String"}})
    assert _messages("PL-SM-01", found) == ["EnableNetworkIsolation is false; accepted: true, where Yes is false."]


def test_what_is_so_in_every_way_is_told_without_a_condition() -> None:
    found = _branch(Conditions={"Yes": {"Fn::Equals": ["a", "b"]}})
    assert _messages("PL-SM-01", found) == ["EnableNetworkIsolation is false; accepted: true."]


def test_every_value_of_a_mapping_is_judged_when_the_key_is_given_on_deploy() -> None:
    body = {
        "Parameters": {"Stage": {"Type": "String"}},
        "Mappings": {"Stages": {"dev": {"Isolated": "false"}, "production": {"Isolated": "true"}}},
    }
    value = {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "Isolated"]}
    assert _messages("PL-SM-01", _model(value, **body)) == ["EnableNetworkIsolation is false; accepted: true."]


def test_a_key_that_is_given_on_deploy_is_a_key() -> None:
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"KmsKeyId": {"Ref": "Key"}}}
    body = {"Parameters": {"Key": {"Type": "AWS::SSM::Parameter::Value<String>"}}, "Resources": {"Config": config}}
    assert not _messages("PL-EP-01", template(body))


def test_a_key_that_is_left_empty_by_default_is_no_key() -> None:
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"KmsKeyId": {"Ref": "Key"}}}
    body = {"Parameters": {"Key": {"Type": "String", "Default": ""}}, "Resources": {"Config": config}}
    assert _messages("PL-EP-01", template(body)) == ["KmsKeyId is empty; accepted: a customer managed key."]


def test_the_bounds_of_a_number_are_judged() -> None:
    variant = {"VariantName": "one", "InitialInstanceCount": {"Ref": "Count"}}
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}}
    parameters = {"Count": {"Type": "Number", "MinValue": 2, "MaxValue": 9}}
    assert not _messages("PL-EP-04", template({"Parameters": parameters, "Resources": {"Config": config}}))
    parameters["Count"]["MinValue"] = 1
    assert _messages("PL-EP-04", template({"Parameters": parameters, "Resources": {"Config": config}}))


def test_subnets_that_are_given_as_a_list_on_deploy_are_enough() -> None:
    body = {
        "Parameters": {"Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"}},
        "Resources": {
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {"VpcConfig": {"Subnets": {"Ref": "Subnets"}, "SecurityGroupIds": ["sg-a"]}},
            }
        },
    }
    assert not _messages("PL-SM-02", template(body))


def test_an_object_that_is_given_on_deploy_is_named_where_a_rule_looks_into_it() -> None:
    job = {
        "Type": "AWS::SageMaker::DataQualityJobDefinition",
        "Properties": {"NetworkConfig": {"Fn::Transform": {"Name": "AWS::Include"}}},
    }
    (message,) = _messages("PL-MON-01", template({"Resources": {"Job": job}}))
    assert message.startswith("NetworkConfig.EnableNetworkIsolation cannot be worked out")


def test_a_policy_of_another_template_of_the_account_counts() -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "data"}}
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::data", "arn:aws:s3:::data/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "data", "PolicyDocument": {"Statement": [statement]}},
    }
    alone = template({"Resources": {"Data": bucket}})
    beside = template({"Resources": {"Policy": policy}}, file="policies.json")
    assert _messages("PL-S3-01", alone)
    assert not _messages("PL-S3-01", alone, beside)


def test_a_hole_outside_quotation_marks_leaves_a_definition_readable() -> None:
    body = '{"Steps":[{"Name":"Train","Type":"Training","Arguments":{"EnableNetworkIsolation":${Isolated}}}]}'
    pipeline = {
        "Type": "AWS::SageMaker::Pipeline",
        "Properties": {"PipelineDefinition": {"PipelineDefinitionBody": {"Fn::Sub": body}}},
    }
    found = template({"Parameters": {"Isolated": {"Type": "String"}}, "Resources": {"Pipeline": pipeline}})
    assert not _messages("PL-PD-01", found)
    (message,) = _messages("PL-PD-02", found)
    assert "Steps[Train].EnableNetworkIsolation cannot be worked out" in message


def test_a_definition_joined_from_pieces_is_read() -> None:
    pieces = ['{"Steps":[{"Name":"Train","Type":"Training","Arguments":{"RoleArn":"', {"Ref": "Role"}, '"}}]}']
    pipeline = {
        "Type": "AWS::SageMaker::Pipeline",
        "Properties": {"PipelineDefinition": {"PipelineDefinitionBody": {"Fn::Join": ["", pieces]}}},
    }
    found = template({"Resources": {"Pipeline": pipeline, "Role": {"Type": "AWS::IAM::Role"}}})
    assert _messages("PL-PD-02", found) == [
        "PipelineDefinition.Steps[Train].EnableNetworkIsolation is missing; accepted: true."
    ]


def test_more_ways_to_deploy_than_are_tried_are_named() -> None:
    names = [f"C{number}" for number in range(7)]
    body = {
        "Parameters": {name: {"Type": "String"} for name in names},
        "Conditions": {name: {"Fn::Equals": [{"Ref": name}, "yes"]} for name in names},
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {name: {"Fn::If": [name, "a", "b"]} for name in names}}
        },
    }
    assert _messages("PL-TPL-02", template(body)) == [
        "Resources.Topic can turn out in more than 64 ways; accepted: fewer conditions."
    ]


def test_a_waiver_names_the_statement() -> None:
    statement = {"Sid": "Open", "Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Statement": statement}}}
    (finding,) = judge([template({"Resources": {"Policy": policy}})], rules=[_BY_ID["PL-IAM-01"]]).findings
    assert finding.id == "PL-IAM-01[Open]"
    assert finding.path == "Properties.PolicyDocument.Statement.Action"
