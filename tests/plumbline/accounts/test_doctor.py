"""What becomes of the findings."""

import json
from collections.abc import Iterator

import pytest

from plumbline.accounts import doctor
from plumbline.accounts.findings import Check, Finding, State, cannot_tell, missing, ok
from plumbline.accounts.looking import CannotTellError, Look
from plumbline.configuration import Organization, Platform
from plumbline.errors import PlumblineError


def _with(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(doctor, "CHECKS", checks)


def _denied(_: Look) -> Iterator[Finding]:
    raise CannotTellError("iam:GetRole")


def _unanswered(_: Look) -> Iterator[Finding]:
    raise CannotTellError("iam:GetRole", why="the answer is 400")


def _unreadable(_: Look) -> Iterator[Finding]:
    raise PlumblineError("model.toml: cannot be read.")


def _fine(_: Look) -> Iterator[Finding]:
    yield ok("fine", "as it should be")


def test_what_may_not_be_seen_hides_nothing_else(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, Check(name="denied", look=_denied), Check(name="fine", look=_fine))
    denied, fine = doctor.examine(look)
    assert (denied.state, denied.said) == (State.CANNOT_TELL, "iam:GetRole")
    assert denied.way_out == f"let {look.caller.arn} do iam:GetRole"
    assert fine.state is State.OK


def test_what_nobody_answers_is_no_permission_to_ask_for(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, Check(name="unanswered", look=_unanswered))
    (finding,) = doctor.examine(look)
    assert (finding.said, finding.way_out) == ("iam:GetRole: the answer is 400", "")


def test_a_file_that_cannot_be_read_is_a_finding(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, Check(name="unreadable", look=_unreadable))
    (finding,) = doctor.examine(look)
    assert finding.said == "model.toml: cannot be read."


@pytest.mark.parametrize(
    ("finding", "ready"),
    [
        (ok("x", "there"), True),
        (cannot_tell("x", "iam:GetRole"), True),
        (missing("x", "gone", way_out="make it", needed=False), True),
        (missing("x", "gone", way_out="make it"), False),
    ],
    ids=["ok", "cannot tell", "missing later", "missing"],
)
def test_only_what_the_first_deployment_needs_keeps_from_it(finding: Finding, ready: bool) -> None:
    assert doctor.is_ready([finding]) is ready


def test_the_other_accounts_are_named_with_their_parts(platform: Platform) -> None:
    said = {finding.check: finding.said.partition(":")[0] for finding in doctor.unseen(platform, "222222222222")}
    assert said == {"account 111111111111": "dev", "account 333333333333": "production"}


def test_the_organisations_manager_is_among_what_is_not_seen(platform: Platform) -> None:
    configured = Organization(id="o-exampleorg1", management_account="666666666666", targets=["r-root"])
    member = platform.model_copy(update={"organization": configured})
    assert doctor.unseen(member, "222222222222")[-1].check == "account 666666666666"


def test_a_script_reads_the_findings_as_json(look: Look) -> None:
    document = json.loads(doctor.report(look, [missing("x", "gone", way_out="make it"), ok("y", "there")]))
    assert (document["account"], document["parts"], document["ready"]) == (look.account, "staging and delivery", False)
    assert document["findings"][0] == {
        "check": "x",
        "state": "missing",
        "said": "gone",
        "way_out": "make it",
        "needed": True,
    }


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in doctor.CHECKS]
    assert len(names) == len(set(names))
