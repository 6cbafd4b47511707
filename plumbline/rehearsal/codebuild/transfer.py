"""A build's inputs, outputs and parameters, read and written with its service role."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal.codebuild.errors import PhaseFailedError, client_error
from plumbline.rehearsal.codebuild.orders import ArtifactObject
from plumbline.rehearsal.session import Session

# GetParameters takes at most ten names.
_NAMES = 10
# What the pipeline that made an artifact says of it, in the object's metadata.
_REVISION = "codepipeline-revision-id"
# CreateProject: "If you don't specify a value, CodeBuild uses the managed CMK for Amazon S3".
MANAGED_KEY = "alias/aws/s3"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Downloaded:
    """An input on this machine.

    Attributes:
        archive: The ZIP archive.
        revision: The revision that the object names, or else the object's version or entity tag.
    """

    archive: Path
    revision: str


def download(artifact: ArtifactObject, *, session: Session, folder: Path) -> Downloaded:
    """Fetches an input.

    Raises:
        PhaseFailedError: The role may not, or there is none; the words are CodeBuild's.
    """
    archive = folder / f"{artifact.name}.zip"
    try:
        answer = session.client("s3").get_object(Bucket=artifact.bucket, Key=artifact.key)
        archive.write_bytes(answer["Body"].read())
    except (ClientError, BotoCoreError) as error:
        raise client_error(f"error while downloading key {artifact.key}, error: {said(error)}") from error
    revision = answer.get("Metadata", {}).get(_REVISION) or answer.get("VersionId") or answer["ETag"].strip('"')
    return Downloaded(archive=archive, revision=str(revision))


def upload(artifact: ArtifactObject, archive: Path, *, session: Session, key: str) -> None:
    """Writes an output, encrypted.

    Args:
        artifact: Where it goes.
        archive: The ZIP archive.
        session: The role.
        key: The project's key.

    Raises:
        PhaseFailedError: The role may not.
    """
    chosen = key if not key.endswith(MANAGED_KEY) else artifact.kms_key
    encryption = {"ServerSideEncryption": "aws:kms", **({"SSEKMSKeyId": chosen} if chosen else {})}
    try:
        session.client("s3").put_object(
            Bucket=artifact.bucket,
            Key=artifact.key,
            Body=archive.read_bytes(),
            ContentType="application/zip",
            **encryption,
        )
    except (ClientError, BotoCoreError) as error:
        raise client_error(f"Error in UPLOAD_ARTIFACTS phase: [{artifact.name}: [{said(error)}]]") from error


def read_parameters(names: Sequence[str], *, session: Session) -> Mapping[str, str]:
    """The values of SSM parameters, secure ones in the clear.

    Raises:
        PhaseFailedError: The role may not, or one is not there.
    """
    found: dict[str, str] = {}
    for first in range(0, len(names), _NAMES):
        some = list(names[first : first + _NAMES])
        try:
            answer = session.client("ssm").get_parameters(Names=some, WithDecryption=True)
        except (ClientError, BotoCoreError) as error:
            raise PhaseFailedError("Decrypted Variables Error", said(error)) from error
        if answer["InvalidParameters"]:
            raise PhaseFailedError(
                "Decrypted Variables Error", f"parameter does not exist: {', '.join(answer['InvalidParameters'])}"
            )
        found |= {one["Name"]: one["Value"] for one in answer["Parameters"]}
    return found


def said(error: ClientError | BotoCoreError) -> str:
    """An error as CodeBuild repeats it: AWS's name of it, its words, the status."""
    if isinstance(error, ClientError):
        described = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        return f"{described.get('Code')}: {described.get('Message')} status code: {status}"
    return str(error)
