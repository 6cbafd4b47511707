"""The two commands that look at an account, as a person without one meets them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plumbline.accounts import access, bootstrapping
from plumbline.accounts.access import Caller
from plumbline.accounts.parts import parts
from plumbline.cli.bootstrap import bootstrap
from plumbline.configuration import Environment, load_platform
from plumbline.errors import PlumblineError

ROOT = Path(__file__).resolve().parents[3]


def _plumb(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line as somebody whom no variable and no file gives credentials."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobody = {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return subprocess.run(
        [sys.executable, "-m", "plumbline.cli", *words],
        cwd=ROOT,
        env=own | nobody,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", [("bootstrap",), ("bootstrap", "--dry-run"), ("doctor",), ("doctor", "--json")])
def test_without_credentials_a_command_says_so_in_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = _plumb(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("plumb: there are no AWS credentials")
    assert len(done.stderr.splitlines()) == 1


def test_the_commands_of_every_account_are_printed_without_credentials(tmp_path: Path) -> None:
    done = _plumb(tmp_path, "bootstrap", "--print")
    assert (done.returncode, done.stderr) == (0, "")
    headings = [line for line in done.stdout.splitlines() if line.startswith("#")]
    assert headings == [
        f"# {played}: as an administrator of account {account}"
        for account, played in parts(load_platform(ROOT)).items()
    ]


def test_a_dry_run_and_commands_exclude_each_other(tmp_path: Path) -> None:
    done = _plumb(tmp_path, "bootstrap", "--dry-run", "--print")
    assert done.returncode == 2
    assert "--dry-run and --print exclude each other" in done.stderr


@pytest.fixture
def administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody whom AWS takes for the administrator of staging."""
    account = load_platform(ROOT).deployment(Environment.STAGING).account
    caller = Caller(account=account, arn=f"arn:aws:iam::{account}:root", answered_at=None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(access, "identify", lambda _clients, *, region: caller)  # noqa: ARG005


def _ends_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def bootstrapped(**_: object) -> None:
        raise error

    monkeypatch.setattr(bootstrapping, "bootstrap", bootstrapped)


@pytest.mark.usefixtures("administrator")
def test_an_interrupted_bootstrap_says_how_far_it_is_known_to_have_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _ends_with(KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        bootstrap(dry_run=False, print_only=False)
    assert f"{load_platform(ROOT).bootstrap_stack} is not known to be ready" in capsys.readouterr().err


@pytest.mark.usefixtures("administrator")
def test_a_bootstrap_that_aws_refuses_keeps_its_exit_code_and_says_that_it_can_be_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _ends_with(PlumblineError("refused.", exit_code=1), monkeypatch)
    with pytest.raises(PlumblineError, match="running this again is safe") as refusal:
        bootstrap(dry_run=False, print_only=False)
    assert refusal.value.exit_code == 1
