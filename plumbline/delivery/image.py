"""The runtime image: built when its content has changed, and pushed under the hash of that content."""

import base64
import subprocess
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions

from plumbline.configuration import Platform, runtime_tag
from plumbline.errors import PlumblineError

# SageMaker hosting refuses an index of several manifests, which attestations would make of the image.
_ONE_MANIFEST = ("--platform", "linux/amd64", "--provenance=false", "--sbom=false")


def deliver_image(root: Path, platform: Platform, session: boto3.Session) -> str:
    """Builds and pushes the runtime image, unless the repository has it.

    Args:
        root: The checkout.
        platform: The configuration.
        session: Who pushes.

    Returns:
        What was done, in a sentence.

    Raises:
        PlumblineError: The image cannot be built or pushed.
    """
    tag = runtime_tag(root)
    client = session.client("ecr")
    repository = platform.runtime_repository
    found = _digest(client, repository, tag)
    if found:
        return f"{repository}:{tag} is there: {found}"
    uri = platform.runtime_image(tag)
    given = client.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    registry = uri.partition("/")[0]
    _docker(root, "login", "--username", user, "--password-stdin", registry, given=password)
    _docker(root, "build", *_ONE_MANIFEST, "--tag", uri, "runtime")
    _docker(root, "push", uri)
    pushed = _digest(client, repository, tag)
    if not pushed:
        raise PlumblineError(f"{uri} was pushed, and the repository does not have it", exit_code=1)
    return f"{repository}:{tag} is new: {pushed}"


def _digest(client: Any, repository: str, tag: str) -> str:
    """The digest of an image; empty when there is none."""
    try:
        found = client.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return ""
        raise PlumblineError(f"the repository {repository} cannot be read: {error}", exit_code=1) from error
    return str(found[0]["imageDigest"])


def _docker(root: Path, *words: str, given: str | None = None) -> None:
    try:
        done = subprocess.run(["docker", *words], cwd=root, input=given, text=True, check=False)
    except FileNotFoundError:
        raise PlumblineError("docker is not installed; accepted: a build that may build images.", exit_code=1) from None
    if done.returncode != 0:
        raise PlumblineError(f"docker {words[0]} failed with exit code {done.returncode}", exit_code=1)
