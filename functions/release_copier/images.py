"""An image copied from one repository to another, layer by layer, with neither a container engine nor a disk."""

import hashlib
import json
import urllib.request
from typing import Any, BinaryIO

from botocore.exceptions import ClientError
from record import RefusedError

_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
_THERE = frozenset({"LayerAlreadyExistsException", "ImageAlreadyExistsException"})
_TIMEOUT_SECONDS = 60.0


def copy_image(ecr: Any, *, source: str, target: str, digest: str) -> None:
    """Copies an image with its tag.

    Args:
        ecr: A client of who may pull from the one and push to the other.
        source: URI of the repository that has it.
        target: URI of the repository that gets it.
        digest: The image's digest.

    Raises:
        RefusedError: It is gone, is a list of images, or arrives as something else.
    """
    found = _images(ecr, source, digest)
    if not found:
        raise RefusedError(f"the image {source}@{digest} is gone")
    if _images(ecr, target, digest):
        return
    image = found[0]
    kind, text = image.get("imageManifestMediaType") or _MANIFESTS[0], str(image["imageManifest"])
    manifest = json.loads(text)
    if kind not in _MANIFESTS or "layers" not in manifest:
        raise RefusedError(f"the image {source}@{digest} is a {kind}; accepted: an image for one platform")
    for layer in [*manifest["layers"], manifest["config"]]:
        _copy_layer(ecr, source, target, layer)
    tag = image["imageId"].get("imageTag")
    try:
        ecr.put_image(
            **_where(target),
            imageManifest=text,
            imageManifestMediaType=kind,
            imageDigest=digest,
            **({"imageTag": tag} if tag else {}),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _THERE:
            raise


def _images(ecr: Any, repository: str, digest: str) -> list[dict[str, Any]]:
    chosen = ecr.batch_get_image(
        **_where(repository), imageIds=[{"imageDigest": digest}], acceptedMediaTypes=list(_MANIFESTS)
    )
    images: list[dict[str, Any]] = chosen["images"]
    return images


def _where(repository: str) -> dict[str, str]:
    host, _, name = repository.partition("/")
    return {"registryId": host.partition(".")[0], "repositoryName": name}


def _copy_layer(ecr: Any, source: str, target: str, layer: dict[str, Any]) -> None:
    digest = layer["digest"]
    available = ecr.batch_check_layer_availability(**_where(target), layerDigests=[digest])["layers"]
    if any(one["layerAvailability"] == "AVAILABLE" for one in available):
        return
    address = ecr.get_download_url_for_layer(**_where(source), layerDigest=digest)["downloadUrl"]
    upload = ecr.initiate_layer_upload(**_where(target))
    with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as content:  # noqa: S310 - ECR's own address, https
        sent = _send(ecr, target, content, upload_id=upload["uploadId"], part_size=int(upload["partSize"]))
    if sent != digest:
        raise RefusedError(f"the layer {digest} of {source} arrived as {sent}")
    try:
        ecr.complete_layer_upload(**_where(target), uploadId=upload["uploadId"], layerDigests=[digest])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _THERE:
            raise


def _send(ecr: Any, target: str, content: BinaryIO, *, upload_id: str, part_size: int) -> str:
    """Sends a layer in parts and gives its digest."""
    summed, first = hashlib.sha256(), 0
    while part := content.read(part_size):
        ecr.upload_layer_part(
            **_where(target),
            uploadId=upload_id,
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
        summed.update(part)
        first += len(part)
    return f"sha256:{summed.hexdigest()}"
