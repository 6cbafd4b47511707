"""The command lines that deploy, as the repository pins them."""

import json
from collections.abc import Mapping
from pathlib import Path

from plumbline.errors import PlumblineError


def tool_versions(root: Path) -> Mapping[str, str]:
    """Versions of the npm packages that `package.json` pins.

    Args:
        root: The checkout.

    Raises:
        PlumblineError: The file is missing or is no JSON.
    """
    path = root / "package.json"
    try:
        pinned: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["devDependencies"]
    except (OSError, ValueError, KeyError) as error:
        raise PlumblineError(f"package.json: cannot be read ({error!r}); restore the file from git.") from None
    return pinned
