"""What policies say: variables in them, principals that they name, keys that must not be locked out."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client
from tests.plumbline.rehearsal.asking import OWNER, allow, document, make_role
from tests.plumbline.rehearsal.stack import ACCOUNT, Stack

pytestmark = pytest.mark.rehearsal

Document = dict[str, Any]
_NOBODY = f"arn:aws:iam::{OWNER}:role/nobody-at-all"
_numbers = itertools.count()


def _parameters(cloud: Cloud, *statements: Document) -> Client:
    return make_role(cloud, OWNER, f"variables-{next(_numbers)}", *statements).client("ssm")


def _reads(client: Client, name: str) -> bool:
    with pytest.raises(ClientError) as error:
        client.get_parameter(Name=name)
    code = error.value.response["Error"]["Code"]
    assert code in {"ParameterNotFound", "AccessDeniedException"}
    return bool(code == "ParameterNotFound")  # it was let through: there is no such parameter


def test_a_variable_in_a_resource_is_the_callers(cloud: Cloud) -> None:
    pattern = f"arn:aws:ssm:eu-west-1:{OWNER}:parameter/of-${{aws:PrincipalAccount}}/*"
    client = _parameters(cloud, allow("ssm:GetParameter", pattern))
    assert _reads(client, f"/of-{OWNER}/one")
    assert not _reads(client, "/of-999999999999/one")


@pytest.mark.parametrize(("value", "allowed"), [("${aws:PrincipalAccount}", True), ("${aws:SourceVpce}", False)])
def test_a_variable_in_a_condition_is_the_requests(cloud: Cloud, value: str, allowed: bool) -> None:
    client = _parameters(cloud, allow("ssm:GetParameter", "*", StringEquals={"aws:ResourceAccount": value}))
    assert _reads(client, "/any") is allowed


def test_a_variable_without_a_value_takes_its_default(cloud: Cloud) -> None:
    pattern = f"arn:aws:ssm:eu-west-1:{OWNER}:parameter/${{aws:PrincipalTag/team, 'nobody'}}/*"
    client = _parameters(cloud, allow("ssm:GetParameter", pattern))
    assert _reads(client, "/nobody/one")
    assert not _reads(client, "/somebody/one")


def test_a_variable_without_value_or_default_matches_nothing(cloud: Cloud) -> None:
    client = _parameters(cloud, allow("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/${aws:PrincipalTag/team}*"))
    assert not _reads(client, "/one")


@pytest.mark.parametrize("character", ["*", "?", "$"])
@pytest.mark.parametrize("operator", ["StringLike", "StringEquals"])
def test_a_special_character_in_braces_stands_for_itself(cloud: Cloud, character: str, operator: str) -> None:
    s3 = make_role(
        cloud,
        OWNER,
        f"special-{next(_numbers)}",
        allow("s3:ListBucket", "*", **{operator: {"s3:prefix": f"a${{{character}}}"}}),
    ).client("s3")
    for prefix, allowed in ((f"a{character}", True), ("ab", False)):
        with pytest.raises(Exception, match="NoSuchBucket" if allowed else "not authorized to perform: s3:ListBucket"):
            s3.list_objects_v2(Bucket="special-characters", Prefix=prefix)


def _key_policy(*principals: str, actions: str = "kms:*") -> str:
    named = {"AWS": list(principals)}
    return document({"Effect": "Allow", "Principal": named, "Action": actions, "Resource": "*"})


@pytest.mark.parametrize("principal", [
    _NOBODY,
    f"arn:aws:iam::{OWNER}:user/nobody",
    f"arn:aws:iam::{OWNER}:role/enforcement-*",
    f"arn:aws:sts::{OWNER}:assumed-role/nobody-at-all/session",
    "nobody",
    "",
])  # fmt: skip
def test_a_key_whose_policy_names_who_does_not_exist_is_not_made(cloud: Cloud, principal: str) -> None:
    client = cloud.administrator(OWNER).client("kms")
    with pytest.raises(Exception, match=r"MalformedPolicyDocument.*invalid principals"):
        client.create_key(Policy=_key_policy(f"arn:aws:iam::{OWNER}:root", principal))


def test_a_key_whose_policy_names_who_exists_is_made(cloud: Cloud) -> None:
    name = f"named-{next(_numbers)}"
    make_role(cloud, OWNER, name)
    own = f"arn:aws:iam::{OWNER}:root", OWNER, "999999999999", f"arn:aws:iam::{OWNER}:role/{name}"
    session = f"arn:aws:sts::{OWNER}:assumed-role/{name}/test"
    client = cloud.administrator(OWNER).client("kms")
    assert client.create_key(Policy=_key_policy(*own, session))["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_keys_policy_may_not_come_to_name_who_does_not_exist(cloud: Cloud) -> None:
    client = cloud.administrator(OWNER).client("kms")
    key = client.create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(Exception, match=f"invalid principals: {_NOBODY}"):
        client.put_key_policy(KeyId=key, PolicyName="default", Policy=_key_policy(OWNER, _NOBODY))


def test_a_key_policy_may_not_lock_out_who_writes_it(cloud: Cloud) -> None:
    client = cloud.administrator(OWNER).client("kms")
    locking = _key_policy(f"arn:aws:iam::{OWNER}:root", actions="kms:Decrypt")
    with pytest.raises(Exception, match="will not allow you to update the key policy in the future"):
        client.create_key(Policy=locking)
    key = client.create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(Exception, match="will not allow you to update the key policy in the future"):
        client.put_key_policy(KeyId=key, PolicyName="default", Policy=locking)


def test_who_says_so_may_lock_themselves_out(cloud: Cloud) -> None:
    client = cloud.administrator(OWNER).client("kms")
    locking = _key_policy(f"arn:aws:iam::{OWNER}:root", actions="kms:DescribeKey")
    assert client.create_key(Policy=locking, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]


def _naming(principal: object) -> Document:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Resource": "*"}]}


def _with(policy: Document, action: str, resource: str = "*") -> Document:
    (statement,) = policy["Statement"]
    return policy | {"Statement": [statement | {"Action": action, "Resource": resource}]}


def _trust(policy: Document) -> Document:
    (statement,) = policy["Statement"]
    named = {name: value for name, value in statement.items() if name != "Resource"}
    return policy | {"Statement": [named | {"Action": "sts:AssumeRole"}]}


def _templates(policy: Document) -> Mapping[str, Document]:
    """A stack for each type whose policy names principals."""
    name = f"principals-{next(_numbers)}"
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}
    reading = _with(policy, "s3:GetObject", f"arn:aws:s3:::{name}/*")
    topic = f"arn:aws:sns:eu-west-1:{ACCOUNT}:{name}"
    root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    key_policy = policy | {"Statement": [root, *_with(policy, "kms:Decrypt")["Statement"]]}
    return {
        "AWS::KMS::Key": {"One": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": key_policy}}},
        "AWS::IAM::Role": {
            "One": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": _trust(policy)}}
        },
        "AWS::S3::BucketPolicy": {
            "Bucket": bucket,
            "One": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": reading},
            },
        },
        "AWS::SNS::TopicPolicy": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
            "One": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": _with(policy, "sns:Publish", topic)},
            },
        },
        "AWS::SQS::QueuePolicy": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
            "One": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": _with(policy, "sqs:SendMessage")},
            },
        },
        "AWS::ECR::Repository": {
            "One": {
                "Type": "AWS::ECR::Repository",
                "Properties": {"RepositoryName": name, "RepositoryPolicyText": _with(policy, "ecr:BatchGetImage")},
            }
        },
    }


_TYPES = tuple(_templates(_naming("*")))


@pytest.mark.parametrize("resource_type", _TYPES)
def test_a_stack_whose_policy_names_who_does_not_exist_fails(cloud: Cloud, resource_type: str) -> None:
    nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody-at-all"
    stack = Stack(cloud, f"nobody-{next(_numbers)}")
    assert stack.create(_templates(_naming({"AWS": nobody}))[resource_type]) == "ROLLBACK_COMPLETE"
    assert f"one or more invalid principals: {nobody}" in stack.reasons()


@pytest.mark.parametrize("resource_type", _TYPES)
@pytest.mark.parametrize("principal", [{"Service": "logs.amazonaws.com"}, {"AWS": ["222222222222"]}])
def test_a_stack_whose_policy_names_a_service_or_an_account_is_made(
    cloud: Cloud, resource_type: str, principal: Document
) -> None:
    stack = Stack(cloud, f"somebody-{next(_numbers)}")
    assert stack.create(_templates(_naming(principal))[resource_type]) == "CREATE_COMPLETE", stack.reasons()


def test_a_stack_that_names_a_role_of_its_own_is_made(cloud: Cloud) -> None:
    trust = _trust(_naming({"Service": "lambda.amazonaws.com"}))
    template = _templates(_naming({"AWS": {"Fn::GetAtt": ["Role", "Arn"]}}))["AWS::KMS::Key"]
    role = {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}}
    stack = Stack(cloud, f"own-{next(_numbers)}")
    assert stack.create({**template, **role}) == "CREATE_COMPLETE", stack.reasons()


def test_an_update_that_names_who_does_not_exist_is_rolled_back(cloud: Cloud) -> None:
    trust = _trust(_naming({"Service": "lambda.amazonaws.com"}))
    name = f"renamed-{next(_numbers)}"
    role: Document = {"RoleName": name, "AssumeRolePolicyDocument": trust}
    stack = Stack(cloud, name)
    assert stack.create({"Role": {"Type": "AWS::IAM::Role", "Properties": role}}) == "CREATE_COMPLETE"
    role["AssumeRolePolicyDocument"] = _trust(_naming({"AWS": _NOBODY}))
    assert stack.update({"Role": {"Type": "AWS::IAM::Role", "Properties": role}}) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"invalid principals: {_NOBODY}" in stack.reasons()


@pytest.mark.parametrize("kept", [True, False])
def test_a_stacks_role_may_not_make_a_key_that_locks_it_out(cloud: Cloud, kept: bool) -> None:
    name = f"key-maker-{next(_numbers)}"
    iam = cloud.administrator(ACCOUNT).client("iam")
    trust = _trust(_naming({"Service": "cloudformation.amazonaws.com"}))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document(allow("kms:*", "*")))
    actions = "kms:*" if kept else "kms:Decrypt"
    policy = json.loads(_key_policy(f"arn:aws:iam::{ACCOUNT}:root", actions=actions))
    stack = Stack(cloud, name, role=str(role))
    status = stack.create({"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}})
    assert status == ("CREATE_COMPLETE" if kept else "ROLLBACK_COMPLETE"), stack.reasons()
    assert ("will not allow you to update the key policy" in stack.reasons()) is not kept
