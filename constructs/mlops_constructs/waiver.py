"""Reviewed exceptions to audit rules, written beside what they excuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from weakref import WeakKeyDictionary

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One rule that does not apply to one resource, and why.

    Attributes:
        rule: Qualified id of the rule, e.g. `AwsSolutions::AwsSolutions-IAM5`. An unqualified one would remove the
            finding without leaving a record.
        reason: Why an auditor should agree.
        owner: The team that answers for it.
        until: The day on which the reason has to be looked at again.
        findings: The exact findings of a rule that reports more than one, e.g. `Resource::*`; none for a rule that
            reports one.
    """

    rule: str
    reason: str
    owner: str
    until: date
    findings: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """What is acknowledged: the rule, or each of its findings."""
        return tuple(f"{self.rule}[{finding}]" for finding in self.findings) or (self.rule,)


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
