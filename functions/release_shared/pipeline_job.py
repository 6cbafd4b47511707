"""A job that CodePipeline has a function do, and the answer to it.

Source: CodePipeline user guide, "AWS Lambda invoke action reference".
"""

from collections.abc import Callable
from typing import Any

import boto3
from record import RefusedError

# API reference, FailureDetails: a message has at most 5,000 characters, and here it is one sentence.
_MESSAGE_LIMIT = 1_000
Event = dict[str, Any]


def told(event: Event) -> str:
    """What the pipeline's definition tells the function (`UserParameters`)."""
    return str(event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"].get("UserParameters", ""))


def artifact(event: Event) -> bytes:
    """The job's one artifact, read with the credentials that CodePipeline lends for it."""
    data = event["CodePipeline.job"]["data"]
    lent, (only,) = data["artifactCredentials"], data["inputArtifacts"]
    where = only["location"]["s3Location"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=lent["accessKeyId"],
        aws_secret_access_key=lent["secretAccessKey"],
        aws_session_token=lent["sessionToken"],
    )
    content: bytes = s3.get_object(Bucket=where["bucketName"], Key=where["objectKey"])["Body"].read()
    return content


def answer(event: Event, work: Callable[[], dict[str, str]]) -> None:
    """Does the work of a job and tells CodePipeline how it ended.

    Args:
        event: What the function was called with.
        work: Gives the action's output variables.

    Raises:
        Exception: Whatever the work raises, except `RefusedError`: it belongs into the log.
    """
    client, job = boto3.client("codepipeline"), event["CodePipeline.job"]["id"]
    try:
        said = work()
    except RefusedError as refusal:
        print(f"refused: {refusal}")
        _failed(client, job, str(refusal))
    except Exception as error:
        _failed(client, job, f"{type(error).__name__}: {error}")
        raise
    else:
        client.put_job_success_result(jobId=job, outputVariables=said)


def _failed(client: Any, job: str, why: str) -> None:
    details = {"type": "JobFailed", "message": why[:_MESSAGE_LIMIT]}
    client.put_job_failure_result(jobId=job, failureDetails=details)
