"""The runtime image's stand-in is whole or not there, is made once, and is described truly in the registry."""

import concurrent.futures
import hashlib
import json
import ssl
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from plumbline.errors import PlumblineError
from plumbline.rehearsal import images
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client

_DOCKERFILE = """
ARG BASE=python:3.11-slim
FROM ${BASE} AS build
ENV LEFT_BEHIND=1
ENTRYPOINT ["sh"]
FROM ${BASE}
ENV ONE=1 \\
    TWO="two words"
WORKDIR /opt/program
ENTRYPOINT ["python", "-m", "runtime"]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose runtime needs no library, so that its stand-in is made in no time."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "requirements.txt").touch()
    (runtime / "__init__.py").touch()
    (runtime / "__main__.py").write_text("import sys\nprint('ran', *sys.argv[1:])\n")
    (runtime / "Dockerfile").write_text(_DOCKERFILE)
    return tmp_path


def test_a_stand_in_holds_an_interpreter_and_the_program(checkout: Path) -> None:
    made = images.build_stand_in(root=checkout, tag="one")
    assert made.folder == checkout / ".plumb" / "images" / "one"
    assert (made.folder / "venv" / "bin" / "python").exists()
    assert sorted(path.name for path in (made.folder / "program" / "runtime").iterdir()) == [
        "__init__.py",
        "__main__.py",
    ]


def test_a_stand_in_holds_the_templates_that_the_program_reads(checkout: Path) -> None:
    (checkout / "runtime" / "monitoring").mkdir()
    (checkout / "runtime" / "monitoring" / "report.html").write_text("a page")
    made = images.build_stand_in(root=checkout, tag="one")
    assert (made.folder / "program" / "runtime" / "monitoring" / "report.html").read_text() == "a page"


def test_it_is_made_once(checkout: Path) -> None:
    made = images.build_stand_in(root=checkout, tag="one")
    before = (made.folder / "venv" / "pyvenv.cfg").stat().st_mtime_ns
    assert images.build_stand_in(root=checkout, tag="one") == made
    assert (made.folder / "venv" / "pyvenv.cfg").stat().st_mtime_ns == before


def test_a_half_made_one_is_made_again(checkout: Path) -> None:
    half = checkout / ".plumb" / "images" / "one"
    (half / "venv").mkdir(parents=True)
    (half.with_name("one.partial") / "venv").mkdir(parents=True)
    made = images.build_stand_in(root=checkout, tag="one")
    assert (made.folder / "venv" / "bin" / "python").exists()
    assert not half.with_name("one.partial").exists()


def test_two_that_need_it_at_once_make_it_once(checkout: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: images.build_stand_in(root=checkout, tag="one"), range(2)))
    assert made[0] == made[1]
    assert (made[0].folder / "program" / "runtime" / "__main__.py").exists()


def test_a_library_that_cannot_be_had_is_one_sentence(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    nothing = hashlib.sha256(b"").hexdigest()
    (checkout / "runtime" / "requirements.txt").write_text(f"no-such-library-of-ours==1.0 --hash=sha256:{nothing}\n")
    with pytest.raises(PlumblineError, match="check that the package registry can be reached, then run it again"):
        images.build_stand_in(root=checkout, tag="one")
    assert [path.name for path in (checkout / ".plumb" / "images").iterdir()] == ["one.lock"]


def test_the_registry_holds_what_the_dockerfile_says(cloud: Cloud, checkout: Path) -> None:
    caller = cloud.administrator("222222222222")
    ecr = caller.client("ecr")
    ecr.create_repository(repositoryName="images-test")
    digest = images.push(root=checkout, tag="one", repository="images-test", caller=caller)
    assert images.push(root=checkout, tag="one", repository="images-test", caller=caller) == digest
    (image,) = ecr.batch_get_image(repositoryName="images-test", imageIds=[{"imageTag": "one"}])["images"]
    manifest = json.loads(image["imageManifest"])
    config_digest = manifest["config"]["digest"]
    address = ecr.get_download_url_for_layer(repositoryName="images-test", layerDigest=config_digest)["downloadUrl"]
    trusted = ssl.create_default_context(cafile=str(cloud.options.certificate_authority))
    with httpx.Client(verify=trusted, trust_env=False) as connection:
        config = connection.get(address).content
    assert f"sha256:{hashlib.sha256(config).hexdigest()}" == config_digest
    assert json.loads(config)["config"] == {
        "Entrypoint": ["python", "-m", "runtime"],
        "Env": ["ONE=1", "TWO=two words"],
        "WorkingDir": "/opt/program",
        "Labels": {"plumbline.runtime": "one"},
    }


def test_a_layer_with_another_digest_is_refused(cloud: Cloud) -> None:
    ecr = cloud.administrator("222222222222").client("ecr")
    ecr.create_repository(repositoryName="images-digest")
    upload = ecr.initiate_layer_upload(repositoryName="images-digest")["uploadId"]
    ecr.upload_layer_part(
        repositoryName="images-digest",
        uploadId=upload,
        partFirstByte=0,
        partLastByte=2,
        layerPartBlob=b"abc",
    )
    with pytest.raises(ClientError, match="InvalidLayerException"):
        ecr.complete_layer_upload(repositoryName="images-digest", uploadId=upload, layerDigests=[f"sha256:{'0' * 64}"])


def manifest_of(ecr: Client, repository: str, *contents: bytes) -> str:
    """The manifest of an image of a configuration and a layer, which are pushed when they are given."""
    for content in contents:
        upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
        ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=upload,
            partFirstByte=0,
            partLastByte=len(content) - 1,
            layerPartBlob=content,
        )
        ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[digest_of(content)])
    parts = [{"digest": digest_of(content), "size": 1, "mediaType": "any"} for content in (b"config", b"layer")]
    return json.dumps({"schemaVersion": 2, "config": parts[0], "layers": parts[1:]})


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_an_image_whose_layers_are_not_there_is_refused(cloud: Cloud) -> None:
    ecr = cloud.administrator("222222222222").client("ecr")
    ecr.create_repository(repositoryName="images-layers")
    manifest = manifest_of(ecr, "images-layers", b"config")
    with pytest.raises(ClientError, match=f"LayersNotFoundException.*{digest_of(b'layer')}"):
        ecr.put_image(repositoryName="images-layers", imageManifest=manifest)


def test_an_image_is_put_under_its_own_digest_only(cloud: Cloud) -> None:
    ecr = cloud.administrator("222222222222").client("ecr")
    ecr.create_repository(repositoryName="images-own-digest")
    manifest = manifest_of(ecr, "images-own-digest", b"config", b"layer")
    with pytest.raises(ClientError, match="ImageDigestDoesNotMatchException"):
        ecr.put_image(repositoryName="images-own-digest", imageManifest=manifest, imageDigest=digest_of(b"other"))
    put = ecr.put_image(
        repositoryName="images-own-digest", imageManifest=manifest, imageDigest=digest_of(manifest.encode())
    )
    assert put["image"]["imageId"]["imageDigest"] == digest_of(manifest.encode())


def test_an_image_that_is_there_is_not_put_again_and_gets_another_tag(cloud: Cloud) -> None:
    ecr = cloud.administrator("222222222222").client("ecr")
    ecr.create_repository(repositoryName="images-again", imageTagMutability="IMMUTABLE")
    manifest = manifest_of(ecr, "images-again", b"config", b"layer")
    ecr.put_image(repositoryName="images-again", imageManifest=manifest, imageTag="one")
    with pytest.raises(ClientError, match="ImageAlreadyExistsException"):
        ecr.put_image(repositoryName="images-again", imageManifest=manifest, imageTag="one")
    ecr.put_image(repositoryName="images-again", imageManifest=manifest, imageTag="two")
    (image,) = ecr.describe_images(repositoryName="images-again")["imageDetails"]
    assert sorted(image["imageTags"]) == ["one", "two"]


def test_a_tag_that_never_changes_stays_with_its_image(cloud: Cloud) -> None:
    ecr = cloud.administrator("222222222222").client("ecr")
    ecr.create_repository(repositoryName="images-tag", imageTagMutability="IMMUTABLE")
    manifest = manifest_of(ecr, "images-tag", b"config", b"layer")
    ecr.put_image(repositoryName="images-tag", imageManifest=manifest, imageTag="one")
    with pytest.raises(ClientError, match="ImageTagAlreadyExistsException"):
        ecr.put_image(repositoryName="images-tag", imageManifest=f"{manifest} ", imageTag="one")


@pytest.mark.parametrize("manifest", ["{", '{"manifests": []}'])
def test_what_is_no_image_of_one_platform_is_refused(cloud: Cloud, manifest: str) -> None:
    ecr = cloud.administrator("222222222222").client("ecr")
    name = f"images-no-{len(manifest)}"
    ecr.create_repository(repositoryName=name)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        ecr.put_image(repositoryName=name, imageManifest=manifest)


def test_a_part_that_is_not_what_its_bounds_say_is_refused(cloud: Cloud) -> None:
    ecr = cloud.administrator("222222222222").client("ecr")
    ecr.create_repository(repositoryName="images-part")
    upload = ecr.initiate_layer_upload(repositoryName="images-part")["uploadId"]
    with pytest.raises(ClientError, match="InvalidLayerPartException"):
        ecr.upload_layer_part(
            repositoryName="images-part", uploadId=upload, partFirstByte=0, partLastByte=4, layerPartBlob=b"abc"
        )


def test_another_accounts_registry_answers_whom_its_policy_names(cloud: Cloud, checkout: Path) -> None:
    caller = cloud.administrator("222222222222")
    caller.client("ecr").create_repository(repositoryName="images-shared")
    images.push(root=checkout, tag="one", repository="images-shared", caller=caller)
    foreign = cloud.administrator("333333333333").client("ecr")
    wanted = {"registryId": "222222222222", "repositoryName": "images-shared", "imageIds": [{"imageTag": "one"}]}
    with pytest.raises(ClientError, match="ecr:BatchGetImage"):
        foreign.batch_get_image(**wanted)
    policy = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::333333333333:root"},
        "Action": "ecr:BatchGetImage",
    }
    caller.client("ecr").set_repository_policy(
        repositoryName="images-shared", policyText=json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    )
    assert len(foreign.batch_get_image(**wanted)["images"]) == 1


def test_the_docker_api_gives_nothing_without_an_address(cloud: Cloud) -> None:
    trusted = ssl.create_default_context(cafile=str(cloud.options.certificate_authority))
    with httpx.Client(verify=trusted, trust_env=False) as connection:
        assert connection.get(f"{cloud.options.endpoint}/v2/_catalog").status_code == 401
        assert connection.put(f"{cloud.options.endpoint}/v2/any/manifests/one", content=b"{}").status_code == 401
