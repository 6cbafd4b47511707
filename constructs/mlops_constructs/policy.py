"""Policies as data.

A statement of the CDK's own costs a round trip between Python and JavaScript, and a role here has a dozen: written as
data, a whole document crosses once.
"""

from collections.abc import Mapping, Sequence
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
        resources: ARNs or patterns of ARNs; may be tokens.
        not_resources: In the place of `resources`: everything but these.
        conditions: Operator → key → value or values; left out, none.
        principal: Whom a resource policy speaks of, e.g. `{"AWS": "arn:…"}`; left out in an identity policy.
        effect: Whether it allows or denies.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str] = ()
    not_resources: Sequence[str] = ()
    conditions: Conditions = field(default_factory=dict)
    principal: Mapping[str, str | Sequence[str]] | None = None
    effect: Literal["Allow", "Deny"] = "Allow"

    def as_json(self) -> dict[str, object]:
        """The statement as IAM takes it."""
        conditions = {
            operator: {key: _listed(value) for key, value in keys.items()} for operator, keys in self.conditions.items()
        }
        return {
            "Sid": self.sid,
            "Effect": self.effect,
            **({"Principal": {kind: _listed(who) for kind, who in self.principal.items()}} if self.principal else {}),
            "Action": list(self.actions),
            **({"NotResource": list(self.not_resources)} if self.not_resources else {"Resource": list(self.resources)}),
            **({"Condition": conditions} if conditions else {}),
        }

    def as_statement(self) -> iam.PolicyStatement:
        """The statement for a resource that takes one at a time."""
        return iam.PolicyStatement.from_json(self.as_json())


def document(statements: Sequence[Statement]) -> iam.PolicyDocument:
    """A policy document of the statements, in their order."""
    return iam.PolicyDocument.from_json(
        {"Version": "2012-10-17", "Statement": [statement.as_json() for statement in statements]}
    )


def _listed(value: str | Sequence[str]) -> str | list[str]:
    """What crosses to JavaScript: a sequence does so only as a list."""
    return value if isinstance(value, str) else list(value)
