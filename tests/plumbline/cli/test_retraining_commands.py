"""`plumb status` and `plumb retrain`, as people call them."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions.retraining_governor import index
from plumbline.accounts import access
from plumbline.accounts.access import Caller
from plumbline.configuration import load_platform
from tests.functions import governing
from tests.functions.governing import Client, Cloud
from tests.plumbline.cli.calling import plumb

ROOT = Path(__file__).resolve().parents[3]


class Entries:
    """EventBridge, which takes whatever comes."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 names it
        self.got += Entries
        return {"Entries": [{"EventId": "1"}]}


class Signed:
    """Somebody's access to staging."""

    def __init__(self, cloud: Cloud) -> None:
        self.bus = Entries()
        self._cloud = cloud

    def client(self, service: str) -> object:
        return self.bus if service == "events" else Client(self._cloud, service)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = governing.cloud()
    made.use(monkeypatch)
    return made


@pytest.fixture
def signed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Signed:
    made = Signed(cloud)
    account = load_platform(ROOT).governing.account
    caller = Caller(account=account, arn=f"arn:aws:sts::{account}:assumed-role/somebody/ada", answered_at=None)
    monkeypatch.setattr(access, "Access", lambda _platform: made)
    monkeypatch.setattr(access, "identify", lambda _access, *, region: caller)  # noqa: ARG005
    return made


@pytest.mark.usefixtures("signed")
def test_status_says_what_was_decided_and_why() -> None:
    index.handler(governing.alarm(), None)
    index.handler(governing.request(), None)
    ended = plumb("status", "flight_delays")
    assert ended.code == 0
    first, _, *rows = ended.stdout.splitlines()
    assert first.startswith("in flight: arn:aws:sagemaker:")
    # What is longer than the screen goes on below, under its column.
    assert {tuple(row.split()[1:3]) for row in rows if row[:1].isdigit()} == {("drift", "started"), ("person", "in")}


@pytest.mark.usefixtures("signed")
def test_status_says_what_a_run_was_given(cloud: Cloud) -> None:
    cloud.add_window("flight_delays", "20261108T0000Z")
    cloud.add_window("flight_delays", "20261115T0000Z")
    cloud.add_window("flight_delays", "20261122T0000Z", rows=0)
    index.handler(governing.alarm(), None)
    said = " ".join(plumb("status", "flight_delays").stdout.split())
    assert "started one, 2 labelled windows to 20261115T0000Z" in said
    assert "left out: the labelled window 20261122T0000Z has no whole number of rows" in said
    (decision,) = json.loads(plumb("status", "flight_delays", "--json").stdout)["decisions"]
    assert (decision["windows"], decision["newest_window"], len(decision["labelled"])) == (2, "20261115T0000Z", 16)


@pytest.mark.usefixtures("signed")
def test_status_before_any_signal() -> None:
    assert plumb("status", "flight_delays").stdout == (
        "in flight: no run; failed in a row: 0\nnothing was decided yet\n"
    )


@pytest.mark.usefixtures("signed")
def test_status_for_a_program() -> None:
    index.handler(governing.alarm(), None)
    found = json.loads(plumb("status", "flight_delays", "--json").stdout)
    assert [one["verdict"] for one in found["decisions"]] == ["started"]


def test_retrain_asks_the_governor(signed: Signed) -> None:
    ended = plumb("retrain", "flight_delays", "--because", "new labels", "--resume")
    assert ended.code == 0
    (entry,) = signed.bus.got
    detail = json.loads(entry["Detail"])
    assert (detail["model"], detail["reason"], detail["resume"]) == ("flight_delays", "new labels", True)
    assert detail["id"] in ended.stdout


def test_retrain_without_a_reason_asks_nobody(signed: Signed) -> None:
    ended = plumb("retrain", "flight_delays")
    assert (ended.code, ended.stderr) == (2, "plumb: because: 0 characters; accepted: 1 to 1000.\n")
    assert signed.bus.got == []


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize("words", [("status", "flights"), ("retrain", "flights", "--because", "x")])
def test_an_unknown_model_is_named(words: tuple[str, ...]) -> None:
    ended = plumb(*words)
    assert (ended.code, ended.stderr) == (2, "plumb: there is no model flights; accepted: flight_delays.\n")


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(
    ("words", "role"),
    [
        (("status", "flight_delays"), "data-scientist"),
        (("retrain", "flight_delays", "--because", "x"), "approver"),
    ],
)
def test_credentials_of_another_account_are_named(
    words: tuple[str, ...], role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Caller(account="999999999999", arn="arn:aws:sts::999999999999:assumed-role/x/y", answered_at=None)
    monkeypatch.setattr(access, "identify", lambda _access, *, region: stranger)  # noqa: ARG005
    ended = plumb(*words)
    assert ended.code == 2
    assert f"accepted: arn:aws:iam::222222222222:role/plumbline-staging-{role}" in ended.stderr
