"""`plumb release`, as a person calls it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbline.accounts import access
from plumbline.accounts.access import Caller
from plumbline.configuration import Person, load_platform
from plumbline.errors import PlumblineError
from plumbline.releasing import releases
from plumbline.releasing.releases import BREAK_GLASS, Waiting
from tests.plumbline.cli.calling import plumb

ROOT = Path(__file__).resolve().parents[3]
WAITING = Waiting(execution="e2", token="t", says="flight_delays to production: version 2", link="https://record")


class Told:
    """What the command has done, in the place of an account's releases."""

    def __init__(self) -> None:
        self.answers: list[tuple[bool, str]] = []
        self.ended: list[str] = []
        self.refuses = ""

    def waiting(self) -> Waiting:
        return WAITING

    def answer(self, waiting: Waiting, *, approved: bool, because: str) -> None:
        assert waiting == WAITING
        self.answers.append((approved, because))

    def roll_back(self, to: int | None) -> tuple[int, str]:
        return to or 1, "e3"

    def wait_for_question(self, execution: str, **_tell: object) -> Waiting:
        assert execution == "e3"
        return WAITING

    def wait_for_end(self, execution: str, **_tell: object) -> None:
        self.ended.append(execution)
        if self.refuses:
            raise PlumblineError(self.refuses, exit_code=1)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """The releases of the account that the credentials are of: delivery's."""
    made = Told()
    account = load_platform(ROOT).delivery_account
    caller = Caller(account=account, arn=f"arn:aws:sts::{account}:assumed-role/approver/ada", answered_at=None)
    monkeypatch.setattr(access, "Access", lambda _platform: None)
    monkeypatch.setattr(access, "identify", lambda _access, *, region: caller)  # noqa: ARG005
    monkeypatch.setattr(releases, "Releases", lambda _access, _names: made)
    yield made


@pytest.mark.parametrize(("action", "approved"), [("approve", True), ("reject", False)])
def test_an_answer_says_what_it_is_about_and_keeps_why(told: Told, action: str, approved: bool) -> None:
    ended = plumb("release", "flight_delays", action, "--because", "seen it", "--yes")
    assert ended.code == 0
    assert ended.stdout.splitlines()[:2] == [WAITING.says, WAITING.link]
    assert told.answers == [(approved, "seen it")]


def test_an_approval_without_a_reason_says_whose_it_is(told: Told) -> None:
    plumb("release", "flight_delays", "approve", "--yes")
    ((approved, because),) = told.answers
    assert approved
    assert because.endswith("assumed-role/approver/ada")


def test_nobody_is_asked_in_a_script_so_it_has_to_say_yes(told: Told) -> None:
    ended = plumb("release", "flight_delays", "approve")
    assert ended.code == 2
    assert ended.stderr == "plumb: nobody is there to ask; say --yes if this release is meant.\n"
    assert told.answers == []


def test_a_rollback_leaves_the_answer_to_somebody_else(told: Told) -> None:
    ended = plumb("release", "flight_delays", "rollback", "--to", "3")
    assert ended.code == 0
    assert ended.stdout.startswith("version 3 of flight_delays is on its way again: execution e3\n")
    assert told.answers == []


def test_breaking_the_glass_answers_says_so_loudly_and_waits_for_production(told: Told) -> None:
    ended = plumb("release", "flight_delays", "rollback", "--to", "1", "--break-glass", "--because", "paging")
    assert ended.code == 0
    ((approved, because),) = told.answers
    assert approved
    assert because.startswith(f"{BREAK_GLASS} by ")
    assert because.endswith(": paging")
    assert told.ended == ["e3"]
    assert ended.stdout.endswith("production serves version 1 of flight_delays\n")


def test_a_rollback_that_fails_in_production_fails_the_command(told: Told) -> None:
    told.refuses = "execution e3 is Failed: Production/Deploy: no capacity."
    ended = plumb("release", "flight_delays", "rollback", "--to", "1", "--break-glass", "--because", "paging")
    assert ended.code == 1
    assert ended.stderr == f"plumb: {told.refuses}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("flights", "approve"), "there is no model flights; accepted: flight_delays."),
        (("flight_delays", "reject"), "release reject: say with --because why; whoever trained the model will ask."),
        (
            ("flight_delays", "approve", "--to", "3"),
            "release approve: --to and --break-glass belong to rollback; leave them out.",
        ),
        (
            ("flight_delays", "rollback", "--break-glass", "--because", "paging"),
            "release rollback --break-glass: say with --to which version is meant.",
        ),
        (
            ("flight_delays", "rollback", "--to", "1", "--break-glass"),
            "release rollback --break-glass: say with --because why nobody else is asked.",
        ),
    ],
)
def test_misuse_is_one_sentence(told: Told, words: tuple[str, ...], said: str) -> None:
    ended = plumb("release", *words)
    assert ended.code == 2
    assert ended.stderr == f"plumb: {said}\n"
    assert told.answers == []


def test_words_that_no_answer_can_hold_are_refused_before_anything_is_started(told: Told) -> None:
    ended = plumb("release", "flight_delays", "rollback", "--to", "1", "--break-glass", "--because", "x" * 500)
    assert ended.code == 2
    assert ended.stderr.endswith(" characters; accepted: at most 512.\n")
    assert ended.stdout == ""
    assert told.answers == []


def test_credentials_of_another_account_are_refused_with_the_role_that_is_wanted(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Caller(account="111111111111", arn="arn:aws:iam::111111111111:user/ada", answered_at=None)
    monkeypatch.setattr(access, "identify", lambda _access, *, region: caller)  # noqa: ARG005
    ended = plumb("release", "flight_delays", "approve", "--yes")
    assert ended.code == 2
    assert "user/ada" in ended.stderr
    assert load_platform(ROOT).delivery.person_role_arn(Person.APPROVER) in ended.stderr
    assert told.answers == []
