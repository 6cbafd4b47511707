"""The runtime image's stand-in on this machine, and its description in the emulated registry.

An image cannot be built without a container engine. Its stand-in is an environment made from the image's own locked
list, beside a copy of the image's program; what the registry holds is a real manifest and a real configuration, with
the entry point, the variables and the working directory of ``runtime/Dockerfile``.
"""

import contextlib
import dataclasses
import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from botocore.exceptions import ClientError

from plumbline.errors import PlumblineError
from plumbline.rehearsal.session import Client, Session

LABEL = "plumbline.runtime"
_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
# API_UploadLayerPart: parts of up to 20 MB; the emulator names 10 MiB.
_PART_BYTES = 10 * 1024 * 1024
_COMPLETE = "complete"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StandIn:
    """An environment and a program that stand in for an image.

    Attributes:
        tag: The runtime's tag, which is the image's.
        folder: Holds ``venv`` and ``program``; the program's folder holds the package ``runtime``.
    """

    tag: str
    folder: Path


def build_stand_in(*, root: Path, tag: str, images: Path | None = None) -> StandIn:
    """Makes a runtime's stand-in, or finds the one that is there.

    A half-made one, left by a machine that stopped, is made again. Two rehearsals that need the same one make it once.

    Args:
        root: The checkout.
        tag: The tag of its ``runtime`` folder.
        images: Where stand-ins are kept; ``.plumb/images`` of the checkout when left out.

    Raises:
        PlumblineError: The libraries cannot be installed, or the disk is full.
    """
    images = images or root / ".plumb" / "images"
    stand_in = StandIn(tag=tag, folder=images / tag)
    try:
        images.mkdir(parents=True, exist_ok=True)
        with _alone(images / f"{tag}.lock"):
            if not (stand_in.folder / _COMPLETE).exists():
                _build(root, stand_in.folder)
    except OSError as error:
        raise PlumblineError(f"{stand_in.folder} cannot be written: {error.strerror}", exit_code=1) from error
    return stand_in


def push(*, root: Path, tag: str, repository: str, caller: Session, stand_in: str | None = None) -> str:
    """Describes the runtime image in a registry, as ``docker push`` would: a layer, a configuration, a manifest.

    Args:
        root: The checkout.
        tag: The tag to push.
        repository: The repository, which exists.
        caller: Who pushes.
        stand_in: The tag of the runtime that stands in for the image; the tag itself when left out.

    Returns:
        The manifest's digest.

    Raises:
        PlumblineError: The Dockerfile cannot be read.
        botocore.exceptions.ClientError: The registry refuses.
    """
    client = caller.client("ecr")
    plain = _program_layer(root)
    layer = gzip.compress(plain, mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": _image_config(root / "runtime" / "Dockerfile") | {"Labels": {LABEL: stand_in or tag}},
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]},
        },
        sort_keys=True,
    ).encode()
    for content in (layer, config):
        _upload(client, repository, content)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST_TYPE,
        "config": {"mediaType": _CONFIG_TYPE, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": _LAYER_TYPE, "size": len(layer), "digest": _digest(layer)}],
    }
    text = json.dumps(manifest, indent=3)
    try:
        client.put_image(
            repositoryName=repository, imageManifest=text, imageManifestMediaType=_MANIFEST_TYPE, imageTag=tag
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ImageAlreadyExistsException":
            raise
    return _digest(text.encode())


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(root: Path, folder: Path) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    for leftover in (partial, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    try:
        uv = [str(Path(sys.executable).with_name("uv"))]
        venv = partial / "venv"
        # Relocatable, for it is renamed once it is complete.
        _run([*uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(venv)])
        lock = root / "runtime" / "requirements.txt"
        python = str(venv / "bin" / "python")
        # As the Dockerfile installs it: the list is locked, so nothing is resolved.
        _run(
            [
                *uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                python,
                "--no-deps",
                "--require-hashes",
                "--compile-bytecode",
                "-r",
                str(lock),
            ]
        )
        for path in _program(root):
            target = partial / "program" / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        (partial / _COMPLETE).touch()
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 0:
        return
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = said[-1] if said else f"exit code {done.returncode}"
    if "No space left" in done.stderr:
        raise PlumblineError("no space is left on the disk for the runtime's libraries: free some", exit_code=1)
    raise PlumblineError(
        f"the runtime's libraries cannot be installed ({last}): check that the package registry can be reached, "
        "then run it again",
        exit_code=1,
    )


def _image_config(dockerfile: Path) -> dict[str, object]:
    """The part of an image's configuration that its Dockerfile sets: ENTRYPOINT, CMD, ENV and WORKDIR."""
    try:
        text = dockerfile.read_text(encoding="utf-8")
    except OSError as error:
        raise PlumblineError(f"{dockerfile} cannot be read: {error.strerror}") from error
    config: dict[str, object] = {}
    variables: dict[str, str] = {}
    for line in re.sub(r"\\\s*\n", " ", text).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        match instruction.upper():
            case "FROM":  # only what follows the last one is in the image
                config, variables = {}, {}
            case "ENV":
                variables |= _variables(rest)
            case "WORKDIR":
                config["WorkingDir"] = rest.strip()
            case "ENTRYPOINT":
                config["Entrypoint"] = json.loads(rest)
            case "CMD":
                config["Cmd"] = json.loads(rest)
    return config | {"Env": [f"{name}={value}" for name, value in variables.items()]}


def _variables(assignments: str) -> Mapping[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in shlex.split(assignments))}


def _program_layer(root: Path) -> bytes:
    """The program as a layer: names, contents and nothing that changes from one machine to the next."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in _program(root):
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"opt/program/{path.relative_to(root).as_posix()}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _program(root: Path) -> list[Path]:
    """What the Dockerfile copies: the modules of the runtime and of the package in it, and that package's templates."""
    folder = root / "runtime"
    return sorted(path for pattern in ("*.py", "monitoring/*.py", "monitoring/*.html") for path in folder.glob(pattern))


def _upload(client: Client, repository: str, content: bytes) -> None:
    digest = _digest(content)
    known = client.batch_check_layer_availability(repositoryName=repository, layerDigests=[digest])["layers"]
    if known[0]["layerAvailability"] == "AVAILABLE":
        return
    upload = client.initiate_layer_upload(repositoryName=repository)["uploadId"]
    for first in range(0, len(content), _PART_BYTES):
        part = content[first : first + _PART_BYTES]
        client.upload_layer_part(
            repositoryName=repository,
            uploadId=upload,
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
    client.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[digest])


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
