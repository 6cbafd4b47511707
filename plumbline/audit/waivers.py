"""What waivers excuse, one rule at one place each, and what none may excuse."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from plumbline.audit.findings import Severity
from plumbline.audit.json_value import as_list, as_object, as_texts
from plumbline.audit.templates import AuditedTemplate
from plumbline.errors import PlumblineError

# What no reason excuses, by the ids that cdk-nag and our own rules give it; nor what our own rules call critical.
_UNTOUCHABLE = {
    "keys": re.compile(r"^[^\[]*(KeyRotation|::AwsSolutions-KMS5|::PL-KMS-)"),
    "public access": re.compile(
        r"^[^\[]*(Public|::AwsSolutions-(S2|S5|EC23)(?!\d)|RestrictedSSH|RouteToIGW|::PL-(S3-02|VPC-01|VPC-05|LM-06)(?!\d))"
    ),
    "administrator policies": re.compile(r"AdminAccess|AdministratorAccess|PowerUserAccess"),
    "every action": re.compile(r"\[Action::\*\]"),
}


class Declared(Protocol):
    """A waiver and where it was declared, as the constructs remember it."""

    @property
    def path(self) -> str:
        """Path of the construct."""

    @property
    def waiver(self) -> "Decision":
        """The waiver."""


class Decision(Protocol):
    """A waiver as the constructs write it."""

    @property
    def id(self) -> str:
        """Name of the decision."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Qualified ids of what is excused."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def owner(self) -> str:
        """Who answers for it."""

    @property
    def until(self) -> date:
        """When it ends."""


@dataclass(frozen=True, kw_only=True)
class Waived:
    """One finding that a decision excuses at one construct and below it.

    Attributes:
        decision: Name of the decision.
        rule: Qualified id of the rule, with the finding in brackets if the rule reports more than one.
        construct: Path of the construct.
        reason: Why an auditor should agree.
        owner: Who answers for it.
        until: The last day on which it stands.
    """

    decision: str
    rule: str
    construct: str
    reason: str
    owner: str
    until: date

    def excuses(self, rule: str, construct: str) -> bool:
        """Whether it excuses a finding of `rule` at `construct`."""
        return rule == self.rule and (construct == self.construct or construct.startswith(f"{self.construct}/"))


def flatten(declared: Iterable[Declared]) -> tuple[Waived, ...]:
    """One entry for each rule and finding of each declared waiver."""
    return tuple(
        Waived(
            decision=one.waiver.id,
            rule=rule,
            construct=one.path,
            reason=one.waiver.reason,
            owner=one.waiver.owner,
            until=one.waiver.until,
        )
        for one in declared
        for rule in one.waiver.ids
    )


def declared_in(template: AuditedTemplate) -> Iterator[Waived]:
    """What a plain template waives beside its resources, as `Waivers` below `Metadata.Plumbline` of each.

    Raises:
        PlumblineError: A waiver lacks something, or has a date that is none; exit code 2.
    """
    for logical_id, body in template.resources.items():
        declared = as_object(as_object(body.get("Metadata")).get("Plumbline")).get("Waivers")
        for number, entry in enumerate(as_list(declared)):
            waiver = as_object(entry)
            path = f"{template.file}: Resources.{logical_id}.Metadata.Plumbline.Waivers[{number}]"
            texts = {key: waiver.get(key) for key in ("Decision", "Rule", "Reason", "Owner", "Until")}
            if missing := [key for key, value in texts.items() if not isinstance(value, str) or not value.strip()]:
                raise PlumblineError(f"{path}: {', '.join(missing)} is missing or no text; accepted: a text.")
            try:
                until = date.fromisoformat(str(texts["Until"]))
            except ValueError:
                raise PlumblineError(f"{path}: Until is {texts['Until']}; accepted: a day, e.g. 2027-11-30.") from None
            for finding in as_texts(waiver.get("Findings")) or [""]:
                yield Waived(
                    decision=str(texts["Decision"]),
                    rule=f"{texts['Rule']}[{finding}]" if finding else str(texts["Rule"]),
                    construct=template.constructs.get(logical_id, place_of(template.file, logical_id)),
                    reason=str(texts["Reason"]),
                    owner=str(texts["Owner"]),
                    until=until,
                )


def place_of(file: str, logical_id: str) -> str:
    """What stands for the construct of a resource that none has made."""
    return f"{file}#{logical_id}"


def broken_waivers(waived: Sequence[Waived]) -> Iterator[str]:
    """Sentences on waivers that cannot stand, whatever they excuse: keys, public access, administrators, every action.

    Two of one decision that differ in reason, owner or date cannot stand either.
    """
    from plumbline.audit.rules import RULES  # takes a moment to load, which the inner loop has no use for

    critical = {f"Plumbline::{rule.id}": rule.title.lower() for rule in RULES if rule.severity is Severity.CRITICAL}
    first: dict[str, Waived] = {}
    for one in waived:
        subjects = [what for what, pattern in _UNTOUCHABLE.items() if pattern.search(one.rule)]
        for what in subjects or [title for rule, title in critical.items() if rule == one.rule.partition("[")[0]]:
            yield (
                f"{one.construct}: the waiver {one.decision} excuses {one.rule}; a finding about this cannot be "
                f"excused, only mended: {what}."
            )
        other = first.setdefault(one.decision, one)
        if (one.reason, one.owner, one.until) != (other.reason, other.owner, other.until):
            yield (
                f"{one.construct}: the waiver {one.decision} has another reason, owner or date than at "
                f"{other.construct}; accepted: one of each a decision."
            )
