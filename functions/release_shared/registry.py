"""What the model registry says of a version, and whether what it names is there."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from record import RefusedError

_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NoSuchBucket"})


@dataclass(frozen=True)
class S3Object:
    """A version of an object.

    Attributes:
        bucket: Its bucket.
        key: Its key.
        version_id: Which version.
        etag: S3's tag of its content.
        size: Bytes.
    """

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int

    def as_json(self) -> dict[str, Any]:
        """As a record has it."""
        return {
            "uri": f"s3://{self.bucket}/{self.key}",
            "versionId": self.version_id,
            "eTag": self.etag,
            "size": self.size,
        }


def container_of(package: dict[str, Any]) -> tuple[str, str]:
    """Image and artifact of a registered version.

    Raises:
        RefusedError: It has not exactly one container with both.
    """
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise RefusedError(f"{package['ModelPackageArn']} has {len(containers)} containers; accepted: 1")
    (container,) = containers
    artifact = container.get("ModelDataUrl") or container.get("ModelDataSource", {}).get("S3DataSource", {}).get(
        "S3Uri"
    )
    if not artifact:
        raise RefusedError(f"{package['ModelPackageArn']} names no artifact")
    return str(container["Image"]), str(artifact)


def located(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def look_at(s3: Any, uri: str, *, what: str) -> S3Object:
    """The present version of an object, of which one byte has been read: so its key is there as well.

    Args:
        s3: A client of who may read it.
        uri: Where it is.
        what: What it is, for the sentence.

    Raises:
        RefusedError: It is gone, or cannot be opened.
    """
    bucket, key = located(uri)
    try:
        found = s3.get_object(Bucket=bucket, Key=key, Range="bytes=0-0")
        found["Body"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE:
            raise RefusedError(f"{what} {uri} is gone") from error
        raise RefusedError(f"{what} {uri} cannot be opened, it or its key: {code}") from error
    size = int(str(found.get("ContentRange", "")).rpartition("/")[2] or found["ContentLength"])
    return S3Object(bucket, key, str(found["VersionId"]), str(found["ETag"]).strip('"'), size)


def in_repository(image: str, repository: str) -> bool:
    """Whether an image is one of a repository."""
    return image.startswith((f"{repository}:", f"{repository}@"))
