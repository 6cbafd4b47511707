"""The files of stacks, such as the code of functions, published to each account."""

import os
import subprocess
from pathlib import Path

from plumbline.configuration import Platform
from plumbline.errors import PlumblineError
from plumbline.toolchain import NODE_FOLDER, tool_environment

_PROGRAM = Path(__file__).with_name("publish.mjs")


def publish_assets(platform: Platform, assembly: Path, *, production: bool) -> str:
    """Publishes what stacks need, each in the publishing role of its account.

    What lies in the bucket of an account may be run there as soon as its stacks name it. For production, and for the
    release pipelines, nothing is published before a person has agreed; where staging delivers, these share its bucket.

    Args:
        platform: Names the environments.
        assembly: The cloud assembly.
        production: Whether for production and the release pipelines, or for the environments before.

    Returns:
        What was done, in a sentence.

    Raises:
        PlumblineError: There is no assembly, or a file cannot be published.
    """
    parts = [one.part for one in platform.deployments() if one.is_production is production]
    parts += ["releases"] if production else []
    folders = [assembly / f"assembly-{part}" for part in parts]
    for folder in folders:
        if not folder.is_dir():
            raise PlumblineError(f"deliver assets: {folder} is missing; accepted: the cloud assembly of a build.")
    manifests = sorted(path for folder in folders for path in folder.glob("*.assets.json"))
    done = subprocess.run(
        [str(NODE_FOLDER / "node"), str(_PROGRAM), *map(str, manifests)],
        env=tool_environment(os.environ) | {"AWS_REGION": platform.region},
        check=False,
    )
    if done.returncode != 0:
        raise PlumblineError("deliver assets: a file cannot be published; what failed is said above.", exit_code=1)
    return f"files of {len(manifests)} stacks are published"
