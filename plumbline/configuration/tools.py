"""The command line that deploys, as the repository pins it."""

import json
from pathlib import Path

from plumbline.errors import PlumblineError


def command_line_version(root: Path) -> str:
    """Version of the CDK command line that `package.json` pins.

    Args:
        root: The checkout.

    Raises:
        PlumblineError: The file is missing, is no JSON, or does not pin it.
    """
    try:
        return str(json.loads((root / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"])
    except (OSError, ValueError, KeyError) as error:
        raise PlumblineError(f"package.json: cannot be read ({error!r}); restore the file from git.") from None
