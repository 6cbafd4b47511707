"""Verifies a release record before anything is deployed, and rejects the approval that an older release waits for.

What the record says must still be so: the version is approved, it names the artifact and image that were recorded, and
the artifact is the recorded version of its object and can be read. An approval that waits keeps its stage, and no newer
release passes (CodePipeline user guide, "How pipeline executions work"); so the newer rejects it.
"""

import os
from typing import Any

import boto3
from botocore.exceptions import ClientError

from job import Job, Outcome, answer
from record import Record, specification_of, verified
from refusal import RefusedError
from role import Document, Role, code_of, message_of
from stored import refuse_replaced

# Summary becomes part of an approval's text, of at most 1,000 characters with what stands before it (user guide,
# "Manual approval action reference").
_SUMMARY = 900
# PutApprovalResult: somebody was faster, or the approval's time is up.
_ANSWERED = {"ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"}


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Answers a job of CodePipeline; its user parameters are the id of the pipeline's execution.

    Returns:
        What was said, under `said`. The job's variables are `PackageArn`, `Version` and `Summary`.
    """
    return answer(event, _verify)


def _verify(job: Job) -> Outcome:
    record = verified(job.archive(), model=os.environ["MODEL"], kms=boto3.client("kms"), key=os.environ["MAC_KEY_ARN"])
    reader = Role(arn=os.environ["READER_ROLE_ARN"], session="verifier")
    _compare_package(record, _package(record, reader))
    refuse_replaced(reader.client("s3"), record.said["artifact"], version=record.version)
    _reject_waiting(record, own=job.told)
    summary = _summary(record)
    variables = {"PackageArn": record.said["modelPackageArn"], "Version": str(record.version), "Summary": summary}
    return Outcome(summary=summary, variables=variables)


def _package(record: Record, reader: Role) -> Document:
    arn, expected = record.said["modelPackageArn"], f"{os.environ['VERSIONS_ARN']}{record.version}"
    if arn != expected:
        raise RefusedError(f"the record of version {record.version} is of {arn}; accepted: {expected}")
    try:
        package: Document = reader.client("sagemaker").describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        # SageMaker answers so for a package that is not there (API reference, DescribeModelPackage, examples).
        if code_of(error) != "ValidationException":
            raise
        raise RefusedError(f"version {record.version} is not in the registry: {message_of(error)}") from error
    return package


def _compare_package(record: Record, package: Document) -> None:
    status = package["ModelApprovalStatus"]
    if status != "Approved":
        raise RefusedError(f"version {record.version} was approved and now is {status}")
    containers = package["InferenceSpecification"]["Containers"]
    named = [(container.get("ModelDataUrl"), container.get("Image")) for container in containers]
    artifact, image = record.said["artifact"], record.said["image"]
    if named != [(artifact["uri"], image["named"])]:
        raise RefusedError(f"version {record.version} names another artifact or image than its record")
    if specification_of(package) != record.said["specification"]:
        raise RefusedError(f"version {record.version} is served in another way than its record says")
    if not image["uri"].startswith(f"{os.environ['REPOSITORY']}@"):
        raise RefusedError(f"the image {image['uri']} is not of the repository {os.environ['REPOSITORY']}")


def _reject_waiting(record: Record, *, own: str) -> None:
    """Rejects the approval that another execution waits for, if there is one."""
    pipeline, stage, action = (os.environ[name] for name in ("PIPELINE", "APPROVAL_STAGE", "APPROVAL_ACTION"))
    pipelines = boto3.client("codepipeline")
    states = pipelines.get_pipeline_state(name=pipeline)["stageStates"]
    (state,) = [one for one in states if one["stageName"] == stage]
    if state.get("latestExecution", {}).get("pipelineExecutionId", own) == own:
        return
    (approval,) = [one.get("latestExecution", {}) for one in state["actionStates"] if one["actionName"] == action]
    if approval.get("status") != "InProgress" or "token" not in approval:
        return
    try:
        pipelines.put_approval_result(
            pipelineName=pipeline,
            stageName=stage,
            actionName=action,
            token=approval["token"],
            result={"summary": f"superseded by version {record.version}", "status": "Rejected"},
        )
    except ClientError as error:
        if code_of(error) not in _ANSWERED:
            raise


def _summary(record: Record) -> str:
    said = record.said
    parts = [
        f"version {record.version}",
        f"commit {said['commit'][:7] or 'unknown'}",
        f"dataset {said['dataset']['uri'] or 'unknown'}",
        f"approved by {said['approval']['by'] or 'unknown'}",
    ]
    if said["approval"]["description"]:
        parts.append(said["approval"]["description"])
    return ", ".join(parts)[:_SUMMARY]
