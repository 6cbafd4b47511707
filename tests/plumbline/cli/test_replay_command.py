"""`plumb replay`, as people call it."""

import json
from pathlib import Path

import pytest

from plumbline.accounts import access
from plumbline.accounts.access import Caller
from plumbline.configuration import Environment, load_platform
from tests.functions import governing
from tests.functions.governing import Cloud
from tests.plumbline.cli.calling import plumb
from tests.plumbline.replaying.test_replay import Account

ROOT = Path(__file__).resolve().parents[3]


class Signed:
    """Somebody's access to staging."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.waits: dict[str, int | None] = {}

    def client(self, service: str, *, wait_seconds: int | None = None) -> object:
        self.waits[service] = wait_seconds
        return self._account


@pytest.fixture
def account() -> Account:
    return Account(load_platform(ROOT).deployment(Environment.STAGING))


@pytest.fixture
def signed(account: Account, monkeypatch: pytest.MonkeyPatch) -> Signed:
    made = Signed(account)
    caller = Caller(account="222222222222", arn="arn:aws:sts::222222222222:assumed-role/x/ada", answered_at=None)
    monkeypatch.setattr(access, "Access", lambda _platform: made)
    monkeypatch.setattr(access, "identify", lambda _access, *, region: caller)  # noqa: ARG005
    return made


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = governing.cloud()
    made.use(monkeypatch)
    return made


@pytest.mark.usefixtures("cloud")
def test_what_lies_there_is_called_with_and_shown(account: Account, signed: Signed) -> None:
    account.put(governing.alarm(), RequestID="1", ErrorCode="200", ErrorMessage="[bold] no dataset")
    ended = plumb("replay")
    assert ended.code == 0
    table = ended.stdout[ended.stdout.index("when") :]
    titles, row, *_ = table.splitlines()
    assert titles.split() == ["when", "rule", "target", "error", "now"]
    assert row.split()[:3] == ["2026-11-28T14:00:00", "-", "plumbline-staging-retraining-governor"]
    assert "[bold] no dataset" in row
    assert account.messages == []
    assert signed.waits == {"sqs": None, "events": None, "lambda": 900}


@pytest.mark.usefixtures("signed")
def test_what_stays_is_named_with_exit_code_1(account: Account) -> None:
    account.put("no JSON", RequestID="1", ErrorCode="200", ErrorMessage="x")
    ended = plumb("replay")
    assert ended.code == 1
    assert "stays: no function of the environment is called with it" in ended.stdout


@pytest.mark.usefixtures("signed")
def test_a_dry_run_shows_what_would_be_called(account: Account) -> None:
    account.put(governing.alarm(), RequestID="1")
    ended = plumb("replay", "--dry-run", "--json")
    assert ended.code == 0
    (one,) = json.loads(ended.stdout)
    assert (one["said"], one["done"]) == ("would call plumbline-staging-retraining-governor", False)
    assert len(account.messages) == 1


@pytest.mark.usefixtures("signed")
def test_an_empty_queue_is_said_to_be_so() -> None:
    ended = plumb("replay")
    assert ended.code == 0
    assert ended.stdout.startswith("nothing lies in plumbline-staging-events-failed; what has just failed again comes ")


@pytest.mark.usefixtures("signed")
def test_credentials_of_another_account_are_named() -> None:
    ended = plumb("replay", "--environment", "production")
    assert ended.code == 2
    assert "accepted: arn:aws:iam::333333333333:role/plumbline-production-on-call, which replays" in ended.stderr
