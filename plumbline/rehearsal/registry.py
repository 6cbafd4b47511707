"""The container registry's layer API, which MiniStack answers without keeping a byte, and registries across accounts.

A pushed layer is kept where the emulator's Docker Registry API reads it, and its digest is verified. A request that
names another account's registry is answered by that account's registry, once the policies have let it through. The
Docker Registry API itself, which the emulator serves to anybody, serves only what a download address leads to.
"""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping

from ministack import app
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, request_scope
from ministack.services import ecr

from plumbline.rehearsal.options import ServerOptions

# API_UploadLayerPart: up to 20 MB a part. A layer is kept in memory.
_PART_BYTES = 20 * 1024 * 1024
_LAYER_BYTES = 512 * 1024 * 1024

Request = Mapping[str, object]
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]


def register(options: ServerOptions) -> None:
    """Puts the registry's missing parts into the emulator of this process."""
    ecr._describe_images = _describe_images
    ecr._put_image = _put_image
    ecr._upload_layer_part = _upload_layer_part
    ecr._complete_layer_upload = _complete_layer_upload
    ecr._batch_check_layer_availability = _batch_check_layer_availability
    ecr._get_download_url_for_layer = lambda request: _get_download_url_for_layer(request, options.endpoint)
    app.SERVICE_HANDLERS["ecr"] = _in_named_registry(app.SERVICE_HANDLERS["ecr"])
    ecr.handle_registry_request = _downloads_only(ecr.handle_registry_request)


_own_describe_images = ecr._describe_images


def _describe_images(request: Request) -> Answer:
    """Stands in for the emulator's own, which leaves out what it does not have (API_DescribeImages, Errors)."""
    name, asked = str(request.get("repositoryName", "")), request.get("imageIds")
    for wanted in asked if isinstance(asked, list) else []:
        if name in ecr._repositories and ecr._find_image(name, wanted) is None:
            digest, tag = (wanted.get(member, "null") for member in ("imageDigest", "imageTag"))
            return _error(
                "ImageNotFoundException",
                f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
                f"repository with name '{name}' in the registry with id '{get_account_id()}'",
            )
    answer: Answer = _own_describe_images(request)
    return answer


_own_put_image = ecr._put_image


def _put_image(request: Request) -> Answer:
    """Stands in for the emulator's own, which believes what it is told (API_PutImage, Errors).

    Layers are looked for as ECR looks for them: in the repository. What ECR says of an image that lacks one is not
    documented word by word.
    """
    name, manifest, tag = (str(request.get(member) or "") for member in ("repositoryName", "imageManifest", "imageTag"))
    if missing := _missing(name):
        return missing
    layers = _layers(manifest)
    if layers is None:
        return _error(
            "InvalidParameterException",
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'an image of one platform' (the "
            "rehearsal keeps no other)",
        )
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    asked = request.get("imageDigest") or digest
    if asked != digest:
        return _error(
            "ImageDigestDoesNotMatchException",
            f"The supplied image digest '{asked}' does not match the digest '{digest}' of the image's manifest",
        )
    if lacking := [one for one in layers if one not in ecr._layer_blobs.get(name, {})]:
        return _error(
            "LayersNotFoundException",
            f"Layers with digests '[{', '.join(lacking)}]' required for pushing image into repository with name "
            f"'{name}' in the registry with id '{get_account_id()}' do not exist",
        )
    present = ecr._find_image(name, {"imageDigest": digest})
    if present is not None and (not tag or tag in present["imageTags"]):
        return _error(
            "ImageAlreadyExistsException",
            f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in the repository with name "
            f"'{name}' in registry with id '{get_account_id()}'",
        )
    answer: Answer = _own_put_image(request)
    return answer


def _layers(manifest: str) -> list[str] | None:
    """The digests of what an image is made of: its configuration and its layers; None when it is no image."""
    try:
        described = json.loads(manifest)
        return [str(one["digest"]) for one in (described["config"], *described["layers"])]
    except (KeyError, TypeError, ValueError):
        return None


def _in_named_registry(handle: Handler) -> Handler:
    async def handle_there(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            request = {}
        registry = request.get("registryId") if isinstance(request, dict) else None
        with request_scope(registry or get_account_id(), get_region()):
            return await handle(method, path, headers, body, query)

    return handle_there


def _downloads_only(handle: Handler) -> Handler:
    async def handle_download(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        if method != "GET" or "/blobs/sha256:" not in path or "ns" not in query:
            answer: Answer = ecr._registry_error(401, "UNAUTHORIZED", "authentication required", {})
            return answer
        return await handle(method, path, headers, body, query)

    return handle_download


def _upload_layer_part(request: Request) -> Answer:
    name = str(request.get("repositoryName", ""))
    if missing := _missing(name):
        return missing
    uploads = ecr._uploads.setdefault(name, {})
    part = uploads.setdefault(str(request.get("uploadId", "")), bytearray())
    first = request.get("partFirstByte")
    if first != len(part):
        return _error("InvalidLayerPartException", f"The next part begins at byte {len(part)}, not {first}")
    content = base64.b64decode(str(request.get("layerPartBlob", "")))
    if len(content) > _PART_BYTES or request.get("partLastByte") != len(part) + len(content) - 1:
        return _error("InvalidLayerPartException", f"A part of {len(content)} bytes is not what its bounds say")
    if len(part) + len(content) > _LAYER_BYTES:
        return _error("LimitExceededException", f"The rehearsal keeps layers of up to {_LAYER_BYTES} bytes")
    part.extend(content)
    return _json(
        {
            "registryId": get_account_id(),
            "repositoryName": name,
            "uploadId": request.get("uploadId"),
            "lastByteReceived": len(part) - 1,
        }
    )


def _complete_layer_upload(request: Request) -> Answer:
    name, upload = str(request.get("repositoryName", "")), str(request.get("uploadId", ""))
    if missing := _missing(name):
        return missing
    content = ecr._uploads.get(name, {}).get(upload)
    if content is None:
        return _error("UploadNotFoundException", f"The upload '{upload}' does not exist")
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    digests = request.get("layerDigests")
    if not isinstance(digests, list) or digest not in digests:
        return _error("InvalidLayerException", f"The layer's digest is {digest}, not one of {digests}")
    if digest in ecr._layer_blobs.get(name, {}):
        return _error("LayerAlreadyExistsException", f"The layer '{digest}' already exists in '{name}'")
    ecr._layer_blobs.setdefault(name, {})[digest] = bytes(content)
    del ecr._uploads[name][upload]
    return _json({"registryId": get_account_id(), "repositoryName": name, "uploadId": upload, "layerDigest": digest})


def _batch_check_layer_availability(request: Request) -> Answer:
    name, asked = str(request.get("repositoryName", "")), request.get("layerDigests")
    if missing := _missing(name):
        return missing
    blobs = ecr._layer_blobs.get(name, {})
    digests = [str(digest) for digest in asked] if isinstance(asked, list) else []
    layers = [
        {
            "layerDigest": digest,
            "layerAvailability": "AVAILABLE" if digest in blobs else "UNAVAILABLE",
            "layerSize": len(blobs.get(digest, b"")),
        }
        for digest in digests
    ]
    return _json({"layers": layers, "failures": []})


def _get_download_url_for_layer(request: Request, endpoint: str) -> Answer:
    name, digest = str(request.get("repositoryName", "")), str(request.get("layerDigest", ""))
    if missing := _missing(name):
        return missing
    if digest not in ecr._layer_blobs.get(name, {}):
        return _error("LayersNotFoundException", f"The layer with digest '{digest}' does not exist in '{name}'")
    registry = f"{get_account_id()}.dkr.ecr.{get_region()}.amazonaws.com"
    return _json({"downloadUrl": f"{endpoint}/v2/{name}/blobs/{digest}?ns={registry}", "layerDigest": digest})


def _missing(name: str) -> Answer | None:
    if name in ecr._repositories:
        return None
    return _error(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id '{get_account_id()}'",
    )


def _error(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer


def _json(document: Mapping[str, object]) -> Answer:
    answer: Answer = json_response(document)
    return answer
