"""Objects in S3 that a release depends on: whether they are there, in which version, and can be read."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from refusal import RefusedError
from role import code_of, message_of

Client = Any
# "Error responses", S3 API reference: a key that is missing, and one whose absence the caller may not know of.
_GONE = {"404", "NoSuchKey", "NoSuchVersion", "NoSuchBucket"}
_HIDDEN = {"403", "AccessDenied"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """A version of an object.

    Attributes:
        version: Its id.
        etag: Its entity tag, without quotes.
        size: Its bytes.
    """

    version: str
    etag: str
    size: int


def place(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI.

    Raises:
        RefusedError: It is none.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise RefusedError(f"{uri} is no object in S3")
    return bucket, key


def look(s3: Client, uri: str, *, what: str) -> Stored:
    """Looks at the current version of an object, and reads its first byte, for only that needs its key.

    `HeadObject` answers without the key (S3 user guide, "Protecting data with server-side encryption": metadata is not
    encrypted), so it would not tell of one that is disabled or going to be deleted.

    Args:
        s3: Who looks.
        uri: Where the object is.
        what: What it is, e.g. `artifact`.

    Raises:
        RefusedError: It is gone, empty, without a version, or cannot be read.
    """
    bucket, key = place(uri)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, Range="bytes=0-0")
        answer["Body"].close()
    except ClientError as error:
        raise _refusal(error, f"{what} {uri}") from error
    version = _kept_version(answer.get("VersionId", "null"), f"{what} {uri}")
    size = int(answer["ContentRange"].rpartition("/")[2])
    return Stored(version=version, etag=answer["ETag"].strip('"'), size=size)


def refuse_replaced(s3: Client, artifact: Mapping[str, Any], *, version: int) -> None:
    """Refuses an artifact whose object has another current version than the recorded one.

    An endpoint of staging takes the current one, so only then is what was checked there what is copied.

    Args:
        s3: Who looks.
        artifact: What the record says of it.
        version: The version of the model.

    Raises:
        RefusedError: It was replaced, is gone, or cannot be read.
    """
    found = look(s3, artifact["uri"], what="artifact")
    if (found.version, found.etag, found.size) != (artifact["versionId"], artifact["eTag"], artifact["size"]):
        raise RefusedError(f"the artifact {artifact['uri']} of version {version} was replaced after it was recorded")


def read(s3: Client, uri: str, *, what: str, limit: int, version: str = "") -> bytes:
    """Reads an object.

    Args:
        s3: Who reads.
        uri: Where it is.
        what: What it is.
        limit: The most bytes that it may have.
        version: Which version; the current one when left out.

    Raises:
        RefusedError: It is gone, too large, or cannot be read.
    """
    return _got(s3, uri, what=what, limit=limit, version=version)[0]


def read_registered(s3: Client, uri: str, *, what: str, limit: int, digest: str) -> tuple[bytes, str]:
    """Reads what a version of a model was registered with; another run's jobs may have written there since.

    Args:
        s3: Who reads.
        uri: Where it is.
        what: What it is.
        limit: The most bytes that it may have.
        digest: `sha256:` and the digest that it was registered with.

    Returns:
        The content, and the id of the object's version.

    Raises:
        RefusedError: It is gone, too large, another, without a version, or cannot be read.
    """
    content, version = _got(s3, uri, what=what, limit=limit)
    if digest.lower() != f"sha256:{hashlib.sha256(content).hexdigest()}":
        raise RefusedError(f"the {what} {uri} was replaced after the version was registered")
    return content, _kept_version(version, f"{what} {uri}")


def _got(s3: Client, uri: str, *, what: str, limit: int, version: str = "") -> tuple[bytes, str]:
    bucket, key = place(uri)
    chosen = {"VersionId": version} if version else {}
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, **chosen)
    except ClientError as error:
        raise _refusal(error, f"{what} {uri}") from error
    with answer["Body"] as body:
        if answer["ContentLength"] > limit:
            raise RefusedError(f"the {what} {uri} has {answer['ContentLength']} bytes; accepted: {limit}")
        content: bytes = body.read()
    return content, answer.get("VersionId", "null")


def _kept_version(version: str, what: str) -> str:
    if version == "null":
        raise RefusedError(f"the {what} has no version: its bucket must keep versions")
    return version


def _refusal(error: ClientError, what: str) -> Exception:
    code = code_of(error)
    if code in _GONE:
        return RefusedError(f"the {what} is gone")
    if code in _HIDDEN:
        return RefusedError(f"the {what} is gone or may not be read: {message_of(error)}")
    if code.startswith("KMS"):
        return RefusedError(f"the key of the {what} is gone: {message_of(error)}")
    if code == "InvalidRange":
        return RefusedError(f"the {what} is empty")
    return error
