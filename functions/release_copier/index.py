"""Copies what a release serves into production, which then depends on no other account.

It keeps who agreed to the release, copies artifact and image on AWS's side, and registers the copies as an approved
version of production's own group. All of it can be done again, as after a timeout: what is there already stays.
"""

import hashlib
import json
import os
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from image_copy import copy_image
from job import Job, Outcome, answer
from once import write_once
from record import BASELINE_NAME, BASELINES, Record, key_of, verified
from refusal import RefusedError
from repository import Repository
from role import Client, Document, Role, code_of
from stored import place, refuse_replaced

BREAK_GLASS = "BREAK GLASS"
# Without leave to list a bucket, S3 says of a key that is missing that access is denied (API reference, HeadObject).
_NOT_THERE = {"403", "404", "AccessDenied", "NoSuchKey"}
_FROM = "source-version-id"
_CONFIG, _VERSION = "/config.json", b"{version}"
# CopyObject takes up to 5 GB (API reference).
_WHOLE, _PART = 5 * 10**9, 512 * 2**20


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Answers a job of CodePipeline; its user parameters are the id of the pipeline's execution.

    Returns:
        What was said, under `said`. The job's variables are `PackageArn`, the version in production's group, and
        `Version`, the one that is released, below whose number the copies lie.
    """
    return answer(event, _copy)


def _copy(job: Job) -> Outcome:
    record = verified(job.archive(), model=os.environ["MODEL"], kms=boto3.client("kms"), key=os.environ["MAC_KEY_ARN"])
    _keep_answer(record, execution=job.told)
    role = Role(arn=os.environ["COPY_ROLE_ARN"], session="copier")
    registry = role.client("sagemaker")
    package: Document = registry.describe_model_package(ModelPackageName=record.said["modelPackageArn"])
    status = package["ModelApprovalStatus"]
    if status != "Approved":
        raise RefusedError(f"version {record.version} was approved and now is {status}")
    # Of the registry nothing else is taken: it may say otherwise since staging was checked.
    artifact = _copy_artifact(role.client("s3"), record)
    _write_baselines(role.client("s3"), record)
    image = _copy_image(role.client("ecr"), record)
    arn = _register(role, record, {"ModelDataUrl": artifact, "Image": image})
    said = {"PackageArn": arn, "Version": str(record.version)}
    return Outcome(summary=f"version {record.version} is {arn}", variables=said)


def _keep_answer(record: Record, *, execution: str) -> None:
    """Writes down, once, who agreed to a release and with which words.

    The glass is broken where nobody else was asked: where the words say so, and where whoever agreed had started it.
    """
    pipeline, stage, name = (os.environ[one] for one in ("PIPELINE", "APPROVAL_STAGE", "APPROVAL_ACTION"))
    pipelines = boto3.client("codepipeline")
    pages = pipelines.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    actions = [action for page in pages for action in page["actionExecutionDetails"]]
    approvals = [
        action
        for action in actions
        if (action["stageName"], action["actionName"], action["status"]) == (stage, name, "Succeeded")
    ]
    if not approvals:
        raise RefusedError(f"nobody has agreed to execution {execution}")
    approval = max(approvals, key=lambda action: action["startTime"])
    summary = approval.get("output", {}).get("executionResult", {}).get("externalExecutionSummary", "")
    by = approval.get("updatedBy", "")
    described = pipelines.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
    starter = described["pipelineExecution"].get("trigger", {}).get("triggerDetail", "")
    kept = {
        "record": _record_of(record, actions),
        "execution": execution,
        "approval": {
            "summary": summary,
            "by": by,
            "at": approval["lastUpdateTime"].isoformat(),
        },
        "startedBy": starter,
        "breakGlass": summary.startswith(BREAK_GLASS) or (by != "" and by == starter),
    }
    write_once(
        boto3.client("s3"),
        bucket=os.environ["RECORDS_BUCKET"],
        key=f"{os.environ['RECORDS_PREFIX']}answers/{execution}.json",
        body=f"{json.dumps(kept, ensure_ascii=False, indent=2, sort_keys=True)}\n".encode(),
        content_type="application/json",
    )


def _record_of(record: Record, actions: list[Document]) -> Document:
    """Which object, in which version, the execution has taken as its record: what its source action says."""
    sources: list[Document] = [
        action.get("output", {}).get("outputVariables", {})
        for action in actions
        if action["input"]["actionTypeId"]["category"] == "Source"
    ]
    key = key_of(os.environ["RECORDS_PREFIX"], record.version)
    taken: Document = next((said for said in sources if "ObjectKey" in said), {})
    if taken and taken["ObjectKey"] != key:
        raise RefusedError(f"the record of version {record.version} was taken from {taken['ObjectKey']}, not {key}")
    return {"key": key, "versionId": taken.get("VersionId", ""), "version": record.version}


def _copy_artifact(s3: Client, record: Record) -> str:
    """Copies the recorded version of the artifact within S3, in parts where it has more than 5 GB."""
    said = record.said["artifact"]
    bucket, key = os.environ["MODELS_BUCKET"], f"{os.environ['MODEL']}/released/{record.version}/model.tar.gz"
    if _size_of_copy(s3, bucket, key, said["versionId"]) is None:
        refuse_replaced(s3, said, version=record.version)
        source_bucket, source_key = place(said["uri"])
        s3.copy(
            CopySource={"Bucket": source_bucket, "Key": source_key, "VersionId": said["versionId"]},
            Bucket=bucket,
            Key=key,
            # Tags are left behind, for reading them takes a permission of its own.
            ExtraArgs={
                "MetadataDirective": "REPLACE",
                "Metadata": {_FROM: said["versionId"]},
                "TaggingDirective": "REPLACE",
            },
            Config=TransferConfig(multipart_threshold=_WHOLE, multipart_chunksize=_PART),
        )
    size = _size_of_copy(s3, bucket, key, said["versionId"])
    if size != said["size"]:
        raise RefusedError(f"the copy s3://{bucket}/{key} has {size} bytes; the artifact has {said['size']}")
    return f"s3://{bucket}/{key}"


def _size_of_copy(s3: Client, bucket: str, key: str, version: str) -> int | None:
    """The size of a copy, if what is there is one of that version."""
    try:
        found = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) not in _NOT_THERE:
            raise
        return None
    return int(found["ContentLength"]) if found.get("Metadata", {}).get(_FROM) == version else None


def _write_baselines(s3: Client, record: Record) -> None:
    """Writes what the monitors compare with beside the artifact; the record holds it, so nothing is read elsewhere.

    A configuration of Clarify's names a model by the version, which was not known when it was written.
    """
    for name, content in record.files.items():
        if name.startswith(BASELINES) and BASELINE_NAME.fullmatch(name.removeprefix(BASELINES)):
            write_once(
                s3,
                bucket=os.environ["MODELS_BUCKET"],
                key=f"{os.environ['MODEL']}/released/{record.version}/{name}",
                body=content.replace(_VERSION, str(record.version).encode()) if name.endswith(_CONFIG) else content,
                content_type="application/json",
            )


def _copy_image(ecr: Client, record: Record) -> str:
    source, target = (Repository(os.environ[name]) for name in ("SOURCE_REPOSITORY", "TARGET_REPOSITORY"))
    said = record.said["image"]
    digest = said["digest"]
    if said["uri"] != f"{source.uri}@{digest}":
        raise RefusedError(f"the image {said['uri']} is not of the repository {source.uri}")
    tag = source.named(said["named"]).get("imageTag") or next(iter(source.look(ecr, {"imageDigest": digest})[1]), "")
    copy_image(ecr, source=source, target=target, digest=digest, tag=tag)
    return f"{target.uri}@{digest}"


def _register(role: Role, record: Record, copies: Document) -> str:
    """Registers the copies as an approved version, unless an earlier attempt has, which wrote down which one it is."""
    source, group = record.said["modelPackageArn"], os.environ["GROUP"]
    bucket, key = os.environ["MODELS_BUCKET"], f"{os.environ['MODEL']}/released/{record.version}/package.json"
    s3, registry = role.client("s3"), role.client("sagemaker")
    if written := _written(s3, bucket, key):
        return written
    description = f"version {record.version} of {source}; record {key_of(os.environ['RECORDS_PREFIX'], record.version)}"
    specification: Document = record.said["specification"]
    (container,) = specification["Containers"]
    created = registry.create_model_package(
        ModelPackageGroupName=group,
        ModelPackageDescription=description,
        InferenceSpecification={**specification, "Containers": [{**container, **copies}]},
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={**record.said["properties"], "source-package": source},
        ClientToken=hashlib.sha256(description.encode()).hexdigest()[:36],
    )
    arn = str(created["ModelPackageArn"])
    body = f"{json.dumps({'modelPackageArn': arn})}\n".encode()
    write_once(s3, bucket=bucket, key=key, body=body, content_type="application/json")
    return arn


def _written(s3: Client, bucket: str, key: str) -> str:
    """The version that an earlier attempt has registered; empty when none has."""
    try:
        found = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if code_of(error) not in _NOT_THERE:
            raise
        return ""
    return str(found["modelPackageArn"])
