"""`plumb smoke`, as a person calls it."""

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plumbline.accounts import access
from plumbline.accounts.access import Caller
from plumbline.audit import auditing
from plumbline.configuration import Environment, Person, load_platform
from plumbline.rehearsal import summary
from plumbline.smoke import smoke
from plumbline.smoke.smoke import Smoked
from tests.plumbline.cli.calling import plumb
from tests.plumbline.smoke.test_comparison import WAY

ROOT = Path(__file__).resolve().parents[3]
SMOKED = Smoked(
    id="x",
    accounts={},
    region="eu-west-1",
    models=({"model": "flight_delays"},),
    cost={},
    steps={},
    seconds=1.0,
)


class _Clients:
    def client(self, service: str, *, region: str | None = None) -> None:
        assert (service, region) == ("pricing", "us-east-1")


def _as(arn: str, monkeypatch: pytest.MonkeyPatch, *, commit: str = "0123abcd") -> None:
    monkeypatch.setattr(access, "Access", lambda _platform: _Clients())
    monkeypatch.setattr(
        access,
        "identify",
        lambda _access, *, region: Caller(account=arn.split(":")[4], arn=arn, answered_at=None),  # noqa: ARG005
    )
    monkeypatch.setattr(auditing, "commit_of", lambda _root: commit)


def _scientist(environment: Environment) -> str:
    deployment = load_platform(ROOT).deployment(environment)
    role = deployment.person_role_arn(Person.DATA_SCIENTIST).rpartition("/")[2]
    return f"arn:{deployment.partition}:sts::{deployment.account}:assumed-role/{role}/ada"


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


@pytest.mark.parametrize(
    "arn",
    [
        _scientist(Environment.STAGING),
        f"arn:aws:iam::{load_platform(ROOT).deployment(Environment.DEV).account}:root",
        _scientist(Environment.DEV).replace("-scientist/", "-scientist-2/"),
    ],
)
def test_somebody_else_than_a_data_scientist_of_dev_is_refused(arn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _as(arn, monkeypatch)
    ended = plumb("smoke", "--aws")
    role = load_platform(ROOT).deployment(Environment.DEV).person_role_arn(Person.DATA_SCIENTIST)
    assert (ended.code, ended.stderr) == (
        2,
        f"plumb: smoke: the credentials are of {arn}; accepted: a session of {role}.\n",
    )


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"models": [{"model": "delays"}]}'])
def test_a_rehearsal_of_another_version_is_one_sentence_and_nothing_is_lost(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _as(_scientist(Environment.DEV), monkeypatch)
    rehearsed = tmp_path / "rehearsal.json"
    rehearsed.write_text(text)
    write = Smoked.write
    monkeypatch.setattr(smoke.Smoke, "go", lambda _self: dataclasses.replace(SMOKED, models=(WAY,)))
    monkeypatch.setattr(Smoked, "write", lambda self, _folder: write(self, tmp_path))
    monkeypatch.setattr(summary, "FILE", str(rehearsed))
    ended = plumb("smoke", "--aws")
    assert ended.code == 1
    assert ended.stderr.startswith("plumb: smoke: rehearsal.json cannot be set beside it; accepted: ")
    assert (tmp_path / "smoke.json").exists()


@pytest.mark.parametrize(
    ("commit", "told"),
    [
        ("", "no checkout of git"),
        ("0123abcd, with changes that are not committed", "0123abcd, with changes that are not committed"),
    ],
)
def test_what_is_no_commit_is_refused(commit: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _as(_scientist(Environment.DEV), monkeypatch, commit=commit)
    ended = plumb("smoke", "--aws")
    assert ended.code == 2
    assert ended.stderr.startswith(f"plumb: smoke: the checkout is {told}; accepted: ")


def test_it_goes_within_the_budget_and_is_set_beside_the_rehearsal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _as(_scientist(Environment.DEV), monkeypatch)
    asked: dict[str, Any] = {}

    class Way:
        def __init__(self, **given: object) -> None:
            asked.update(given)

        def go(self) -> Smoked:
            return dataclasses.replace(SMOKED, models=(WAY | {"dataset_id": "another"},))

    written = tmp_path / "smoke.json"
    rehearsed = tmp_path / "rehearsal.json"
    rehearsed.write_text(json.dumps({"models": [WAY]}))
    write = Smoked.write
    monkeypatch.setattr(smoke, "Smoke", Way)
    monkeypatch.setattr(Smoked, "write", lambda self, _folder: write(self, tmp_path))
    monkeypatch.setattr(summary, "FILE", str(rehearsed))
    ended = plumb("smoke", "--aws", "--budget", "7.5")
    assert ended.code == 0, ended.stderr
    assert (asked["budget"], asked["commit"]) == (Decimal("7.5"), "0123abcd")
    assert json.loads(written.read_text())["models"][0]["dataset_id"] == "another"
    assert [line.split() for line in ended.stdout.splitlines() if "differs" in line] == [
        ["dataset", "id", "d1", "another", "differs"]
    ]
