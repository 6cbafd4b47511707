"""Reviewed exceptions to audit rules, written beside what they excuse."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from weakref import WeakKeyDictionary

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

from plumbline.errors import PlumblineError

# The packs of cdk-nag that judge by AWS Config's rules, under the same names in each.
_COMPLIANCE_PACKS = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")
_DECISION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_QUALIFIED = re.compile(r"[A-Za-z][\w.-]*::[A-Za-z][\w.-]*")


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One decision that a rule does not apply, and why; each place that it applies to declares it.

    Attributes:
        id: Short name of the decision in lower case, e.g. `job-objects`. Waivers of one id are one decision: they have
            the same reason, owner and date, whatever they excuse.
        rule: Qualified id of the rule, e.g. `AwsSolutions::AwsSolutions-IAM5`. An unqualified one would remove the
            finding without leaving a record.
        reason: Why an auditor should agree.
        owner: The team that answers for it.
        until: The day on which the reason has to be looked at again.
        findings: The exact findings of a rule that reports more than one, e.g. `Resource::*`; none for a rule that
            reports one.

    Raises:
        PlumblineError: The name is not in lower case with hyphens, the rule is not qualified, or reason or owner is
            missing.
    """

    id: str
    rule: str
    reason: str
    owner: str
    until: date
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field, value, pattern, accepted in (
            ("id", self.id, _DECISION, "lower-case words and digits with hyphens between them, e.g. job-objects"),
            ("rule", self.rule, _QUALIFIED, "a qualified id, e.g. AwsSolutions::AwsSolutions-IAM5"),
            ("reason", self.reason, re.compile(r".*\S.*", re.DOTALL), "a text"),
            ("owner", self.owner, re.compile(r".*\S.*"), "the name of a team"),
        ):
            if not pattern.fullmatch(value):
                raise PlumblineError(f"waiver {self.id!r}: {field} is {value!r}; accepted: {accepted}.")

    @property
    def ids(self) -> tuple[str, ...]:
        """What is acknowledged: the rule, or each of its findings."""
        return tuple(f"{self.rule}[{finding}]" for finding in self.findings) or (self.rule,)


def compliance_rules(name: str) -> tuple[str, ...]:
    """The qualified ids of one rule in cdk-nag's packs for HIPAA, NIST 800-53 R5 and PCI DSS.

    Args:
        name: Name of the rule without its pack, e.g. `S3BucketReplicationEnabled`.
    """
    return tuple(f"{pack}::{pack}-{name}" for pack in _COMPLIANCE_PACKS)


@dataclass(frozen=True, kw_only=True)
class DeclaredWaiver:
    """A waiver and the path of the construct on which it was declared."""

    path: str
    waiver: Waiver


_declared: "WeakKeyDictionary[IConstruct, list[DeclaredWaiver]]" = WeakKeyDictionary()


def waive(scope: IConstruct, *waivers: Waiver) -> None:
    """Acknowledges findings on `scope` and everything below it, and remembers them for the audit."""
    Validations.of(scope).acknowledge(
        *(
            Acknowledgment(
                id=rule_id, reason=f"{waiver.reason} (owner: {waiver.owner}, until {waiver.until.isoformat()})"
            )
            for waiver in waivers
            for rule_id in waiver.ids
        )
    )
    node = scope.node
    path = node.path
    _declared.setdefault(node.root, []).extend(DeclaredWaiver(path=path, waiver=waiver) for waiver in waivers)


def declared_waivers(root: IConstruct) -> Sequence[DeclaredWaiver]:
    """Every waiver declared in the tree of `root`, in the order of declaration."""
    return tuple(_declared.get(root, ()))
