"""Copies a released version into production: its artifact, its image, and its place in a registry.

It comes after the approval, so it first keeps who has agreed to this release. What an earlier attempt has done stays.
"""

import hashlib
import json
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError
from images import copy_image
from pipeline_job import Event, answer, artifact, told
from record import Record, RefusedError, verified
from registry import located
from roles import taken

BREAK_GLASS = "BREAK GLASS"
_EXISTS = "PreconditionFailed"
_GONE = frozenset({"404", "NoSuchKey", "NotFound"})
_SOURCE = "source-version-id"


def handler(event: Event, context: object) -> None:  # noqa: ARG001 - as Lambda calls it
    """Does CodePipeline's job; the pipeline's definition tells the id of its execution.

    Args:
        event: The job, with the record as its artifact.
        context: Of no use here.
    """
    answer(event, lambda: _copy(told(event), artifact(event)))


def _copy(execution: str, content: bytes) -> dict[str, str]:
    record = verified(content, model=os.environ["MODEL"], key=os.environ["MAC_KEY_ARN"], kms=boto3.client("kms"))
    _keep_who_agreed(execution, record)
    production = taken(os.environ["COPY_ROLE_ARN"], name="copier")
    artifact_uri = _copy_artifact(production.client("s3"), record)
    digest = record.said["image"]["digest"]
    copy_image(
        production.client("ecr"),
        source=os.environ["SOURCE_REPOSITORY"],
        target=os.environ["TARGET_REPOSITORY"],
        digest=digest,
    )
    image = f"{os.environ['TARGET_REPOSITORY']}@{digest}"
    return {"PackageArn": _registered(production, record, image=image, artifact_uri=artifact_uri)}


def _keep_who_agreed(execution: str, record: Record) -> None:
    """Writes down how the approval of this execution was answered, where nobody can change it."""
    pages = (
        boto3.client("codepipeline")
        .get_paginator("list_action_executions")
        .paginate(pipelineName=os.environ["PIPELINE"], filter={"pipelineExecutionId": execution})
    )
    answers = [
        one
        for page in pages
        for one in page["actionExecutionDetails"]
        if (one["stageName"], one["actionName"]) == (os.environ["APPROVAL_STAGE"], os.environ["APPROVAL_ACTION"])
        and one["status"] == "Succeeded"
    ]
    if not answers:
        raise RefusedError(f"nobody has approved execution {execution}")
    # The newest first, as CodePipeline lists them: a stage that was tried again was asked again.
    given = answers[0]
    summary = str(given.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", ""))
    kept = {
        "model": record.said["model"],
        "version": record.version,
        "execution": execution,
        "approvedBy": given.get("updatedBy", ""),
        "approvedAt": given["lastUpdateTime"].isoformat(),
        "summary": summary,
        "breakGlass": summary.startswith(BREAK_GLASS),
    }
    try:
        boto3.client("s3").put_object(
            Bucket=os.environ["RECORDS_BUCKET"],
            Key=f"{os.environ['RECORDS_PREFIX']}answers/{execution}.json",
            Body=(json.dumps(kept, indent=2, sort_keys=True) + "\n").encode(),
            ContentType="application/json",
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != _EXISTS:
            raise


def _copy_artifact(s3: Any, record: Record) -> str:
    source = record.said["artifact"]
    bucket, key = os.environ["MODELS_BUCKET"], f"{record.said['model']}/released/{record.version}/model.tar.gz"
    there = _head(s3, bucket, key)
    if there is None or there.get("Metadata", {}).get(_SOURCE) != source["versionId"]:
        source_bucket, source_key = located(source["uri"])
        # In parts where one request does not do (CopyObject: 5 GB), by the storage itself.
        s3.copy(
            {"Bucket": source_bucket, "Key": source_key, "VersionId": source["versionId"]},
            bucket,
            key,
            ExtraArgs={"Metadata": {_SOURCE: source["versionId"]}, "MetadataDirective": "REPLACE"},
        )
        there = _head(s3, bucket, key)
    if there is None or there["ContentLength"] != source["size"]:
        raise RefusedError(f"the copy of the artifact has not the {source['size']} bytes that were recorded")
    return f"s3://{bucket}/{key}"


def _head(s3: Any, bucket: str, key: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # Who may not list is told 403 of an object that is not there (API reference, HeadObject).
        if error.response["Error"]["Code"] in _GONE | {"403"}:
            return None
        raise
    return found


def _registered(production: boto3.Session, record: Record, *, image: str, artifact_uri: str) -> str:
    """The ARN of the copy in production's registry, made unless an earlier attempt has made it."""
    said, group, s3 = record.said, os.environ["GROUP"], production.client("s3")
    bucket, key = os.environ["MODELS_BUCKET"], f"{said['model']}/released/{record.version}/package.json"
    if _head(s3, bucket, key) is not None:
        return str(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["modelPackageArn"])
    sagemaker = production.client("sagemaker")
    source = sagemaker.describe_model_package(ModelPackageName=said["modelPackageArn"])
    inference = source["InferenceSpecification"]
    (container,) = inference["Containers"]
    dropped = ("Image", "ImageDigest", "ModelDataUrl", "ModelDataSource", "ModelDataETag")
    copied = {name: value for name, value in container.items() if name not in dropped}
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelPackageDescription=f"Version {record.version} of {said['modelPackageArn']}",
        InferenceSpecification={
            **inference,
            "Containers": [{**copied, "Image": image, "ModelDataUrl": artifact_uri}],
        },
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={
            **source.get("CustomerMetadataProperties", {}),
            "source-package": said["modelPackageArn"],
        },
        ClientToken=hashlib.sha256(f"{said['modelPackageArn']} {said['artifact']['versionId']}".encode()).hexdigest()[
            :36
        ],
    )["ModelPackageArn"]
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"modelPackageArn": arn}).encode())
    return str(arn)
