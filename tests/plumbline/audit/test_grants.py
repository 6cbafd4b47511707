"""Who may do what, one principal, action and resource at a time."""

import json
from pathlib import Path
from typing import Any

import pytest

from plumbline.audit.grants import Grant, grants
from tests.plumbline.audit.subjects import allow, policy, template


def _grants(tmp_path: Path, **resources: Any) -> list[Grant]:
    return sorted(grants([template(tmp_path, resources)]))


def test_every_action_on_every_resource_is_a_grant_of_its_own(tmp_path: Path) -> None:
    role = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "ManagedPolicyName": "trains",
            "PolicyDocument": policy(allow(["s3:GetObject", "s3:PutObject"], ["a", "b"])),
        },
    }
    found = _grants(tmp_path, Policy=role)
    assert [(one.holder, one.policy, one.action, one.resource) for one in found] == [
        ("trains", "PolicyDocument", "s3:GetObject", "a"),
        ("trains", "PolicyDocument", "s3:GetObject", "b"),
        ("trains", "PolicyDocument", "s3:PutObject", "a"),
        ("trains", "PolicyDocument", "s3:PutObject", "b"),
    ]


def test_a_trust_names_its_principals_and_circumstances(tmp_path: Path) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}},
    }
    (one,) = _grants(
        tmp_path, Role={"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": policy(trust)}}
    )
    assert (one.holder, one.policy, one.principal, one.condition) == (
        "Role",
        "AssumeRolePolicyDocument",
        "sagemaker.amazonaws.com",
        "aws:SourceAccount is 111111111111",
    )


@pytest.mark.parametrize(
    ("resource_type", "properties", "where"),
    [
        (
            "AWS::S3::BucketPolicy",
            {"PolicyDocument": policy(allow("s3:GetObject", "*", Principal="*"))},
            "PolicyDocument",
        ),
        ("AWS::KMS::Key", {"KeyPolicy": policy(allow("s3:GetObject", "*", Principal="*"))}, "KeyPolicy"),
        ("AWS::Events::EventBusPolicy", {"Statement": allow("s3:GetObject", "*", Principal="*")}, "Statement"),
        (
            "AWS::Logs::ResourcePolicy",
            {"PolicyDocument": json.dumps(policy(allow("s3:GetObject", "*", Principal="*")))},
            "PolicyDocument",
        ),
        (
            "AWS::IAM::Role",
            {"Policies": [{"PolicyDocument": policy(allow("s3:GetObject", "*", Principal="*"))}]},
            "Policies.PolicyDocument",
        ),
    ],
)
def test_a_policy_is_found_wherever_it_stands(
    resource_type: str, properties: dict[str, Any], where: str, tmp_path: Path
) -> None:
    (one,) = _grants(tmp_path, One={"Type": resource_type, "Properties": properties})
    assert (one.policy, one.principal, one.action) == (where, "everybody", "s3:GetObject")


def test_what_a_statement_excepts_is_told(tmp_path: Path) -> None:
    denial = {"Effect": "Deny", "NotAction": "sts:*", "NotResource": "a", "NotPrincipal": {"AWS": "b"}}
    (one,) = _grants(tmp_path, One={"Type": "AWS::SQS::QueuePolicy", "Properties": {"PolicyDocument": policy(denial)}})
    assert (one.effect, one.principal, one.action, one.resource) == (
        "Deny",
        "everybody but b",
        "everything but sts:*",
        "everything but a",
    )


def test_a_permission_of_a_function_is_a_grant(tmp_path: Path) -> None:
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": "guard",
            "Principal": "events.amazonaws.com",
            "SourceAccount": "111111111111",
        },
    }
    (one,) = _grants(tmp_path, Invoke=permission)
    assert (one.principal, one.resource, one.condition) == (
        "events.amazonaws.com",
        "guard",
        "SourceAccount is 111111111111",
    )
