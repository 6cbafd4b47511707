"""Artifacts: one zip each in the artifact store, read and written in the action's role."""

import io
import json
import zipfile

from botocore.exceptions import ClientError

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import ArtifactObject
from plumbline.rehearsal.codepipeline.roles import Role, failure
from plumbline.rehearsal.codepipeline.work import ActionFailedError


def write(role: Role, artifact: ArtifactObject, content: bytes) -> None:
    """Writes an artifact, encrypted with the store's key.

    Raises:
        ActionFailedError: The role may not.
    """
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": artifact.kms_key} if artifact.kms_key else {}
    try:
        role.client("s3").put_object(Bucket=artifact.bucket, Key=artifact.key, Body=content, **encryption)
    except ClientError as error:
        raise failure(error) from error


def read(role: Role, artifact: ArtifactObject) -> bytes:
    """Reads an artifact.

    Raises:
        ActionFailedError: The role may not, or it is not there.
    """
    try:
        content: bytes = role.client("s3").get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"].read()
    except ClientError as error:
        raise failure(error) from error
    return content


def file_in(content: bytes, artifact: str, path: str) -> str:
    """A text file of an artifact.

    Args:
        content: The zip.
        artifact: The artifact's name, for the error.
        path: The file's path within it.

    Raises:
        ActionFailedError: It is not in there.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(path).decode()
    except KeyError as error:
        raise ActionFailedError(
            "ConfigurationError", f"File [{path}] does not exist in artifact [{artifact}]"
        ) from error
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise ActionFailedError("ConfigurationError", f"Artifact [{artifact}] cannot be read: {error}") from error


def json_in(text: str, what: str) -> Document:
    """A JSON object.

    Raises:
        ActionFailedError: The text is none.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ActionFailedError("ConfigurationError", f"{what} is no valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ActionFailedError("ConfigurationError", f"{what} must be a JSON object")
    return document


def zipped(name: str, text: str) -> bytes:
    """A zip with one text file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def json_list(text: str, what: str) -> list[Document]:
    """A JSON list of objects.

    Raises:
        ActionFailedError: The text is none.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ActionFailedError("ConfigurationError", f"{what} is no valid JSON: {error}") from error
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise ActionFailedError("ConfigurationError", f"{what} must be a list of JSON objects")
    return document
