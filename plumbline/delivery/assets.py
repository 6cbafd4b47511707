"""The files of stacks, such as the code of functions, published to each account."""

import os
import subprocess
from pathlib import Path

from plumbline.configuration import Platform
from plumbline.errors import PlumblineError
from plumbline.toolchain import NODE_FOLDER, tool_environment

_PROGRAM = Path(__file__).with_name("publish.mjs")


def publish_assets(platform: Platform, assembly: Path) -> str:
    """Publishes what the stacks of environments and releases need, each in the publishing role of its account.

    Args:
        platform: Names the environments.
        assembly: The cloud assembly.

    Returns:
        What was done, in a sentence.

    Raises:
        PlumblineError: There is no assembly, or a file cannot be published.
    """
    parts = [*(deployment.part for deployment in platform.deployments()), "releases"]
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
