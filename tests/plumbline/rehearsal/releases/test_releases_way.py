"""The functions of a release at work: deployed code, roles that may just enough, a pipeline, two accounts."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.plumbline.rehearsal.releases.releasing import (
    COPIED_VERSIONS,
    COPIES,
    MODEL,
    RECORDS,
    REPOSITORY,
    STAGING,
    TARGET,
    VERSIONS,
    Releasing,
    furnished,
)
from tests.plumbline.rehearsal.sagemaker.world import AWAY, HOME, IMAGE_TAG, REGION, running

pytestmark = pytest.mark.rehearsal
Document = dict[str, Any]
FIRST = f"releases/{MODEL}/1/record.zip"
COPIED = {"PackageArn": f"{COPIED_VERSIONS}1", "Version": "1"}


@pytest.fixture(scope="module")
def releasing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releasing]:
    with running(tmp_path_factory.mktemp("checkout")) as world:
        yield furnished(world)


@pytest.fixture(scope="module")
def released(releasing: Releasing) -> str:
    """The execution that takes version 1 all the way, which no test may change."""
    world = releasing.world
    detail = releasing.register(weight=1.0)
    releasing.approve(detail)
    network = {"Subnets": [world.subnet], "SecurityGroupIds": [world.group]}
    role = f"arn:aws:iam::{HOME}:role/serve"
    releasing.serve(STAGING, detail["ModelPackageArn"], role, account=HOME, network=network)
    said = releasing.record(detail)
    assert "execution" in said, said
    execution = str(said["execution"])
    releasing.agree(releasing.until_asked(execution), summary="BREAK GLASS: nobody else is awake")
    assert releasing.ended(execution) == "Succeeded", releasing.failures(execution)
    return execution


def content(releasing: Releasing, bucket: str, key: str, *, account: str = HOME) -> bytes:
    body: bytes = releasing.world.client("s3", account=account).get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def test_a_release_goes_from_an_approved_version_to_an_approved_copy(releasing: Releasing, released: str) -> None:
    said = releasing.actions(released)["Copy"]["output"]["outputVariables"]
    assert said == COPIED
    copy = releasing.world.client("sagemaker", account=AWAY).describe_model_package(
        ModelPackageName=f"{COPIED_VERSIONS}1"
    )
    assert copy["ModelApprovalStatus"] == "Approved"
    assert copy["ModelPackageDescription"] == f"version 1 of {VERSIONS}1; record {FIRST}"
    (container,) = copy["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == f"s3://{COPIES}/{MODEL}/released/1/model.tar.gz"
    assert container["Image"].startswith(f"{TARGET}@sha256:")


def test_the_record_names_who_approved_the_version(releasing: Releasing, released: str) -> None:
    assert released
    with zipfile.ZipFile(io.BytesIO(content(releasing, RECORDS, FIRST))) as archive:
        said = json.loads(archive.read("record.json"))
    assert said["approval"]["by"] == f"arn:aws:sts::{HOME}:assumed-role/approver/test"
    assert said["image"]["uri"].startswith(f"{REPOSITORY}@sha256:")


def test_a_record_cannot_be_deleted(releasing: Releasing, released: str) -> None:
    assert released
    s3 = releasing.world.client("s3")
    version = s3.head_object(Bucket=RECORDS, Key=FIRST)["VersionId"]
    with pytest.raises(Exception, match="AccessDenied"):
        s3.delete_object(Bucket=RECORDS, Key=FIRST, VersionId=version)


def test_staging_is_asked_before_a_person_is(releasing: Releasing, released: str) -> None:
    summary = releasing.actions(released)["Check"]["output"]["outputVariables"]["Summary"]
    assert "150 answers equal to the evaluation's; log loss" in summary


def test_the_person_is_told_what_is_released(releasing: Releasing, released: str) -> None:
    told = releasing.actions(released)["Ask"]["input"]["resolvedConfiguration"]["CustomData"]
    assert told == (
        "version 1, commit 1a2b3c4, dataset s3://data/set/, "
        f"approved by arn:aws:sts::{HOME}:assumed-role/approver/test, good"
    )


def test_who_agreed_is_kept_beside_the_record(releasing: Releasing, released: str) -> None:
    kept = json.loads(content(releasing, RECORDS, f"releases/{MODEL}/answers/{released}.json"))
    version = releasing.world.client("s3").head_object(Bucket=RECORDS, Key=FIRST)["VersionId"]
    assert kept["record"] == {"key": FIRST, "versionId": version, "version": 1}
    assert (kept["approval"]["by"], kept["breakGlass"]) == (f"arn:aws:iam::{HOME}:root", True)


def test_the_copy_has_the_image_byte_for_byte(releasing: Releasing, released: str) -> None:
    assert released
    found = [
        releasing.world.client("ecr", account=account).batch_get_image(
            repositoryName="tiny", imageIds=[{"imageTag": IMAGE_TAG}]
        )["images"][0]
        for account in (HOME, AWAY)
    ]
    assert found[0]["imageManifest"] == found[1]["imageManifest"]
    assert found[0]["imageId"]["imageDigest"] == found[1]["imageId"]["imageDigest"]


def test_production_serves_its_copy_of_image_and_artifact(releasing: Releasing, released: str) -> None:
    assert released
    world = releasing.world
    ec2 = world.client("ec2", account=AWAY)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="serving", Description="serving", VpcId=vpc)["GroupId"]
    for service, kind in (("s3", "Gateway"), ("sts", "Interface")):
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.{service}", VpcEndpointType=kind)
    releasing.serve(
        "tiny-production",
        f"{COPIED_VERSIONS}1",
        f"arn:aws:iam::{AWAY}:role/serve",
        account=AWAY,
        network={"Subnets": [subnet], "SecurityGroupIds": [group]},
    )
    answer = world.client("sagemaker-runtime", account=AWAY).invoke_endpoint(
        EndpointName="tiny-production", Body=b'{"x": 0.25}', ContentType="application/jsonlines"
    )
    assert json.loads(answer["Body"].read()) == {"probability": 0.25}


def test_an_event_that_arrives_again_starts_nothing(releasing: Releasing, released: str) -> None:
    said = releasing.record({"ModelPackageArn": f"{VERSIONS}1"})
    assert said == {"said": f"version 1 is recorded; execution {released} has its record"}


def test_a_release_that_is_gone_back_to_copies_nothing_twice(releasing: Releasing, released: str) -> None:
    assert released
    execution = releasing.start_at(FIRST)
    releasing.agree(releasing.until_asked(execution), summary="back")
    assert releasing.ended(execution) == "Succeeded", releasing.failures(execution)
    assert releasing.actions(execution)["Copy"]["output"]["outputVariables"] == COPIED
    versions = releasing.world.client("s3", account=AWAY).list_object_versions(
        Bucket=COPIES, Prefix=f"{MODEL}/released/1/model"
    )["Versions"]
    assert len(versions) == 1


def test_a_record_that_was_changed_stops_at_the_first_action(releasing: Releasing, released: str) -> None:
    assert released
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content(releasing, RECORDS, FIRST))) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b'"good"', b'"well"') if name == "record.json" else text)
    releasing.world.client("s3").put_object(Bucket=RECORDS, Key=f"releases/{MODEL}/forged.zip", Body=buffer.getvalue())
    execution = releasing.start_at(f"releases/{MODEL}/forged.zip")
    assert releasing.ended(execution) == "Failed"
    assert releasing.failures(execution) == {"Verify": "the record of version 1 was changed after it was made"}
    assert "Check" not in releasing.actions(execution)


def test_a_version_that_predicts_otherwise_than_it_was_evaluated_stops_in_staging(
    releasing: Releasing, released: str
) -> None:
    """Staging serves version 1 still, for there is no deployment here; the evaluation says something else."""
    assert released
    detail = releasing.register(weight=1.0, evaluated=0.5)
    releasing.approve(detail)
    execution = str(releasing.record(detail)["execution"])
    assert releasing.ended(execution) == "Failed"
    assert (
        "149 of 150 answers differ from the evaluation's by more than 1e-06" in releasing.failures(execution)["Check"]
    )


def test_a_newer_release_rejects_what_an_older_one_waits_for(releasing: Releasing, released: str) -> None:
    assert released
    executions = []
    for _ in range(2):
        detail = releasing.register(weight=1.0)
        releasing.approve(detail)
        executions.append(str(releasing.record(detail)["execution"]))
        releasing.until_asked(executions[-1])
    version = detail["ModelPackageArn"].rpartition("/")[2]
    assert releasing.ended(executions[0]) == "Failed"
    assert releasing.failures(executions[0]) == {"Ask": f"superseded by version {version}"}


def test_an_artifact_whose_key_is_disabled_is_not_recorded(releasing: Releasing, released: str) -> None:
    assert released
    kms = releasing.world.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    detail = releasing.register(weight=1.0, key=key)
    releasing.approve(detail)
    kms.disable_key(KeyId=key)
    assert releasing.record(detail)["errorMessage"].startswith("the key of the artifact s3://")
