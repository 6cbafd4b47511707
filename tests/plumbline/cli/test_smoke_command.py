"""`plumb smoke`, as a person calls it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plumbline.accounts import access
from plumbline.accounts.access import Caller
from plumbline.configuration import Environment, load_platform
from plumbline.smoke import smoke
from plumbline.smoke.smoke import Smoked
from tests.plumbline.cli.calling import plumb

ROOT = Path(__file__).resolve().parents[3]
SMOKED = Smoked(
    id="x",
    accounts={},
    region="eu-west-1",
    models=({"model": "flight_delays"},),
    cost={"endpoint_hourly": "0.2300"},
    steps={},
    seconds=1.0,
)


class _Clients:
    def client(self, service: str, *, region: str | None = None) -> None:
        assert (service, region) == ("pricing", "us-east-1")


def _as_somebody_of(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller(account=account, arn=f"arn:aws:iam::{account}:root", answered_at=None)
    monkeypatch.setattr(access, "Access", lambda _platform: _Clients())
    monkeypatch.setattr(access, "identify", lambda _access, *, region: caller)  # noqa: ARG005


def test_without_aws_it_says_that_it_costs_money() -> None:
    ended = plumb("smoke")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.endswith("which costs money; say so with --aws.\n")


@pytest.mark.parametrize("budget", ["0", "-1", "nan", "inf", "five", ""])
def test_a_budget_that_is_none_is_refused(budget: str) -> None:
    ended = plumb("smoke", "--aws", "--budget", budget)
    assert ended.code == 2
    assert ended.stderr == f"plumb: smoke: --budget {budget}: accepted is an amount of US dollars above 0, such as 5.\n"


def test_a_model_that_there_is_not_is_refused() -> None:
    ended = plumb("smoke", "--aws", "--model", "trains")
    assert (ended.code, ended.stderr) == (2, "plumb: there is no model trains; accepted: flight_delays.\n")


def test_somebody_of_another_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = load_platform(ROOT)
    _as_somebody_of(platform.deployment(Environment.PRODUCTION).account, monkeypatch)
    ended = plumb("smoke", "--aws")
    assert ended.code == 2
    staging = platform.deployment(Environment.STAGING).account
    assert ended.stderr.endswith(f"accepted: an administrator of {staging}.\n")


def test_what_goes_on_costing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    staging = load_platform(ROOT).deployment(Environment.STAGING)
    _as_somebody_of(staging.account, monkeypatch)
    asked: dict[str, Any] = {}

    class Way:
        def __init__(self, **given: object) -> None:
            asked.update(given)

        def go(self) -> Smoked:
            return SMOKED

    monkeypatch.setattr(smoke, "Smoke", Way)
    monkeypatch.setattr(Smoked, "write", lambda _self, _folder: tmp_path / "smoke.json")
    monkeypatch.setattr("plumbline.rehearsal.summary.FILE", "no-such-file")
    ended = plumb("smoke", "--aws", "--budget", "7.5")
    assert ended.code == 0
    assert asked["budget"] == Decimal("7.5")
    assert ended.stdout.rstrip().endswith("goes on, at 0.2300 USD an hour.")
