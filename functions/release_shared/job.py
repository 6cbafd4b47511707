"""A job of CodePipeline: what an invoked function is given, and how it says how the job ended.

Source: CodePipeline user guide, "AWS Lambda invoke action reference". Lambda calls a function again that has raised or
whose time was up (developer guide, "Asynchronous invocation"). A job that was told that it failed is over, and a second
call would do the work of a release that no longer is one, so then nothing is raised; the answer to a job that has ended
is refused, which is no error.
"""

import dataclasses
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from record import LIMIT
from refusal import RefusedError
from role import code_of
from stored import read

Document = dict[str, Any]
Client = Any
# API reference, FailureDetails: a message has at most 5,000 characters; a person reads less.
_MESSAGE = 1_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a job.

    Attributes:
        summary: It in a sentence.
        variables: What later actions of the pipeline may read.
    """

    summary: str
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Job:
    """A job.

    Args:
        data: The event's `data`.
    """

    def __init__(self, data: Document) -> None:
        self._data = data

    @property
    def told(self) -> str:
        """The action's user parameters."""
        return str(self._data["actionConfiguration"]["configuration"]["UserParameters"])

    def archive(self) -> bytes:
        """The input artifact, a record's archive, read with the credentials that came with the job."""
        (artifact,) = self._data["inputArtifacts"]
        given, where = self._data["artifactCredentials"], artifact["location"]["s3Location"]
        s3 = boto3.client(
            "s3",
            aws_access_key_id=given["accessKeyId"],
            aws_secret_access_key=given["secretAccessKey"],
            aws_session_token=given["sessionToken"],
        )
        return read(s3, f"s3://{where['bucketName']}/{where['objectKey']}", what="artifact", limit=LIMIT)


def answer(event: Document, work: Callable[[Job], Outcome]) -> dict[str, str]:
    """Does the work of a job, and says how it ended.

    Args:
        event: What Lambda was called with.
        work: Does it.

    Returns:
        What was said, under `said`.

    Raises:
        ClientError: The job cannot be told how it ended.
    """
    job = event["CodePipeline.job"]
    pipelines = boto3.client("codepipeline")
    try:
        outcome = work(Job(job["data"]))
        _tell(
            pipelines.put_job_success_result,
            jobId=job["id"],
            outputVariables=dict(outcome.variables),
            executionDetails={"summary": outcome.summary},
        )
    except RefusedError as refusal:
        _fail(pipelines, job["id"], "JobFailed", str(refusal))
        return _told(f"refused: {refusal}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the job fails of it and is told so
        # A variable of the environment or a member of the event that is missing is a fault of who deployed this.
        kind = "ConfigurationError" if isinstance(error, KeyError) else "JobFailed"
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
        _fail(pipelines, job["id"], kind, said)
        return _told(f"failed: {said}")
    return _told(outcome.summary)


def _fail(pipelines: Client, job: str, kind: str, message: str) -> None:
    details = {"type": kind, "message": message[:_MESSAGE]}
    _tell(pipelines.put_job_failure_result, jobId=job, failureDetails=details)


def _tell(put: Callable[..., object], **result: object) -> None:
    try:
        put(**result)
    except ClientError as error:
        if code_of(error) != "InvalidJobStateException":
            raise


def _told(said: str) -> dict[str, str]:
    print(said)
    return {"said": said}
