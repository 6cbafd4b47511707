"""Synth is a function of the repository: not of folder, day, time zone, hash seed, network or user."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.assembly import ROOT
from tests.house.layouts import FOUR_ACCOUNTS, ONE_ACCOUNT

_PARTS = (
    "app.py",
    "cdk.json",
    "constructs",
    "functions",
    "package.json",
    "pipeline_definitions",
    "platform.toml",
    "plumbline",
    "runtime",
    "stacks",
)
_GUARDS = Path(__file__).parent / "pure"


def _copy(target: Path, platform: str | None = None) -> Path:
    """A copy of the repository, with another `platform.toml` if one is given."""
    target.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for part in _PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=ignored)
        else:
            shutil.copy2(source, target / part)
    if platform is not None:
        (target / "platform.toml").write_text(platform, encoding="utf-8")
    return target


class _Child:
    """`python app.py` of a copy of the repository, with a clean environment."""

    def __init__(self, folder: Path, *, hash_seed: str, time_zone: str, days: int, cwd: Path, code: str | None = None):
        self.attempts = folder.parent / f"{folder.name}.attempts"
        self.output = folder.parent / f"{folder.name}.out"
        home = folder.parent / f"{folder.name}.home"
        home.mkdir()
        context = json.loads((folder / "cdk.json").read_text())["context"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "JSII_NODE": os.environ["JSII_NODE"],
            # The unpacked library, which an empty home would have to unpack again.
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache/aws/jsii/package-cache"),
            "NODE_OPTIONS": f'--require "{_GUARDS / "preload.js"}"',
            "PYTHONPATH": str(_GUARDS),
            "PYTHONHASHSEED": hash_seed,
            "TZ": time_zone,
            "PLUMBLINE_TEST_ATTEMPTS": str(self.attempts),
            "PLUMBLINE_TEST_DAYS": str(days),
            "CDK_OUTDIR": str(self.output),
            "CDK_CONTEXT_JSON": json.dumps(context),
        }
        command = ["-c", code] if code else [str(folder / "app.py")]
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> str:
        said, _ = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, said
        return said

    def files(self) -> dict[str, bytes]:
        # The report holds no template; the tree is for people and never deployed, but it is compared all the same.
        return {
            str(path.relative_to(self.output)): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file() and path.name != "validation-report.json"
        }


@pytest.mark.thorough(reason="another day and hash seed take processes of their own, each of which synthesizes all")
@pytest.mark.parametrize(
    "platform", [None, FOUR_ACCOUNTS, ONE_ACCOUNT], ids=["three accounts", "four accounts", "one account"]
)
def test_synth_is_byte_equal_wherever_and_whenever_without_network_and_credentials(
    tmp_path: Path, platform: str | None
) -> None:
    here, there = _copy(tmp_path / "one", platform), _copy(tmp_path / "the other", platform)
    first = _Child(here, hash_seed="1", time_zone="Pacific/Kiritimati", days=0, cwd=here)
    second = _Child(there, hash_seed="2", time_zone="America/Adak", days=-4_000, cwd=Path("/"))
    first.finish()
    second.finish()
    assert [name for name in first.files() if name.endswith(".template.json")]
    assert first.files() == second.files()
    assert not first.attempts.exists()
    assert not second.attempts.exists()


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import aws_cdk, subprocess, os; subprocess.run([os.environ['JSII_NODE'], '-e', 'fetch(`http://127.0.0.1:9`)'])",
    ],
    ids=["python", "node"],
)
def test_an_attempt_to_reach_the_network_would_be_seen(tmp_path: Path, code: str) -> None:
    child = _Child(_copy(tmp_path / "one"), hash_seed="1", time_zone="UTC", days=0, cwd=tmp_path, code=code)
    child._process.communicate(timeout=60)
    assert child.attempts.read_text()


def test_the_other_day_reaches_python_and_node(tmp_path: Path) -> None:
    code = (
        "import datetime, os, subprocess, time\n"
        "print(datetime.datetime.now().year, datetime.date.today().year, flush=True)\n"
        "print(time.gmtime(time.time()).tm_year, flush=True)\n"
        "subprocess.run([os.environ['JSII_NODE'], '-e', 'console.log(new Date().getFullYear())'], check=True)\n"
    )
    child = _Child(_copy(tmp_path / "one"), hash_seed="1", time_zone="UTC", days=36_525, cwd=tmp_path, code=code)
    years = {int(year) for year in child.finish().split()}
    assert min(years) >= 2126
