"""Policies as data.

A statement of the CDK's own costs a round trip between Python and JavaScript, and a role here has a dozen: written as
data, a whole document crosses once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import aws_iam as iam

Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One allowing statement of an identity policy.

    Attributes:
        sid: Its name: letters and digits, unique in its document.
        actions: Actions, never a wildcard.
        resources: ARNs or patterns of ARNs; may be tokens.
        conditions: Operator → key → value or values; left out, none.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Conditions = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The statement as IAM takes it."""
        conditions = {operator: dict(keys) for operator, keys in self.conditions.items()}
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **({"Condition": conditions} if conditions else {}),
        }


def document(statements: Sequence[Statement]) -> iam.PolicyDocument:
    """A policy document of the statements, in their order."""
    return iam.PolicyDocument.from_json(
        {"Version": "2012-10-17", "Statement": [statement.as_json() for statement in statements]}
    )
