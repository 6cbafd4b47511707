"""Policies as data.

A statement of the CDK's own costs a round trip between Python and JavaScript, and a role here has a dozen: written as
data, a whole document crosses once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aws_cdk import aws_iam as iam

Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy.

    Attributes:
        sid: Its name: letters and digits, unique in its document.
        actions: What it is about.
        not_actions: In the place of `actions`: everything but these.
        resources: ARNs or patterns of ARNs; may be tokens. None in a trust policy.
        not_resources: In the place of `resources`: everything but these.
        conditions: Operator → key → value or values; left out, none.
        principal: Whom a resource policy speaks of, e.g. `{"AWS": "arn:…"}`; left out in an identity policy.
        effect: Whether it allows or denies.
    """

    sid: str
    actions: Sequence[str] = ()
    not_actions: Sequence[str] = ()
    resources: Sequence[str] = ()
    not_resources: Sequence[str] = ()
    conditions: Conditions = field(default_factory=dict)
    principal: Mapping[str, str | Sequence[str]] | None = None
    effect: Literal["Allow", "Deny"] = "Allow"

    def as_json(self) -> dict[str, object]:
        """The statement as IAM takes it."""
        conditions = {
            operator: {key: _terse(value) for key, value in keys.items()} for operator, keys in self.conditions.items()
        }
        return {
            "Sid": self.sid,
            "Effect": self.effect,
            **({"Principal": {kind: _terse(who) for kind, who in self.principal.items()}} if self.principal else {}),
            **({"NotAction": _terse(self.not_actions)} if self.not_actions else {"Action": _terse(self.actions)}),
            **({"NotResource": _terse(self.not_resources)} if self.not_resources else {}),
            **({"Resource": _terse(self.resources)} if self.resources else {}),
            **({"Condition": conditions} if conditions else {}),
        }

    def as_statement(self) -> iam.PolicyStatement:
        """The statement for a resource that takes one at a time."""
        return iam.PolicyStatement.from_json(self.as_json())


def once(arns: Iterable[str]) -> list[str]:
    """Each ARN once, in the order in which they come first: accounts that play several parts name one twice."""
    return list(dict.fromkeys(arns))


def policy_json(statements: Sequence[Statement]) -> dict[str, object]:
    """A policy document of the statements, in their order, as IAM takes it."""
    return {"Version": "2012-10-17", "Statement": [statement.as_json() for statement in statements]}


def document(statements: Sequence[Statement]) -> iam.PolicyDocument:
    """A policy document of the statements, in their order."""
    return iam.PolicyDocument.from_json(policy_json(statements))


def _terse(value: str | Sequence[str]) -> str | list[str]:
    """One value as itself, since IAM counts brackets; several as a list, as which alone a sequence crosses."""
    if isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else list(value)
