"""Copying an image from one repository to another, digest by digest, as `docker push` would.

Source: Amazon ECR API reference. All of it can be done again: a layer, an image, a tag that is there already stays.
"""

import hashlib
import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from refusal import RefusedError
from repository import Repository
from role import code_of

Document = dict[str, Any]
Client = Any
_IMAGES = ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"]
_INDEXES = ["application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"]
_ASKED_TOGETHER = 100  # BatchCheckLayerAvailability: layerDigests
_SECONDS = 60.0


def copy_image(ecr: Client, *, source: Repository, target: Repository, digest: str, tag: str) -> None:
    """Copies an image.

    Args:
        ecr: Who may pull from one and push to the other.
        source: Where it is.
        target: Where it is to be as well.
        digest: Its digest, which stays.
        tag: The tag that the copy gets; none when empty.

    Raises:
        RefusedError: It is gone, an index of images, not what its digest says, or the tag is another image's.
    """
    manifest, kind = _manifest(ecr, source, digest)
    described = json.loads(manifest)
    contents = {one["digest"]: int(one["size"]) for one in (described["config"], *described["layers"])}
    for missing in _missing(ecr, target, list(contents)):
        _copy_layer(ecr, source, target, missing, size=contents[missing])
    _put(ecr, target, {"imageManifest": manifest, "imageManifestMediaType": kind, "imageDigest": digest}, tag)


def _manifest(ecr: Client, source: Repository, digest: str) -> tuple[str, str]:
    found = ecr.batch_get_image(
        **source.where, imageIds=[{"imageDigest": digest}], acceptedMediaTypes=[*_IMAGES, *_INDEXES]
    )["images"]
    if not found:
        raise RefusedError(f"the image {digest} is gone from {source.uri}")
    text = str(found[0]["imageManifest"])
    if hashlib.sha256(text.encode()).hexdigest() != digest.removeprefix("sha256:"):
        raise RefusedError(f"the manifest of {source.uri}@{digest} has another digest")
    kind = found[0].get("imageManifestMediaType") or json.loads(text).get("mediaType", "")
    if kind not in _IMAGES:
        raise RefusedError(f"{source.uri}@{digest} is {kind}; accepted: the image of one platform")
    return text, kind


def _missing(ecr: Client, target: Repository, digests: list[str]) -> list[str]:
    """Those that the repository does not have."""
    present: set[str] = set()
    for first in range(0, len(digests), _ASKED_TOGETHER):
        asked = digests[first : first + _ASKED_TOGETHER]
        layers = ecr.batch_check_layer_availability(**target.where, layerDigests=asked)["layers"]
        present |= {layer["layerDigest"] for layer in layers if layer["layerAvailability"] == "AVAILABLE"}
    return [digest for digest in digests if digest not in present]


def _copy_layer(ecr: Client, source: Repository, target: Repository, digest: str, *, size: int) -> None:
    """Takes a layer through this function's memory, a part at a time; ECR holds the whole against its digest."""
    address = str(ecr.get_download_url_for_layer(**source.where, layerDigest=digest)["downloadUrl"])
    if not address.startswith("https://"):
        raise RefusedError(f"the address of the layer {digest} is not https")
    upload = ecr.initiate_layer_upload(**target.where)
    of_upload = {**target.where, "uploadId": upload["uploadId"]}
    first = 0
    with urllib.request.urlopen(address, timeout=_SECONDS) as layer:  # noqa: S310 - https, as was just seen
        while part := layer.read(upload["partSize"]):
            last = first + len(part) - 1
            if last >= size:
                raise RefusedError(f"the layer {digest} has more than the {size} bytes that its manifest says")
            ecr.upload_layer_part(**of_upload, partFirstByte=first, partLastByte=last, layerPartBlob=part)
            first = last + 1
    try:
        ecr.complete_layer_upload(**of_upload, layerDigests=[digest])
    except ClientError as error:
        if code_of(error) != "LayerAlreadyExistsException":
            raise


def _put(ecr: Client, target: Repository, image: Mapping[str, str], tag: str) -> None:
    try:
        ecr.put_image(**target.where, **image, **({"imageTag": tag} if tag else {}))
    except ClientError as error:
        if code_of(error) == "ImageTagAlreadyExistsException":
            taken, _ = target.look(ecr, {"imageTag": tag})
            if taken != image["imageDigest"]:
                raise RefusedError(f"the tag {tag} in {target.uri} is that of another image, {taken}") from error
        elif code_of(error) != "ImageAlreadyExistsException":
            raise
