"""Writes the record of an approved version, once, and starts the model's release pipeline at it.

It is called with what EventBridge says of the registry, which may come twice, late or out of order. So the registry is
asked what holds now; a record is written only where none is; and a release is started only for the newest record, and
only if it has not been started before.
"""

import hashlib
import io
import json
import os
import zipfile
from typing import Any

import boto3
from botocore.exceptions import ClientError
from record import ALGORITHM, FORMAT, RefusedError, message, packed, statement_of
from registry import container_of, in_repository, located, look_at
from roles import taken

_EXISTS, _AT_ONCE = "PreconditionFailed", "ConditionalRequestConflict"
_ATTEMPTS = 5


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Records a version and starts its release.

    Args:
        event: "SageMaker Model Package State Change".
        context: Of no use here.

    Returns:
        What was done, in words.

    Raises:
        RefusedError: The version is not the model's, or what it names is not there: nothing is recorded, and the event
            ends in the dead-letter queue.
    """
    model, arn = os.environ["MODEL"], str(event["detail"]["ModelPackageArn"])
    version = _version(arn)
    reading = taken(os.environ["READER_ROLE_ARN"], name="recorder")
    package = reading.client("sagemaker").describe_model_package(ModelPackageName=arn)
    if package["ModelApprovalStatus"] != "Approved":
        return _did(f"version {version} of {model} is {package['ModelApprovalStatus']}: nothing to release")
    key = f"{os.environ['RECORDS_PREFIX']}{version}/record.zip"
    record_version = _existing(key) or _written(key, version, package, reading)
    newest = max(_recorded())
    if version < newest:
        return _did(f"version {version} of {model} is recorded; version {newest} is newer, so it is not released")
    if _started_before(record_version):
        return _did(f"version {version} of {model} has been released before")
    execution = boto3.client("codepipeline").start_pipeline_execution(
        name=os.environ["PIPELINE"],
        # Two calls at once start one execution.
        clientRequestToken=hashlib.sha256(f"{key} {record_version}".encode()).hexdigest(),
        sourceRevisions=[
            {"actionName": os.environ["SOURCE_ACTION"], "revisionType": "S3_OBJECT_KEY", "revisionValue": key}
        ],
    )["pipelineExecutionId"]
    return _did(f"version {version} of {model} is being released: execution {execution}")


def _did(words: str) -> dict[str, str]:
    print(words)
    return {"did": words}


def _version(arn: str) -> int:
    version = arn.removeprefix(os.environ["VERSIONS_ARN"])
    if not version.isdecimal():
        raise RefusedError(
            f"{arn} is no version of {os.environ['MODEL']}; accepted: {os.environ['VERSIONS_ARN']}<number>"
        )
    return int(version)


def _existing(key: str) -> str:
    """The S3 version of a record that is there; empty if none is."""
    try:
        found = boto3.client("s3").get_object(Bucket=os.environ["RECORDS_BUCKET"], Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return ""
        raise
    return str(found["VersionId"])


def _written(key: str, version: int, package: dict[str, Any], reading: boto3.Session) -> str:
    """Writes a record unless somebody else has; gives its S3 version."""
    content = _record(version, package, reading)
    client = boto3.client("s3")
    for attempt in range(_ATTEMPTS):
        try:
            put = client.put_object(
                Bucket=os.environ["RECORDS_BUCKET"],
                Key=key,
                Body=content,
                ContentType="application/zip",
                IfNoneMatch="*",
                # A bucket with Object Lock takes no object without a checksum (API reference, PutObject).
                ChecksumAlgorithm="SHA256",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == _EXISTS:
                return _existing(key)
            if code != _AT_ONCE or attempt == _ATTEMPTS - 1:
                raise
        else:
            return str(put["VersionId"])
    raise AssertionError("the last attempt returns or raises")


def _record(version: int, package: dict[str, Any], reading: boto3.Session) -> bytes:
    s3, files = reading.client("s3"), _bundle()
    image, artifact = container_of(package)
    if not artifact.startswith(os.environ["ARTIFACTS"]):
        raise RefusedError(f"the artifact {artifact} is not the model's; accepted: below {os.environ['ARTIFACTS']}")
    report = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {}).get("S3Uri")
    if not report:
        raise RefusedError(f"{package['ModelPackageArn']} names no evaluation (ModelMetrics.ModelQuality.Statistics)")
    metadata = package.get("CustomerMetadataProperties", {})
    digest = _digest(image)
    said = {
        "format": FORMAT,
        "model": os.environ["MODEL"],
        "version": version,
        "modelPackageArn": package["ModelPackageArn"],
        "approval": {
            "by": _who(package.get("LastModifiedBy", {})),
            "at": package["LastModifiedTime"].isoformat(),
            "description": package.get("ApprovalDescription", ""),
        },
        "commit": metadata.get("commit", ""),
        "dataset": {"uri": metadata.get("dataset-uri", ""), "version": metadata.get("dataset-version", "")},
        "trigger": metadata.get("trigger", ""),
        "triggerReason": metadata.get("trigger-reason", ""),
        "execution": metadata.get("execution", ""),
        "metrics": _metrics(s3, report),
        "artifact": look_at(s3, artifact, what="the artifact").as_json(),
        "image": {"uri": f"{os.environ['REPOSITORY']}@{digest}", "digest": digest},
        "sample": look_at(s3, f"{report.rpartition('/')[0]}/sample.jsonl", what="the held-back sample").as_json(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "bundle": {"bucket": os.environ["BUNDLE_BUCKET"], "key": os.environ["BUNDLE_KEY"]},
    }
    statement = statement_of(said)
    code = boto3.client("kms").generate_mac(
        KeyId=os.environ["MAC_KEY_ARN"],
        MacAlgorithm=ALGORITHM,
        Message=message(model=os.environ["MODEL"], version=version, statement=statement),
    )["Mac"]
    return packed(statement=statement, code=code, files=files)


def _who(modified: dict[str, Any]) -> str:
    """Who has approved: somebody with a role, or somebody in Studio (API reference, UserContext)."""
    return str(modified.get("IamIdentity", {}).get("Arn") or modified.get("UserProfileArn") or "")


def _metrics(s3: Any, report: str) -> dict[str, Any]:
    look_at(s3, report, what="the evaluation")
    bucket, key = located(report)
    read = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return {part: read[part] for part in ("metrics", "gate") if part in read}


def _digest(image: str) -> str:
    repository = os.environ["REPOSITORY"]
    if not in_repository(image, repository):
        raise RefusedError(f"the image {image} is not the platform's; accepted: one of {repository}")
    name = repository.partition("/")[2]
    chosen = {"imageDigest": image.partition("@")[2]} if "@" in image else {"imageTag": image.rpartition(":")[2]}
    try:
        found = boto3.client("ecr").describe_images(
            registryId=repository.partition(".")[0], repositoryName=name, imageIds=[chosen]
        )["imageDetails"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            raise RefusedError(f"the image {image} is gone") from error
        raise
    return str(found[0]["imageDigest"])


def _bundle() -> dict[str, bytes]:
    """Templates and contract as they were delivered."""
    where = {"Bucket": os.environ["BUNDLE_BUCKET"], "Key": os.environ["BUNDLE_KEY"]}
    content = boto3.client("s3").get_object(**where)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def _recorded() -> list[int]:
    """The versions that have a record."""
    prefix = os.environ["RECORDS_PREFIX"]
    pages = (
        boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=os.environ["RECORDS_BUCKET"], Prefix=prefix)
    )
    keys = [found["Key"].removeprefix(prefix) for page in pages for found in page.get("Contents", [])]
    names = [key.partition("/")[0] for key in keys if key.endswith("/record.zip")]
    return [int(name) for name in names if name.isdecimal()]


def _started_before(record_version: str) -> bool:
    """Whether an execution has taken this record, which a rollback may have, too."""
    pages = (
        boto3.client("codepipeline")
        .get_paginator("list_pipeline_executions")
        .paginate(pipelineName=os.environ["PIPELINE"])
    )
    return any(
        revision.get("revisionId") == record_version
        for page in pages
        for execution in page["pipelineExecutionSummaries"]
        for revision in execution.get("sourceRevisions", [])
    )
