"""The docker of a build: what it does with the runtime image, and what it refuses."""

import base64
import json
import uuid
from typing import Any

import pytest

from plumbline.configuration.digests import runtime_tag
from tests.plumbline.rehearsal.codebuild.world import ACCOUNT, IMAGE, REGION, World, allow

pytestmark = pytest.mark.rehearsal

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
RUNTIME = {
    "runtime/Dockerfile": 'FROM python\nENV TINY=1\nWORKDIR /opt/program\nENTRYPOINT ["python", "-m", "runtime"]\n',
    "runtime/requirements.txt": "",
    "runtime/__main__.py": "print('hello')\n",
}
PUSHING = [
    *("ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload"),
    *("ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"),
]


def run(world: World, *commands: str, role: str, privileged: bool = True, files: dict[str, str] = RUNTIME) -> Any:
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands)}}})
    settings = {
        "type": "LINUX_CONTAINER",
        "image": IMAGE,
        "computeType": "BUILD_GENERAL1_SMALL",
        "privilegedMode": privileged,
    }
    project = world.project(spec, role=role, source="CODEPIPELINE", environment=settings)
    return world.ended(world.start_in_pipeline(project, inputs={"Source": files}))


def repository(world: World) -> str:
    name = f"runtime-{uuid.uuid4().hex[:8]}"
    world.client("ecr").create_repository(repositoryName=name)
    return name


def login(world: World) -> str:
    token = world.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    password = base64.b64decode(token).decode().partition(":")[2]
    return f"echo {password} | docker login --username AWS --password-stdin {REGISTRY}"


def test_a_privileged_build_makes_and_pushes_the_runtime_image(world: World) -> None:
    name = repository(world)
    uri = f"{REGISTRY}/{name}:v1"
    commands = (login(world), f"docker build --file runtime/Dockerfile --tag {uri} .", f"docker push {uri}")
    build = run(world, *commands, role=world.role(allow(PUSHING, "*")))
    assert build["buildStatus"] == "SUCCEEDED", world.log(build)
    image = world.client("ecr").batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v1"}])["images"][0]
    assert json.loads(image["imageManifest"])["layers"]
    assert any((path / "complete").exists() for path in (world.root / ".plumb" / "images").iterdir() if path.is_dir())


def test_the_image_names_the_runtime_that_stands_in_for_it(world: World, tmp_path_factory: Any) -> None:
    name = repository(world)
    uri = f"{REGISTRY}/{name}:v1"
    commands = (login(world), f"docker buildx build -f runtime/Dockerfile -t {uri} .", f"docker push {uri}")
    run(world, *commands, role=world.role(allow(PUSHING, "*")))
    client = world.client("ecr")
    image = client.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v1"}])["images"][0]
    digest = json.loads(image["imageManifest"])["config"]["digest"]
    folder = tmp_path_factory.mktemp("same")
    for path, text in RUNTIME.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    layers = client.batch_check_layer_availability(repositoryName=name, layerDigests=[digest])["layers"]
    assert layers[0]["layerAvailability"] == "AVAILABLE"
    assert (world.root / ".plumb" / "images" / runtime_tag(folder) / "program" / "runtime" / "__main__.py").exists()


def test_pushing_needs_the_roles_permission(world: World) -> None:
    name = repository(world)
    uri = f"{REGISTRY}/{name}:v1"
    commands = (login(world), f"docker build -f runtime/Dockerfile -t {uri} .", f"docker push {uri}")
    build = run(world, *commands, role=world.role(allow([one for one in PUSHING if one != "ecr:PutImage"], "*")))
    assert build["buildStatus"] == "FAILED"
    assert "ecr:PutImage" in world.log(build)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("docker run alpine", "docker run: no container engine is here"),
        (
            f"echo wrong | docker login --username AWS --password-stdin {REGISTRY}",
            "failed with status: 400 Bad Request",
        ),
        (f"docker push {REGISTRY}/other:v1", "An image does not exist locally with the tag"),
        (f"docker build -f Other -t {REGISTRY}/a:v1 .", "failed to read dockerfile: open Other"),
        ("docker build -f runtime/Dockerfile .", "give one with --tag"),
        ("docker build --secret id=a -f runtime/Dockerfile -t a .", "--secret is not known"),
        ("docker login -u AWS --password-stdin docker.io </dev/null", "docker.io is no registry of Amazon ECR"),
    ],
)
def test_what_docker_cannot_do_it_says(world: World, command: str, said: str) -> None:
    build = run(world, command, role=world.role(allow("ecr:GetAuthorizationToken", "*")))
    assert build["buildStatus"] == "FAILED"
    assert said in world.log(build)


def test_a_push_without_a_login_is_refused(world: World) -> None:
    uri = f"{REGISTRY}/{repository(world)}:v1"
    build = run(
        world,
        f"docker build -f runtime/Dockerfile -t {uri} .",
        f"docker push {uri}",
        role=world.role(allow(PUSHING, "*")),
    )
    assert "no basic auth credentials" in world.log(build)


def test_a_build_that_is_not_privileged_has_no_docker(world: World) -> None:
    build = run(world, "docker build -f runtime/Dockerfile -t a .", role=world.role(), privileged=False)
    assert "Cannot connect to the Docker daemon" in world.log(build)
