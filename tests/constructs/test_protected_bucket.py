"""The buckets and their policies."""

import pytest

from plumbline.configuration import Environment
from tests.house.assembly import Assembly, Json, Template

_PURPOSES = ("data", "models", "capture")


@pytest.fixture
def foundation(assembly: Assembly) -> Template:
    return assembly[assembly.platform.deployment(Environment.STAGING).stack_name("foundation")]


def _bucket(assembly: Assembly, foundation: Template, purpose: str) -> tuple[str, Json]:
    name = assembly.platform.deployment(Environment.STAGING).bucket(purpose)
    (found,) = [
        (logical_id, resource["Properties"])
        for logical_id, resource in foundation.resources.items()
        if resource["Type"] == "AWS::S3::Bucket" and resource["Properties"]["BucketName"] == name
    ]
    return found


def _policy(assembly: Assembly, foundation: Template, purpose: str) -> list[Json]:
    logical_id, _ = _bucket(assembly, foundation, purpose)
    (policy,) = [
        policy["Properties"]
        for policy in foundation.of_type("AWS::S3::BucketPolicy")
        if policy["Properties"]["Bucket"] == {"Ref": logical_id}
    ]
    statements: list[Json] = policy["PolicyDocument"]["Statement"]
    return statements


@pytest.mark.parametrize(("purpose", "key"), [("data", "Data"), ("models", "Models"), ("capture", "Data")])
def test_each_bucket_has_its_purposes_key_and_a_bucket_key(
    assembly: Assembly, foundation: Template, purpose: str, key: str
) -> None:
    _, bucket = _bucket(assembly, foundation, purpose)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Fn::GetAtt"][0].startswith(f"Keys{key}Key")


@pytest.mark.parametrize("purpose", _PURPOSES)
def test_a_request_for_kms_without_a_key_is_denied_but_for_checkpoints(
    assembly: Assembly, foundation: Template, purpose: str
) -> None:
    logical_id, _ = _bucket(assembly, foundation, purpose)
    denied = {statement["Sid"]: statement for statement in _policy(assembly, foundation, purpose) if "Sid" in statement}
    statement = denied["DenyUnnamedKeys"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:PutObject")
    assert statement["NotResource"] == {
        "Fn::Join": ["", [{"Fn::GetAtt": [logical_id, "Arn"]}, "/*/checkpoints/*"]],
    }
    assert statement["Condition"] == {
        "StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
        "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "true"},
    }


@pytest.mark.parametrize("purpose", _PURPOSES)
def test_a_request_that_names_another_key_is_denied_and_one_that_names_none_is_not(
    assembly: Assembly, foundation: Template, purpose: str
) -> None:
    header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    (denial,) = [s for s in _policy(assembly, foundation, purpose) if s.get("Sid") == "DenyOtherKeys"]
    assert denial["Effect"] == "Deny"
    assert denial["Condition"]["Null"] == {header: "false"}
    assert denial["Condition"]["StringNotEquals"].keys() == {header}


@pytest.mark.parametrize("purpose", _PURPOSES)
def test_access_is_logged(assembly: Assembly, foundation: Template, purpose: str) -> None:
    logs, _ = _bucket(assembly, foundation, "logs")
    _, bucket = _bucket(assembly, foundation, purpose)
    assert bucket["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": logs}
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == f"{bucket['BucketName']}/"


def test_log_delivery_writes_for_this_account_only(assembly: Assembly, foundation: Template) -> None:
    deliveries = [
        s for s in _policy(assembly, foundation, "logs") if s["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    ]
    assert len(deliveries) == len((*_PURPOSES, "trail"))
    for delivery in deliveries:
        assert delivery["Condition"]["StringEquals"] == {"aws:SourceAccount": foundation.account}
        assert delivery["Condition"]["ArnLike"].keys() == {"aws:SourceArn"}


def test_versions_of_data_are_kept(assembly: Assembly, foundation: Template) -> None:
    _, bucket = _bucket(assembly, foundation, "data")
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule.keys() == {"AbortIncompleteMultipartUpload", "Id", "Status"}


def test_access_logs_end_with_the_configured_retention(assembly: Assembly, foundation: Template) -> None:
    _, bucket = _bucket(assembly, foundation, "logs")
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == assembly.platform.compliance.log_retention_days
