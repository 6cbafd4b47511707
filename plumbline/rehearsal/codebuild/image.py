"""What stands in for CodeBuild's own images: the tools that a build finds.

Source: CodeBuild user guide, "Docker images provided by CodeBuild" and "Available runtimes".
"""

import functools
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from plumbline.rehearsal.codebuild.errors import PhaseFailedError, YamlFileError
from plumbline.toolchain import NODE_FOLDER, ROOT

IMAGES = ("aws/codebuild/standard:7.0", "aws/codebuild/amazonlinux-x86_64-standard:5.0")
# Which version a buildspec may ask for; what it gets is this machine's.
RUNTIMES: Mapping[str, tuple[str, ...]] = {
    "nodejs": ("20", "22", "24"),
    "python": ("3.11", "3.12", "3.13", "3.14"),
}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NPM = NODE_FOLDER.parent / "lib" / "node_modules" / "npm" / "bin"


def check_image(image: str) -> None:
    """Refuses an image that nothing stands in for.

    Raises:
        PhaseFailedError: The status code is that of an image which cannot be pulled.
    """
    if image not in IMAGES:
        raise PhaseFailedError(
            "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE",
            f"Unable to pull customer's container image. {image} has no stand-in in the rehearsal, which has "
            f"{' and '.join(IMAGES)}",
        )


def check_runtimes(runtimes: Mapping[str, str]) -> None:
    """Holds ``runtime-versions`` against the image.

    Raises:
        YamlFileError: The image has no such runtime, or not in that version; the words are CodeBuild's.
    """
    for name, version in runtimes.items():
        if name not in RUNTIMES:
            raise YamlFileError(
                f"Unknown runtime named '{name}'. This build image has the following runtimes: {', '.join(RUNTIMES)}"
            )
        if version not in (*RUNTIMES[name], "latest"):
            raise YamlFileError(
                f"Unknown runtime version named '{version}' of {name}. This build image has the following versions: "
                f"{', '.join(RUNTIMES[name])}"
            )


def write_tools(folder: Path) -> None:
    """Makes the folder that comes first on a build's path: Python, Node.js, and the docker that stands in."""
    folder.mkdir()
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = str(base if base.exists() else Path(sys.executable).resolve())
    for name in ("python", "python3", base.name):
        (folder / name).symlink_to(python)
    (folder / "node").symlink_to(NODE_FOLDER / "node")
    for name in ("pip", "pip3"):
        _script(folder / name, f'exec "{python}" -m pip "$@"')
    for name in ("npm", "npx"):
        _script(folder / name, f'exec "{NODE_FOLDER / "node"}" "{_NPM / f"{name}-cli.js"}" "$@"')
    # The rehearsal's own Python and code, whatever the build's folder holds.
    module = "plumbline.rehearsal.codebuild.docker"
    start = f"import sys; sys.path.insert(0, sys.argv.pop(1)); from {module} import main; sys.exit(main(sys.argv[1:]))"
    _script(folder / "docker", f'exec "{sys.executable}" -I -c "{start}" "{ROOT}" "$@"')


def interpreters() -> tuple[Path, ...]:
    """The folders that the tools live in, wherever they are."""
    return tuple(dict.fromkeys(Path(path).resolve() for path in (sys.base_prefix, sys.prefix, NODE_FOLDER.parent)))


@functools.cache
def uv_cache() -> Path | None:
    """The person's own cache of Python packages; None when there is none."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        return None
    done = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=False)
    found = Path(done.stdout.strip()) if done.returncode == 0 else None
    return found if found is not None and found.is_dir() else None


def _script(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    path.chmod(0o755)
