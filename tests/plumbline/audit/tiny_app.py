"""A CDK app of a few lines, which writes an assembly of the resources in `resources.json`."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_APP = """
import json, os, pathlib
folder = pathlib.Path(os.environ["CDK_OUTDIR"])
folder.mkdir(parents=True, exist_ok=True)
resources = json.loads(pathlib.Path("resources.json").read_text())
(folder / "stack.template.json").write_text(json.dumps({"Resources": resources}))
stack = {
    "type": "aws:cloudformation:stack",
    "environment": "aws://111111111111/eu-west-1",
    "properties": {"templateFile": "stack.template.json", "stackName": "stack"},
    "metadata": {f"/app/{name}": [{"type": "aws:cdk:logicalId", "data": name}] for name in resources},
}
(folder / "manifest.json").write_text(json.dumps({"artifacts": {"stack": stack}}))
"""


def write_app(folder: Path, resources: Mapping[str, Any], *, ending: str = "") -> Path:
    """Writes the app into a folder.

    Args:
        folder: The folder.
        resources: What its only stack holds.
        ending: Further lines of the app.
    """
    (folder / "app.py").write_text(_APP + ending)
    (folder / "cdk.json").write_text(json.dumps({"app": "python3 app.py", "context": {}}))
    change_app(folder, resources)
    return folder


def change_app(folder: Path, resources: Mapping[str, Any]) -> None:
    """Changes what the app's only stack holds."""
    (folder / "resources.json").write_text(json.dumps(resources))


def commit(folder: Path) -> None:
    """Commits all files of a folder, in which git begins if it is not there yet."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for words in (("init", "--quiet"), ("add", "--all"), (*identity, "commit", "--quiet", "--message", "test")):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
