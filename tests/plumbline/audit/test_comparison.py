"""What a change opens, closes and takes away."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plumbline.audit.comparison import Comparison, compare
from plumbline.audit.grants import Grant
from plumbline.audit.steps import silently
from plumbline.errors import PlumblineError
from tests.plumbline.audit.subjects import TODAY, allow, policy
from tests.plumbline.audit.tiny_app import change_app, commit, write_app

_KEY_POLICY = policy(allow("kms:Decrypt", "*", Principal={"AWS": "arn:aws:iam::111111111111:role/reader"}))
_KEY = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": _KEY_POLICY, "EnableKeyRotation": True}}


def _role(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"ManagedPolicyName": "trains", "PolicyDocument": policy(*statements)},
    }


NO_CHANGE = Comparison(
    reference="HEAD",
    opened=(),
    excused=(),
    closed=(),
    gained=(),
    covered=frozenset(),
    lost=(),
    losses=(),
    problems=(),
    not_compared=(),
)
_READS = allow("s3:GetObject", "arn:aws:s3:::data/x", Condition={"Bool": {"aws:SecureTransport": "true"}})


def _compared(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> Comparison:
    commit(write_app(tmp_path, before))
    change_app(tmp_path, after)
    return compare(tmp_path, "HEAD", today=TODAY, step=silently)


def _whats(found: tuple[Any, ...]) -> list[tuple[str, str, str, str]]:
    return [(one.effect, one.principal, one.action, one.condition) for one in found]


def test_no_change_opens_nothing(tmp_path: Path) -> None:
    comparison = _compared(tmp_path, {"Role": _role(_READS)}, {"Role": _role(_READS)})
    assert not comparison.opens
    assert comparison.markdown().startswith(
        "## Audit against `HEAD`\n\n**Nothing opens that no waiver covers**: no findings open, no findings close, no "
        "permissions open, no permissions close, no resources with state are lost."
    )


def test_a_permission_that_opens_is_told_and_asks_for_a_person(tmp_path: Path) -> None:
    comparison = _compared(
        tmp_path, {"Role": _role(_READS)}, {"Role": _role(_READS, allow("s3:PutObject", "arn:aws:s3:::data/x"))}
    )
    assert _whats(comparison.gained) == [("Allow", "", "s3:PutObject", "")]
    assert comparison.opens
    assert (
        "| `stack/trains` PolicyDocument |  | allows `s3:PutObject` | `arn:aws:s3:::data/x` |  |"
        in comparison.markdown()
    )


def test_a_permission_that_closes_asks_for_nobody(tmp_path: Path) -> None:
    comparison = _compared(
        tmp_path, {"Role": _role(_READS, allow("s3:PutObject", "arn:aws:s3:::data/x"))}, {"Role": _role(_READS)}
    )
    assert _whats(comparison.lost) == [("Allow", "", "s3:PutObject", "")]
    assert not comparison.opens
    assert "no longer allows `s3:PutObject`" in comparison.markdown()


def test_a_condition_that_is_dropped_opens(tmp_path: Path) -> None:
    comparison = _compared(
        tmp_path, {"Role": _role(_READS)}, {"Role": _role(allow("s3:GetObject", "arn:aws:s3:::data/x"))}
    )
    assert _whats(comparison.gained) == [("Allow", "", "s3:GetObject", "")]
    assert _whats(comparison.lost) == [("Allow", "", "s3:GetObject", "aws:SecureTransport is true")]


def test_a_denial_that_is_gone_opens(tmp_path: Path) -> None:
    denial = {**_READS, "Effect": "Deny"}
    comparison = _compared(tmp_path, {"Role": _role(_READS, denial)}, {"Role": _role(_READS)})
    assert [effect for effect, *_ in _whats(comparison.gained)] == ["Deny"]
    assert "no longer denies `s3:GetObject`" in comparison.markdown()


def test_a_policy_that_only_moves_changes_nothing(tmp_path: Path) -> None:
    comparison = _compared(tmp_path, {"Role": _role(_READS)}, {"Moved": _role(_READS)})
    assert not comparison.gained
    assert not comparison.lost


def test_findings_that_open_and_close_are_told(tmp_path: Path) -> None:
    still = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": _KEY_POLICY, "EnableKeyRotation": False}}
    comparison = _compared(tmp_path, {"Old": still}, {"New": still})
    assert {("Plumbline::PL-KMS-01", "New")} <= {(j.finding.rule, j.finding.resource) for j in comparison.opened}
    assert {("Plumbline::PL-KMS-01", "Old")} <= {(j.finding.rule, j.finding.resource) for j in comparison.closed}
    assert comparison.opens


def test_a_resource_with_state_that_goes_is_told(tmp_path: Path) -> None:
    comparison = _compared(tmp_path, {"Key": _KEY, "Role": _role(_READS)}, {"Role": _role(_READS)})
    assert comparison.opens
    assert "| `stack` | `Key` | AWS::KMS::Key | deleted |  |" in comparison.markdown()


def _waiving(resource: dict[str, Any], **waiver: Any) -> dict[str, Any]:
    entry = {"Decision": "d", "Reason": "It is so.", "Owner": "platform", "Until": "2099-01-01", **waiver}
    return {**resource, "Metadata": {"Plumbline": {"Waivers": [entry]}}}


def test_a_finding_that_opens_under_a_waiver_is_told_apart(tmp_path: Path) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": "alias/aws/sns"}}
    commit(write_app(tmp_path, {"Role": _role(_READS)}))
    rules = {j.finding.rule for j in _compared_again(tmp_path, {"Role": _role(_READS), "Topic": topic}).opened}
    assert rules
    comparison = _compared_again(tmp_path, {"Role": _role(_READS), "Topic": _waiving(topic, Rule=min(rules))})
    assert [judged.finding.rule for judged in comparison.excused] == [min(rules)]
    assert "Findings that open under a waiver" in comparison.markdown()


def _compared_again(folder: Path, after: dict[str, Any]) -> Comparison:
    change_app(folder, after)
    return compare(folder, "HEAD", today=TODAY, step=silently)


def test_a_name_of_the_change_cannot_write_into_the_comment(tmp_path: Path) -> None:
    hostile = "x|`<img src=x>@everybody"
    role = _role(allow("s3:GetObject", "a"))
    role["Properties"]["ManagedPolicyName"] = hostile
    told = _compared(tmp_path, {"Key": _KEY}, {"Key": _KEY, "Role": role}).markdown()
    assert "`stack/x\\|'<img src=x>@everybody`" in told


@pytest.mark.parametrize("reference", ["nowhere", "--help", ""])
def test_an_unknown_commit_is_one_sentence(reference: str, tmp_path: Path) -> None:
    commit(write_app(tmp_path, {"Key": _KEY}))
    with pytest.raises(PlumblineError) as failed:
        compare(tmp_path, reference, today=TODAY, step=silently)
    assert str(failed.value) == f"{reference}: git knows no such commit here; accepted: a branch, tag or commit."
    assert failed.value.exit_code == 2


def test_a_commit_that_does_not_synthesize_is_told_apart_from_the_checkout(tmp_path: Path) -> None:
    write_app(tmp_path, {"Key": _KEY}, ending="raise ValueError('broken then')")
    (tmp_path / "app.py").write_text("raise ValueError('broken then')")
    commit(tmp_path)
    write_app(tmp_path, {"Key": _KEY})
    with pytest.raises(PlumblineError, match=r"^HEAD: the app does not synthesize.*: ValueError: broken then$"):
        compare(tmp_path, "HEAD", today=TODAY, step=silently)


def test_a_comment_stays_within_what_github_takes() -> None:
    gained = tuple(
        Grant(
            stack="stack",
            holder=f"role-{number}",
            policy="PolicyDocument",
            effect="Allow",
            principal="",
            action="s3:GetObject",
            resource=f"arn:aws:s3:::data-{number}/x",
            condition="",
            place=("stack.template.json", f"Role{number}"),
        )
        for number in range(400)
    )
    told = replace(NO_CHANGE, gained=gained, lost=gained).markdown()
    assert told.count("\n… and 375 more.\n") == 2
    assert len(told) < 65_536
