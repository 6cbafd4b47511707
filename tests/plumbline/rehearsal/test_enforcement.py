"""Decisions that the emulator alone would get wrong, asked for through the real API."""

import dataclasses
import io
import ssl
from pathlib import Path
from typing import cast

import httpx
import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.sagemaker.sessions import RoleSession
from plumbline.rehearsal.sagemaker.transfer import S3Uri, upload_file
from tests.plumbline.rehearsal.asking import OWNER, READER, allow, document, last, make_role, refused

pytestmark = pytest.mark.rehearsal

BUCKET = "enforcement-owner"
LAMBDA = "lambda.amazonaws.com"


@pytest.fixture(scope="module")
def key(cloud: Cloud) -> str:
    """A key that is used through S3 only, by its own account and by roles `enforcement-*` of another."""
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    policy = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"},
            "Action": ["kms:DescribeKey", "kms:PutKeyPolicy", "kms:CreateAlias"],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{OWNER}:root"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": through_s3,
        },
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{READER}:root"},
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": through_s3 | {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{READER}:role/enforcement-*"}},
        },
    )
    client = cloud.administrator(OWNER).client("kms")
    arn = client.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    client.create_alias(AliasName="alias/enforcement", TargetKeyId=arn)
    return str(arn)


@pytest.fixture(scope="module")
def bucket(cloud: Cloud, key: str) -> str:
    """An encrypted bucket with one object, which roles `enforcement-*` of another account may read."""
    s3 = cloud.administrator(OWNER).client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]},
    )
    s3.put_bucket_policy(
        Bucket=BUCKET,
        Policy=document(
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{READER}:root"},
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{BUCKET}/*",
                "Condition": {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{READER}:role/enforcement-*"}},
            }
        ),
    )
    s3.put_object(Bucket=BUCKET, Key="one", Body=b"1")
    return BUCKET


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that boto3, and SageMaker with it, writes in parts."""
    path = tmp_path_factory.mktemp("large") / "model.tar.gz"
    path.write_bytes(bytes(9 << 20))
    return path


def test_writing_an_object_in_parts_needs_decryption_too(cloud: Cloud, bucket: str, key: str, large: Path) -> None:
    objects = f"arn:aws:s3:::{bucket}/*"
    writer = make_role(cloud, OWNER, "whole-only", allow("s3:PutObject", objects), allow("kms:GenerateDataKey", key))
    client = writer.client("s3")
    with large.open("rb") as stream:
        client.put_object(Bucket=bucket, Key="whole", Body=stream)
    upload = client.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    with pytest.raises(ClientError) as error:
        client.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"1")
    assert "kms:Decrypt" in refused(error)
    assert last(cloud, "kms:Decrypt").resource == key


def test_the_platform_writes_a_large_artifact_in_parts(cloud: Cloud, bucket: str, key: str, large: Path) -> None:
    statements = allow("s3:*", f"arn:aws:s3:::{bucket}/*"), allow(["kms:GenerateDataKey", "kms:Decrypt"], key)
    writer = make_role(cloud, OWNER, "in-parts", *statements)
    upload_file(large, S3Uri(bucket=bucket, key="model.tar.gz"), session=cast("RoleSession", writer), key=key)
    assert last(cloud, "kms:Decrypt").allowed
    found = writer.client("s3").head_object(Bucket=bucket, Key="model.tar.gz")
    assert (found["ContentLength"], found["SSEKMSKeyId"]) == (9 << 20, key)
    assert found["ETag"].strip('"').endswith("-2")


def test_reading_an_object_needs_its_key(cloud: Cloud, bucket: str, key: str) -> None:
    reader = make_role(cloud, OWNER, "no-key", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    with pytest.raises(ClientError) as error:
        reader.client("s3").get_object(Bucket=bucket, Key="one")
    message = refused(error)
    assert "kms:Decrypt" in message
    assert key in message
    assert "no-key" in message


def test_writing_an_object_needs_its_key(cloud: Cloud, bucket: str, key: str) -> None:
    writer = make_role(cloud, OWNER, "no-data-key", allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"))
    with pytest.raises(ClientError) as error:
        writer.client("s3").put_object(Bucket=bucket, Key="two", Body=b"2")
    assert "kms:GenerateDataKey" in refused(error)
    assert key in refused(error)


def test_the_key_is_used_through_s3_with_the_objects_encryption_context(cloud: Cloud, bucket: str, key: str) -> None:
    condition = {
        "kms:ViaService": "s3.eu-west-1.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}/one",
    }
    reader = make_role(
        cloud,
        OWNER,
        "with-key",
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        allow("kms:Decrypt", key, StringEquals=condition),
    )
    assert reader.client("s3").get_object(Bucket=bucket, Key="one")["Body"].read() == b"1"
    assert last(cloud, "kms:Decrypt").allowed


def test_nobody_uses_the_key_directly(cloud: Cloud, key: str) -> None:
    user = make_role(cloud, OWNER, "direct", allow("kms:*", "*"))
    with pytest.raises(ClientError) as error:
        user.client("kms").generate_data_key(KeyId=key, KeySpec="AES_256")
    assert "kms:GenerateDataKey" in refused(error)


def test_another_accounts_role_reads_when_both_sides_let_it(cloud: Cloud, bucket: str, key: str) -> None:
    reader = make_role(
        cloud,
        READER,
        "enforcement-reader",
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        allow("kms:Decrypt", key),
    )
    assert reader.client("s3").get_object(Bucket=bucket, Key="one")["Body"].read() == b"1"


def test_another_accounts_role_needs_the_keys_policy_too(cloud: Cloud, bucket: str, key: str) -> None:
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/other"}}
    reader = make_role(
        cloud,
        READER,
        "enforcement-by-alias",
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        allow("kms:Decrypt", key, **by_alias),
    )
    with pytest.raises(ClientError) as error:
        reader.client("s3").get_object(Bucket=bucket, Key="one")
    assert "kms:Decrypt" in refused(error)


def test_a_keys_aliases_are_known_across_accounts(cloud: Cloud, bucket: str) -> None:
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/enforcement"}}
    reader = make_role(
        cloud,
        READER,
        "enforcement-alias",
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        allow("kms:Decrypt", f"arn:aws:kms:eu-west-1:{OWNER}:key/*", **by_alias),
    )
    assert reader.client("s3").get_object(Bucket=bucket, Key="one")["Body"].read() == b"1"


def test_a_role_that_the_bucket_does_not_name_is_refused(cloud: Cloud, bucket: str) -> None:
    reader = make_role(cloud, READER, "stranger", allow(["s3:*", "kms:*"], "*"))
    with pytest.raises(ClientError) as error:
        reader.client("s3").get_object(Bucket=bucket, Key="one")
    assert "s3:GetObject" in refused(error)


def test_another_accounts_root_user_is_refused(cloud: Cloud, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        cloud.administrator(READER).client("s3").get_object(Bucket=bucket, Key="one")
    refused(error)


def test_an_anonymous_caller_is_refused(cloud: Cloud, bucket: str) -> None:
    trusted = ssl.create_default_context(cafile=str(cloud.options.certificate_authority))
    with httpx.Client(verify=trusted, trust_env=False) as connection:
        assert connection.get(f"{cloud.options.endpoint}/{bucket}/one").status_code == 403


def test_a_wrong_secret_is_refused(cloud: Cloud) -> None:
    session = make_role(cloud, OWNER, "forged", allow("s3:ListAllMyBuckets", "*"))
    assert session.client("s3").list_buckets()["Buckets"] is not None
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        dataclasses.replace(session, secret_key="guessed").client("s3").list_buckets()


def test_the_deny_of_a_bucket_binds_its_own_root_user(cloud: Cloud) -> None:
    s3 = cloud.administrator(OWNER).client("s3")
    s3.create_bucket(Bucket="enforcement-deny", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::enforcement-deny/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    }
    s3.put_bucket_policy(Bucket="enforcement-deny", Policy=document(deny))
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="enforcement-deny", Key="one", Body=io.BytesIO(b"1"))
    assert "explicit deny in a resource-based policy" in refused(error)
    s3.delete_bucket_policy(Bucket="enforcement-deny")


@pytest.mark.parametrize(
    ("source_account", "trusted"), [(OWNER, True), (READER, False)], ids=["its own account", "a confused deputy"]
)
def test_a_service_assumes_a_role_only_for_the_account_that_the_role_names(
    cloud: Cloud, source_account: str, trusted: bool
) -> None:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": LAMBDA},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": OWNER}},
    }
    iam = cloud.administrator(OWNER).client("iam")
    name = f"of-lambda-{trusted}".lower()
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    wanted = {
        "service": LAMBDA,
        "source_account": source_account,
        "source_arn": f"arn:aws:lambda:eu-west-1:{source_account}:function:one",
    }
    if trusted:
        session = cloud.assume_as_service(arn, **wanted)
        assert session.client("sts").get_caller_identity()["Arn"].endswith(f"assumed-role/{name}/rehearsal")
    else:
        with pytest.raises(PermissionError, match=f"Could not assume role {arn}"):
            cloud.assume_as_service(arn, **wanted)
    assert last(cloud, "sts:AssumeRole").allowed is trusted


def test_a_service_that_the_role_does_not_name_is_refused(cloud: Cloud) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": LAMBDA}, "Action": "sts:AssumeRole"}
    iam = cloud.administrator(OWNER).client("iam")
    arn = iam.create_role(RoleName="of-lambda-only", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    with pytest.raises(PermissionError):
        cloud.assume_as_service(
            arn, service="ec2.amazonaws.com", source_account=OWNER, source_arn=f"arn:aws:ec2:eu-west-1:{OWNER}:x/y"
        )


def test_a_network_interface_needs_the_subnet_and_the_group(cloud: Cloud) -> None:
    ec2 = cloud.administrator(OWNER).client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/20")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="one", Description="one")["GroupId"]
    prefix = f"arn:aws:ec2:eu-west-1:{OWNER}"
    interfaces, subnets = f"{prefix}:network-interface/*", f"{prefix}:subnet/{subnet}"
    incomplete = make_role(cloud, OWNER, "no-group", allow("ec2:CreateNetworkInterface", [interfaces, subnets]))
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        incomplete.client("ec2").create_network_interface(SubnetId=subnet, Groups=[group])
    assert last(cloud, "ec2:CreateNetworkInterface").resource == f"{prefix}:security-group/{group}"
    complete = make_role(
        cloud,
        OWNER,
        "with-group",
        allow("ec2:CreateNetworkInterface", [interfaces, subnets, f"{prefix}:security-group/{group}"]),
        allow("ec2:DeleteNetworkInterface", interfaces, ArnEquals={"ec2:Subnet": subnets}),
    )
    client = complete.client("ec2")
    made = client.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    client.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])


def test_metrics_are_decided_by_their_namespace(cloud: Cloud) -> None:
    allowed = allow("cloudwatch:PutMetricData", "*", StringEquals={"cloudwatch:namespace": "Mine"})
    client = make_role(cloud, OWNER, "metrics", allowed).client("cloudwatch")
    client.put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "one", "Value": 1.0}])
    with pytest.raises(ClientError, match="cloudwatch:PutMetricData"):
        client.put_metric_data(Namespace="Yours", MetricData=[{"MetricName": "one", "Value": 1.0}])


def test_passing_a_role_to_cloudformation_is_decided(cloud: Cloud) -> None:
    passer = make_role(cloud, OWNER, "passer", allow("cloudformation:*", "*"))
    with pytest.raises(ClientError, match="iam:PassRole"):
        passer.client("cloudformation").create_change_set(
            StackName="enforcement",
            ChangeSetName="one",
            ChangeSetType="CREATE",
            TemplateBody='{"Resources": {"A": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}',
            RoleARN=f"arn:aws:iam::{OWNER}:role/passer",
        )


def test_a_log_groups_arn_ends_as_policies_write_it(cloud: Cloud) -> None:
    cloud.administrator(OWNER).client("logs").create_log_group(logGroupName="/enforcement")
    group = f"arn:aws:logs:eu-west-1:{OWNER}:log-group:/enforcement:*"
    client = make_role(cloud, OWNER, "logs", allow(["logs:CreateLogStream", "logs:PutLogEvents"], group)).client("logs")
    client.create_log_stream(logGroupName="/enforcement", logStreamName="one")
    client.put_log_events(
        logGroupName="/enforcement", logStreamName="one", logEvents=[{"timestamp": 1, "message": "one"}]
    )
    assert last(cloud, "logs:PutLogEvents").resource.endswith(":log-group:/enforcement:log-stream:one")


def test_the_call_log_has_every_decision_with_its_reason(cloud: Cloud) -> None:
    nobody = make_role(cloud, OWNER, "nobody")
    with pytest.raises(ClientError):
        nobody.client("ssm").get_parameter(Name="/enforcement/none")
    decision = last(cloud, "ssm:GetParameter")
    assert decision.principal == f"arn:aws:sts::{OWNER}:assumed-role/nobody/test"
    assert (decision.account, decision.allowed, decision.reason) == (OWNER, False, "nothing allows it")
    assert decision.resource == f"arn:aws:ssm:eu-west-1:{OWNER}:parameter/enforcement/none"


def test_parameters_of_a_path_are_read_with_leave_for_the_path(cloud: Cloud) -> None:
    arn = f"arn:aws:ssm:eu-west-1:{OWNER}:parameter/enforcement/path"
    client = make_role(cloud, OWNER, "reads-a-path", allow("ssm:GetParametersByPath", arn)).client("ssm")
    assert client.get_parameters_by_path(Path="/enforcement/path")["Parameters"] == []
    for other in ("/enforcement", "/enforcement/path/below"):
        with pytest.raises(ClientError) as error:
            client.get_parameters_by_path(Path=other)
        refused(error)
        assert last(cloud, "ssm:GetParametersByPath").resource.endswith(f":parameter{other}")
