"""Objects that are copied across accounts, and objects whose key cannot be used."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client

HERE, THERE = "222222222222", "333333333333"


def bucket(cloud: Cloud, name: str, *, account: str = HERE, reader: str = "") -> Client:
    """Makes a bucket that keeps versions, which another account may read."""
    s3 = cloud.administrator(account).client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": cloud.options.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if reader:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{reader}:root"},
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": f"arn:aws:s3:::{name}/*",
        }
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return s3


@pytest.fixture(scope="module")
def buckets(cloud: Cloud) -> tuple[Client, Client]:
    """A bucket that another account may read, and one of that account."""
    return bucket(cloud, "objects-shared", reader=THERE), bucket(cloud, "objects-own", account=THERE)


def test_a_version_of_another_accounts_object_is_copied(buckets: tuple[Client, Client]) -> None:
    source, target = buckets
    first = source.put_object(Bucket="objects-shared", Key="a b/é", Body=b"first", Metadata={"from": "me"})
    source.put_object(Bucket="objects-shared", Key="a b/é", Body=b"second")
    version = first["VersionId"]
    answer = target.copy_object(
        CopySource={"Bucket": "objects-shared", "Key": "a b/é", "VersionId": version}, Bucket="objects-own", Key="copy"
    )
    assert answer["CopySourceVersionId"] == version
    assert answer["CopyObjectResult"]["ETag"] == first["ETag"]
    found = target.get_object(Bucket="objects-own", Key="copy")
    assert (found["Body"].read(), found["Metadata"]) == (b"first", {"from": "me"})
    assert found["VersionId"] == answer["VersionId"] != version


def test_a_copy_gets_the_metadata_that_the_request_says(buckets: tuple[Client, Client]) -> None:
    source, target = buckets
    source.put_object(Bucket="objects-shared", Key="meta", Body=b"x", Metadata={"from": "me"})
    target.copy_object(
        CopySource={"Bucket": "objects-shared", "Key": "meta"},
        Bucket="objects-own",
        Key="meta",
        MetadataDirective="REPLACE",
        Metadata={"to": "you"},
    )
    assert target.head_object(Bucket="objects-own", Key="meta")["Metadata"] == {"to": "you"}


def test_another_accounts_object_is_copied_only_by_whom_its_bucket_lets(cloud: Cloud) -> None:
    bucket(cloud, "objects-closed").put_object(Bucket="objects-closed", Key="a", Body=b"x")
    target = bucket(cloud, "objects-thief", account=THERE)
    with pytest.raises(ClientError, match="AccessDenied"):
        target.copy_object(CopySource={"Bucket": "objects-closed", "Key": "a"}, Bucket="objects-thief", Key="a")


def test_a_version_that_is_not_there_is_not_copied(buckets: tuple[Client, Client]) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        buckets[1].copy_object(CopySource={"Bucket": "objects-shared", "Key": "no"}, Bucket="objects-own", Key="no")


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({}, "copying the tags"),
        ({"TaggingDirective": "REPLACE", "CopySourceIfMatch": "x"}, "x-amz-copy-source-if-match"),
    ],
)
def test_what_a_copy_across_accounts_cannot_do_is_named(
    buckets: tuple[Client, Client], members: dict[str, Any], named: str
) -> None:
    source, target = buckets
    source.put_object(Bucket="objects-shared", Key="tagged", Body=b"x", Tagging="a=b")
    place = {"Bucket": "objects-shared", "Key": "tagged"}
    with pytest.raises(ClientError, match=f"NotImplemented.*{named}"):
        target.copy_object(CopySource=place, Bucket="objects-own", Key="tagged", **members)


@pytest.fixture(scope="module")
def sealed(cloud: Cloud) -> Client:
    return bucket(cloud, "objects-sealed")


def encrypted(cloud: Cloud, sealed: Client, key: str) -> tuple[Client, str]:
    """An object under a key of its own; returns a client of KMS and the key."""
    kms = cloud.administrator(HERE).client("kms")
    arn = str(kms.create_key()["KeyMetadata"]["Arn"])
    sealed.put_object(Bucket="objects-sealed", Key=key, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)
    return kms, arn


def test_an_object_whose_key_is_disabled_is_not_read(cloud: Cloud, sealed: Client) -> None:
    kms, arn = encrypted(cloud, sealed, "disabled")
    kms.disable_key(KeyId=arn)
    with pytest.raises(ClientError, match=rf"KMS\.DisabledException.*{arn} is disabled"):
        sealed.get_object(Bucket="objects-sealed", Key="disabled")
    kms.enable_key(KeyId=arn)
    assert sealed.get_object(Bucket="objects-sealed", Key="disabled")["Body"].read() == b"x"


def test_an_object_whose_key_is_to_be_deleted_is_not_read(cloud: Cloud, sealed: Client) -> None:
    kms, arn = encrypted(cloud, sealed, "deleted")
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    with pytest.raises(ClientError, match=r"KMS\.KMSInvalidStateException.*is pending deletion"):
        sealed.get_object(Bucket="objects-sealed", Key="deleted")


def test_an_object_is_not_written_under_a_key_that_is_disabled(cloud: Cloud, sealed: Client) -> None:
    kms, arn = encrypted(cloud, sealed, "written")
    kms.disable_key(KeyId=arn)
    with pytest.raises(ClientError, match=r"KMS\.DisabledException"):
        sealed.put_object(
            Bucket="objects-sealed", Key="new", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn
        )
