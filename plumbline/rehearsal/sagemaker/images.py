"""From an image's URI to what stands in for it on this machine, by way of the registry as AWS pulls it."""

import dataclasses
import json
import re
import urllib.request
from pathlib import Path

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.options import Options
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession

LABEL = "plumbline.runtime"
_URI = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+)|@(?P<digest>sha256:[0-9a-f]{64}))"
)
_SECONDS = 30.0
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """What stands in for a container image.

    Attributes:
        entry_point: The image's own entry point; a job may name another.
        environment: The image's variables; its ``PATH`` leads to the stand-in's interpreter first.
        directory: The folder that the process starts in; None for the job's own.
        digest: The digest of the manifest, empty for an image that is not in the registry.
    """

    entry_point: tuple[str, ...]
    environment: dict[str, str]
    directory: Path | None
    digest: str = ""


def resolve(uri: str, *, session: RoleSession, options: Options) -> Image:
    """Finds what stands in for an image, pulling it with the job's role as AWS does.

    An image of ``options.external_images`` is taken as it is: AWS owns those registries, and a role needs no
    permission of its own for them.

    Raises:
        PlatformError: The registry or the image is not there, or nothing on this machine stands in for it.
        botocore.exceptions.ClientError: The role may not pull it.
    """
    for prefix, folder in options.external_images.items():
        if uri.startswith(prefix):
            return Image(entry_point=(), environment=_environment({}, folder), directory=None)
    found = _URI.fullmatch(uri)
    if found is None:
        raise PlatformError(f"ClientError: {uri} is no image of an Amazon ECR registry")
    digest, config = _pull(found, session)
    tag = (config.get("Labels") or {}).get(LABEL)
    folder = options.images / str(tag)
    if not tag or not folder.is_dir():
        raise PlatformError(
            f"ClientError: nothing on this machine stands in for image {uri}: its label {LABEL} is {tag!r}"
        )
    variables = dict(item.split("=", 1) for item in config.get("Env") or [])
    return Image(
        entry_point=tuple(config.get("Entrypoint") or ()),
        environment=_environment(variables, folder / "venv"),
        directory=folder / "program",
        digest=digest,
    )


def _pull(uri: re.Match[str], session: RoleSession) -> tuple[str, Document]:
    """Asks the registry for an image's manifest and configuration; its layers are what the stand-in replaces."""
    client = session.client("ecr")
    where = {"registryId": uri["registry"], "repositoryName": uri["repository"]}
    image_id = {"imageTag": uri["tag"]} if uri["tag"] else {"imageDigest": uri["digest"]}
    client.get_authorization_token()
    found = client.batch_get_image(**where, imageIds=[image_id])["images"]
    if not found:
        raise PlatformError(
            f"ClientError: CannotPullContainerError: image {uri[0]} does not exist in registry {uri['registry']}"
        )
    manifest = json.loads(found[0]["imageManifest"])
    config = manifest["config"]["digest"]
    layers = [config, *(layer["digest"] for layer in manifest.get("layers", []))]
    client.batch_check_layer_availability(**where, layerDigests=layers)
    _take_layers(session)
    addresses = [client.get_download_url_for_layer(**where, layerDigest=layer)["downloadUrl"] for layer in layers]
    with urllib.request.urlopen(addresses[0], context=session.tls, timeout=_SECONDS) as answer:  # noqa: S310 - https
        described = json.load(answer)
    return str(found[0]["imageId"]["imageDigest"]), described.get("config") or {}


def _take_layers(session: RoleSession) -> None:
    """Layers come from a bucket of Amazon's, by addresses that ECR signs, and through the VPC's endpoint for S3.

    Source: ECR user guide, "Amazon ECR interface VPC endpoints", "Minimum Amazon S3 Bucket Permissions for Amazon ECR".

    Raises:
        PlatformError: The endpoint's policy does not let them through.
    """
    scope = session.scope
    bucket = f"arn:{scope.partition}:s3:::prod-{scope.region}-starport-layer-bucket"
    try:
        enforcement.authorize_for_stranger(
            session=session.caller, stranger="ecr.amazonaws.com", action="s3:GetObject", resource=f"{bucket}/layer"
        )
    except enforcement.AccessDenied as error:
        raise PlatformError(f"ClientError: CannotPullContainerError: {error}") from error


def _environment(variables: dict[str, str], venv: Path) -> dict[str, str]:
    """The image's variables, with the paths of its own file system left behind."""
    kept = {name: value for name, value in variables.items() if name not in ("PATH", "VIRTUAL_ENV", "PYTHONPATH")}
    return {**kept, "PATH": f"{venv / 'bin'}:{_SYSTEM_PATH}"}
