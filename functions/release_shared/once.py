"""Writing an object that must not be there yet.

Source: S3 user guide, "How to prevent object overwrites with conditional writes": 412 when it is there, 409 when it is
being written or deleted at this moment, and then the request may be made again.
"""

import time
from typing import Any

from botocore.exceptions import ClientError

from refusal import RefusedError
from role import code_of

Client = Any
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.2


def write_once(s3: Client, *, bucket: str, key: str, body: bytes, content_type: str) -> str:
    """Writes an object unless there is one.

    Args:
        s3: Who writes.
        bucket: The bucket, which keeps versions.
        key: The key.
        body: What it holds.
        content_type: What that is.

    Returns:
        The version that was written; empty when the object was there, whatever it holds.

    Raises:
        RefusedError: It has been written by somebody else all the time.
    """
    for attempt in range(_ATTEMPTS):
        try:
            written = s3.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
            )
            return str(written["VersionId"])
        except ClientError as error:
            if code_of(error) == "PreconditionFailed":
                return ""
            if code_of(error) != "ConditionalRequestConflict":
                raise
            time.sleep(_PAUSE_SECONDS * 2**attempt)
    raise RefusedError(f"{key} in {bucket} is being written by somebody else")
