"""Staging's repository and production in memory, as far as a copy of a release asks them."""

# ruff: noqa: N803 - arguments are named as boto3 names them

import json
from typing import Any

from tests.functions import releases
from tests.functions.releases import PRODUCTION, REGION, STAGING, Cloud, Registry, Storage, digest_of

Document = dict[str, Any]
GROUP = "plumbline-production-flight-delays"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG, LAYER = b'{"config": {}}', b"0123456789" * 3


def described(content: bytes) -> Document:
    return {"digest": digest_of(content), "size": len(content), "mediaType": "any"}


MANIFEST = json.dumps({"schemaVersion": 2, "config": described(CONFIG), "layers": [described(LAYER)]})
DIGEST = digest_of(MANIFEST.encode())


class Buckets(Storage):
    """S3 with what copies and says the metadata of copies."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.metadata: dict[tuple[str, str], Document] = {}
        self.copied: list[Document] = []

    def copy(self, *, CopySource: Document, Bucket: str, Key: str, ExtraArgs: Document, **_more: object) -> None:
        assert (ExtraArgs["MetadataDirective"], ExtraArgs["TaggingDirective"]) == ("REPLACE", "REPLACE")
        self.copied.append(CopySource)
        body = self.get_object(**CopySource)["Body"].read()
        self._cloud.put(Bucket, Key, body)
        self.metadata[Bucket, Key] = ExtraArgs["Metadata"]

    def head_object(self, *, Bucket: str, Key: str) -> Document:
        if (Bucket, Key) not in self._cloud.objects:
            raise releases.refusal("403")
        version, body = self._cloud.objects[Bucket, Key][-1]
        metadata = self.metadata.get((Bucket, Key), {})
        return {"VersionId": version, "ContentLength": len(body), "Metadata": metadata}


class Groups(Registry):
    """SageMaker with production's group."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.versions: list[Document] = []

    def create_model_package(self, **request: Any) -> Document:
        assert len(request["ClientToken"]) <= 36
        arn = f"arn:aws:sagemaker:{REGION}:{PRODUCTION}:model-package/{GROUP}/{len(self.versions) + 1}"
        self.versions.append({"ModelPackageArn": arn, "ModelPackageStatus": "Completed", **request})
        return {"ModelPackageArn": arn}


class Repositories:
    """ECR with two repositories."""

    def __init__(self) -> None:
        self.layers: dict[str, dict[str, bytes]] = {
            STAGING: {digest_of(one): one for one in (CONFIG, LAYER)},
            PRODUCTION: {},
        }
        self.images: dict[str, dict[str, tuple[str, str]]] = {
            STAGING: {DIGEST: (MANIFEST, DOCKER)},
            PRODUCTION: {},
        }
        self.tags: dict[str, dict[str, str]] = {STAGING: {"one": DIGEST}, PRODUCTION: {}}
        self.parts: list[int] = []
        self._uploads: dict[str, bytes] = {}

    def describe_images(self, *, registryId: str, imageIds: list[Document], **_more: str) -> Document:
        (wanted,) = imageIds
        tags = self.tags[registryId]
        digest = wanted.get("imageDigest") or tags.get(wanted["imageTag"], "")
        if digest not in self.images[registryId]:
            raise releases.refusal("ImageNotFoundException")
        own = [tag for tag, one in tags.items() if one == digest]
        return {"imageDetails": [{"imageDigest": digest, "imageTags": own}]}

    def batch_get_image(self, *, registryId: str, imageIds: list[Document], **_more: Any) -> Document:
        found = [self.images[registryId].get(one["imageDigest"]) for one in imageIds]
        return {"images": [{"imageManifest": one[0], "imageManifestMediaType": one[1]} for one in found if one]}

    def batch_check_layer_availability(self, *, registryId: str, layerDigests: list[str], **_more: Any) -> Document:
        present = self.layers[registryId]
        return {
            "layers": [
                {"layerDigest": one, "layerAvailability": "AVAILABLE" if one in present else "UNAVAILABLE"}
                for one in layerDigests
            ]
        }

    def get_download_url_for_layer(self, *, registryId: str, layerDigest: str, **_more: Any) -> Document:
        assert registryId == STAGING
        return {"downloadUrl": f"https://layers/{layerDigest}"}

    def initiate_layer_upload(self, *, registryId: str, **_more: Any) -> Document:
        assert registryId == PRODUCTION
        upload = str(len(self._uploads))
        self._uploads[upload] = b""
        return {"uploadId": upload, "partSize": 20}

    def upload_layer_part(
        self,
        *,
        uploadId: str,
        partFirstByte: int,
        partLastByte: int,
        layerPartBlob: bytes,
        **_more: Any,
    ) -> Document:
        assert partFirstByte == len(self._uploads[uploadId])
        assert partLastByte - partFirstByte + 1 == len(layerPartBlob)
        self.parts.append(len(layerPartBlob))
        self._uploads[uploadId] += layerPartBlob
        return {}

    def complete_layer_upload(self, *, uploadId: str, layerDigests: list[str], **_more: Any) -> Document:
        if digest_of(self._uploads[uploadId]) not in layerDigests:
            raise releases.refusal("InvalidLayerException")
        self.layers[PRODUCTION][layerDigests[0]] = self._uploads[uploadId]
        return {}

    def put_image(self, *, imageManifest: str, imageDigest: str, imageTag: str = "", **more: Any) -> Document:
        assert more["registryId"] == PRODUCTION
        if imageTag in self.tags[PRODUCTION]:
            same = self.tags[PRODUCTION][imageTag] == imageDigest
            raise releases.refusal("ImageAlreadyExistsException" if same else "ImageTagAlreadyExistsException")
        self.images[PRODUCTION][imageDigest] = (imageManifest, more["imageManifestMediaType"])
        if imageTag:
            self.tags[PRODUCTION][imageTag] = imageDigest
        return {}
