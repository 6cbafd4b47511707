"""A rehearsal with a drill, in a checkout whose builds do little."""

import shutil
from pathlib import Path

from plumbline.rehearsal.source import SourceRepository
from tests.plumbline.rehearsal.shared import ROOT

# What the tests of the configuration stand on; both commits that concern tests change or break one of these.
_TESTS = ("house", "plumbline/configuration", "reference")
_BUILD = '''"""What a build does here: the tests that a commit of the drill breaks, and the cloud assembly."""

import subprocess
import sys

from plumbline.audit.synthesis import synthesize_app
from plumbline.errors import PlumblineError

_TESTS = "tests/plumbline/configuration"


def build(root, *, today, step):
    with step("Test"):
        if subprocess.run([sys.executable, "-m", "pytest", "--exitfirst", _TESTS], cwd=root, check=False).returncode:
            raise PlumblineError("deliver build: a test fails, so nothing is delivered.", exit_code=1)
    synthesize_app(root, root / "cdk.out")
    (root / "audit").mkdir()
    (root / "audit" / "audit.json").write_text("{}")
'''


def small_checkout(folder: Path) -> Path:
    """A copy of this checkout with few tests, whose build runs those of the configuration and audits nothing.

    What the drill shows is what the pipeline makes of a build's end; what a build does is not its matter, and takes
    minutes for each commit. Results of builds are shared with this checkout, so that they are taken from there.
    """
    checkout = SourceRepository(root=ROOT, folder=folder, branch="main").tree
    tests = checkout / "tests"
    kept = folder / "kept"
    for name in _TESTS:
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (tests / name).rename(kept / name)
    shutil.rmtree(tests)
    kept.rename(tests)
    (checkout / "plumbline" / "delivery" / "build.py").write_text(_BUILD)
    with (checkout / ".gitignore").open("a") as ignored:
        ignored.write("/node_modules\n/.venv\n")
    for name in ("node_modules", ".venv"):
        (checkout / name).symlink_to((ROOT / name).resolve())
    for name in ("codebuild", "images"):
        (ROOT / ".plumb" / name).mkdir(parents=True, exist_ok=True)
        (checkout / ".plumb").mkdir(exist_ok=True)
        (checkout / ".plumb" / name).symlink_to(ROOT / ".plumb" / name)
    return checkout
