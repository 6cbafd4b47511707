"""Repositories of container images, and the images in them."""

import dataclasses
import re
from typing import Any

from botocore.exceptions import ClientError

from refusal import RefusedError
from role import code_of

Client = Any
_URI = re.compile(r"(?P<registry>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(?P<name>[^:@]+)")
_IMAGE = re.compile(r":(?P<tag>[^:@/]+)|@(?P<digest>sha256:[0-9a-f]{64})")


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository.

    Attributes:
        uri: Its URI, without a tag.
    """

    uri: str

    @property
    def where(self) -> dict[str, str]:
        """The members of a request that name it."""
        found = _URI.fullmatch(self.uri)
        if found is None:
            raise RefusedError(f"{self.uri} is no repository of Amazon ECR")
        return {"registryId": found["registry"], "repositoryName": found["name"]}

    def named(self, image: str) -> dict[str, str]:
        """The tag or the digest by which an image of the repository is named, as ECR's requests take it.

        Raises:
            RefusedError: It is an image of another repository, or named by neither.
        """
        found = _IMAGE.fullmatch(image.removeprefix(self.uri)) if image.startswith(self.uri) else None
        if found is None:
            raise RefusedError(f"the image {image} is not of the repository {self.uri}")
        return {"imageTag": found["tag"]} if found["tag"] else {"imageDigest": found["digest"]}

    def look(self, ecr: Client, named: dict[str, str]) -> tuple[str, list[str]]:
        """Digest and tags of an image.

        Raises:
            RefusedError: It is not there.
        """
        try:
            (found,) = ecr.describe_images(**self.where, imageIds=[named])["imageDetails"]
        except ClientError as error:
            if code_of(error) != "ImageNotFoundException":
                raise
            raise RefusedError(f"the image {next(iter(named.values()))} is gone from {self.uri}") from error
        return str(found["imageDigest"]), sorted(found.get("imageTags", []))
