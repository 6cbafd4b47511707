"""Verifies the record of a release against its code and the registry, and rejects what an older release waits for."""

import os
from typing import Any

import boto3
from botocore.exceptions import ClientError
from pipeline_job import Event, answer, artifact, told
from record import Record, RefusedError, verified
from registry import container_of, in_repository, look_at
from roles import taken

_ANSWERED_MEANWHILE = frozenset({"ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"})
# User guide, "Variables reference": a value of an output variable has at most 2,048 characters.
_SUMMARY_LIMIT = 1_000


def handler(event: Event, context: object) -> None:  # noqa: ARG001 - as Lambda calls it
    """Does CodePipeline's job; the pipeline's definition tells the id of its execution.

    Args:
        event: The job, with the record as its artifact.
        context: Of no use here.
    """
    answer(event, lambda: _verify(event))


def _verify(event: Event) -> dict[str, str]:
    record = verified(
        artifact(event), model=os.environ["MODEL"], key=os.environ["MAC_KEY_ARN"], kms=boto3.client("kms")
    )
    _hold_against_the_registry(record)
    _reject_older(told(event), record.version)
    said = record.said
    summary = (
        f"version {record.version}, commit {said['commit'][:12] or 'unknown'}, dataset "
        f"{said['dataset']['version'] or 'unknown'}, approved by {said['approval']['by'] or 'unknown'}"
    )
    return {
        "PackageArn": said["modelPackageArn"],
        "Version": str(record.version),
        "Summary": summary[:_SUMMARY_LIMIT],
    }


def _hold_against_the_registry(record: Record) -> None:
    said, reading = record.said, taken(os.environ["READER_ROLE_ARN"], name="verifier")
    arn = f"{os.environ['VERSIONS_ARN']}{record.version}"
    if said["modelPackageArn"] != arn:
        raise RefusedError(f"the record is of {said['modelPackageArn']}; accepted: {arn}")
    package = reading.client("sagemaker").describe_model_package(ModelPackageName=arn)
    if package["ModelApprovalStatus"] != "Approved":
        raise RefusedError(f"version {record.version} is {package['ModelApprovalStatus']} now; accepted: Approved")
    image, uri = container_of(package)
    if uri != said["artifact"]["uri"]:
        raise RefusedError(f"version {record.version} names the artifact {uri}; recorded: {said['artifact']['uri']}")
    if not in_repository(image, os.environ["REPOSITORY"]) or said["image"]["digest"] != _digest_of(image, said):
        raise RefusedError(f"version {record.version} names the image {image}; recorded: {said['image']['uri']}")
    found = look_at(reading.client("s3"), uri, what="the artifact")
    if found.version_id != said["artifact"]["versionId"]:
        raise RefusedError(f"the artifact {uri} was replaced after the record was made")


def _digest_of(image: str, said: dict[str, Any]) -> str:
    """The digest that an image names; of a tag, which the repository never moves, the one that was recorded."""
    return image.partition("@")[2] or str(said["image"]["digest"])


def _reject_older(execution: str, version: int) -> None:
    """This execution has the stage before the approval to itself, so what waits there is of an older one."""
    client, names = boto3.client("codepipeline"), os.environ
    for stage in client.get_pipeline_state(name=names["PIPELINE"])["stageStates"]:
        if stage["stageName"] != names["APPROVAL_STAGE"]:
            continue
        if stage.get("latestExecution", {}).get("pipelineExecutionId") == execution:
            continue
        for action in stage["actionStates"]:
            latest = action.get("latestExecution", {})
            if action["actionName"] == names["APPROVAL_ACTION"] and latest.get("status") == "InProgress":
                _reject(client, str(latest["token"]), f"superseded by version {version}")


def _reject(client: Any, token: str, why: str) -> None:
    try:
        client.put_approval_result(
            pipelineName=os.environ["PIPELINE"],
            stageName=os.environ["APPROVAL_STAGE"],
            actionName=os.environ["APPROVAL_ACTION"],
            token=token,
            result={"summary": why, "status": "Rejected"},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ANSWERED_MEANWHILE:
            raise
