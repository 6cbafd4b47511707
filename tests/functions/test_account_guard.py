"""What the guard sets again after each deployment."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.account_guard import index

_EVENT = {
    "detail": {
        "stack-id": "arn:aws:cloudformation:eu-west-1:333333333333:stack/plumbline-production-serving-m/1a2b",
        "status-details": {"status": "UPDATE_COMPLETE"},
    }
}


class Account:
    """CloudFormation and EC2 of an account, as far as the guard asks them."""

    def __init__(self, *, missing: tuple[str, ...] = (), refused: str = "") -> None:
        self.policies: dict[str, Any] = {}
        self.protected: list[str] = []
        self.revoked: list[str] = []
        self._missing = missing
        self._refused = refused

    def set_stack_policy(self, *, StackName: str, StackPolicyBody: str) -> None:  # noqa: N803 - as boto3 names them
        if StackName in self._missing or self._refused:
            code = self._refused or "ValidationError"
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "SetStackPolicy")
        self.policies[StackName] = json.loads(StackPolicyBody)

    def update_termination_protection(self, *, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803
        assert EnableTerminationProtection
        self.protected.append(StackName)

    def describe_security_groups(self, *, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert {"Name": "group-name", "Values": ["default"]} in Filters
        assert {"Name": "vpc-id", "Values": ["vpc-1"]} in Filters
        rule = {"IpProtocol": "-1"}
        return {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [rule], "IpPermissionsEgress": [rule]}]}

    def revoke_security_group_ingress(self, *, GroupId: str, IpPermissions: list[Any]) -> None:  # noqa: N803
        assert IpPermissions
        self.revoked.append(f"in {GroupId}")

    def revoke_security_group_egress(self, *, GroupId: str, IpPermissions: list[Any]) -> None:  # noqa: N803
        assert IpPermissions
        self.revoked.append(f"out {GroupId}")


def _run(account: Account, monkeypatch: pytest.MonkeyPatch, *, protected: str) -> list[str]:
    monkeypatch.setenv("STACKS_BEFORE", "plumbline-production-foundation,plumbline-production-operations")
    monkeypatch.setenv("PROTECTED", protected)
    monkeypatch.setenv("VPC_ID", "vpc-1")
    monkeypatch.setattr("boto3.client", lambda _service: account)
    return index.handler(_EVENT, None)["guarded"]


def test_no_update_replaces_or_deletes_what_cannot_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    _run(account, monkeypatch, protected="*")
    for policy in account.policies.values():
        (denied,) = [statement for statement in policy["Statement"] if statement["Effect"] == "Deny"]
        assert denied["Action"] == ["Update:Replace", "Update:Delete"]
        assert "AWS::KMS::Key" in denied["Condition"]["StringEquals"]["ResourceType"]


def test_the_changed_stack_is_guarded_and_those_that_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    guarded = _run(account, monkeypatch, protected="*")
    assert guarded == [
        "plumbline-production-foundation",
        "plumbline-production-operations",
        "plumbline-production-serving-m",
    ]
    assert list(account.policies) == guarded


def test_every_stack_of_production_is_protected_from_termination(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    assert account.protected == []
    assert _run(account, monkeypatch, protected="*") == account.protected


def test_elsewhere_only_the_named_stacks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    _run(account, monkeypatch, protected="plumbline-production-foundation")
    assert account.protected == ["plumbline-production-foundation"]


def test_the_default_group_lets_nothing_in_or_out(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    _run(account, monkeypatch, protected="*")
    assert account.revoked == ["in sg-1", "out sg-1"]


def test_a_stack_that_is_not_there_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(missing=("plumbline-production-operations",))
    guarded = _run(account, monkeypatch, protected="*")
    assert guarded == ["plumbline-production-foundation", "plumbline-production-serving-m"]


def test_a_refusal_fails_so_that_the_event_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        _run(Account(refused="AccessDenied"), monkeypatch, protected="*")


def test_an_account_without_a_vpc_has_no_default_group(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    monkeypatch.setenv("STACKS_BEFORE", "plumbline-delivery")
    monkeypatch.setenv("PROTECTED", "*")
    monkeypatch.delenv("VPC_ID", raising=False)
    monkeypatch.setattr("boto3.client", lambda _service: account)
    index.handler(_EVENT, None)
    assert account.revoked == []
