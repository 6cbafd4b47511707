"""The ``docker`` of a build: it signs in, builds the platform's runtime image and pushes it, as far as a stand-in goes.

There is no container engine. ``docker build`` makes the stand-in of the image from the build's own files;
``docker push`` pushes a real manifest with the build's credentials. Of whatever else is asked, it says that it cannot.
"""

import argparse
import base64
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from plumbline.configuration.digests import runtime_tag
from plumbline.errors import PlumblineError
from plumbline.rehearsal.images import build_stand_in, push
from plumbline.rehearsal.session import Session

_REGISTRY = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_STATE, _IMAGES, _LOGINS = "DOCKER_CONFIG", "images.json", "config.json"
# Set by the rehearsal for a privileged build: where stand-ins are kept.
PRIVILEGED = "PLUMBLINE_PRIVILEGED"
# What only says how an image is packed, and makes no other image here.
_IGNORED = ("--provenance", "--sbom", "--progress", "--cache-from", "--cache-to", "--build-arg", "--label")


class _RefusedError(Exception):
    """The command cannot be done; the message is what docker says."""


def main(arguments: Sequence[str]) -> int:
    """Does one command.

    Args:
        arguments: What follows ``docker``.

    Returns:
        0, or 1 with a sentence on standard error.
    """
    try:
        if not os.environ.get(PRIVILEGED):
            raise _RefusedError(
                "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon "
                "running?"
            )
        name, rest = _command(list(arguments))
        _COMMANDS[name](rest)
    except (_RefusedError, PlumblineError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _command(arguments: list[str]) -> tuple[str, list[str]]:
    if arguments[:1] in (["buildx"], ["image"]):
        arguments = arguments[1:]
    name = arguments[0] if arguments else ""
    if name not in _COMMANDS:
        raise _RefusedError(
            f"docker {name or '(nothing)'}: no container engine is here; the rehearsal's docker knows login, build and "
            "push of the runtime image"
        )
    return name, arguments[1:]


def _login(arguments: list[str]) -> None:
    parser = _parser("login")
    parser.add_argument("--username", "-u", required=True)
    parser.add_argument("--password-stdin", action="store_true", required=True)
    parser.add_argument("registry")
    given = _parsed(parser, arguments)
    registry = str(given.registry).removeprefix("https://")
    # The same question that the password came from; the registry gives the same password for as long as it is good.
    answer = _session(_region(registry)).client("ecr").get_authorization_token()
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    if f"{given.username}:{sys.stdin.read().strip()}" != token:
        raise _RefusedError(
            f"Error response from daemon: login attempt to https://{registry}/v2/ failed with status: 400 Bad Request"
        )
    _remember(_LOGINS, registry, {"username": given.username})
    sys.stdout.write("Login Succeeded\n")


def _build(arguments: list[str]) -> None:
    parser = _parser("build")
    parser.add_argument("--file", "-f")
    parser.add_argument("--tag", "-t", action="append", default=[])
    parser.add_argument("--platform")
    parser.add_argument("--push", action="store_true")
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--quiet", "-q", action="store_true")
    for option in _IGNORED:
        parser.add_argument(option, action="append")
    parser.add_argument("context")
    given = _parsed(parser, arguments)
    dockerfile = Path(given.file or Path(given.context, "Dockerfile")).resolve()
    if not dockerfile.is_file():
        name = given.file or "Dockerfile"
        raise _RefusedError(f"ERROR: failed to read dockerfile: open {name}: no such file or directory")
    root = dockerfile.parent.parent
    if dockerfile != root / "runtime" / "Dockerfile":
        raise _RefusedError(f"docker build: {dockerfile} is not runtime/Dockerfile, the one image that has a stand-in")
    if not given.tag:
        raise _RefusedError("docker build: the rehearsal's docker keeps images by their tag; give one with --tag")
    tag = runtime_tag(root)
    # A hard link or a symbolic one into the cache would be the build's; the stand-in is the checkout's.
    os.environ["UV_LINK_MODE"] = "copy"
    stand_in = build_stand_in(root=root, tag=tag, images=Path(os.environ[PRIVILEGED]))
    for uri in given.tag:
        _remember(_IMAGES, uri, {"root": str(root), "stand_in": tag})
        sys.stdout.write(f"naming to {uri}\n")
    sys.stdout.write(f"{stand_in.tag} stands in for the image\n")
    for uri in given.tag if given.push else []:
        _push([uri])


def _push(arguments: list[str]) -> None:
    parser = _parser("push")
    parser.add_argument("--quiet", "-q", action="store_true")
    parser.add_argument("image")
    uri = str(_parsed(parser, arguments).image)
    registry, _, path = uri.partition("/")
    repository, _, tag = path.partition(":")
    image = _known(_IMAGES).get(uri)
    if image is None:
        raise _RefusedError(f"An image does not exist locally with the tag: {uri}")
    if registry not in _known(_LOGINS):
        raise _RefusedError("no basic auth credentials")
    caller = _session(_region(registry))
    digest = push(
        root=Path(image["root"]),
        tag=tag or "latest",
        repository=repository,
        caller=caller,
        stand_in=image["stand_in"],
    )
    sys.stdout.write(f"{tag or 'latest'}: digest: {digest}\n")


_COMMANDS: Mapping[str, Callable[[list[str]], None]] = {"build": _build, "login": _login, "push": _push}


def _parser(command: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"docker {command}", add_help=False, exit_on_error=False, allow_abbrev=False)


def _parsed(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    try:
        given, unknown = parser.parse_known_args(arguments)
    except (argparse.ArgumentError, SystemExit) as error:
        raise _RefusedError(f"{parser.prog}: {error}") from error
    if unknown:
        option = next((one for one in unknown if one.startswith("-")), unknown[0])
        raise _RefusedError(f"{parser.prog}: {option} is not known to the rehearsal's docker")
    return given


def _region(registry: str) -> str:
    found = _REGISTRY.fullmatch(registry)
    if found is None:
        raise _RefusedError(f"{registry} is no registry of Amazon ECR, which is the only one here")
    return found[2]


def _session(region: str) -> Session:
    return Session(
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        certificate_authority=Path(os.environ["AWS_CA_BUNDLE"]),
        region=region,
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        token=os.environ.get("AWS_SESSION_TOKEN"),
    )


def _known(name: str) -> dict[str, dict[str, str]]:
    path = Path(os.environ[_STATE], name)
    if not path.exists():
        return {}
    known: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return known


def _remember(name: str, key: str, value: dict[str, str]) -> None:
    path = Path(os.environ[_STATE], name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(_known(name) | {key: value}), encoding="utf-8")
