"""What a rule finds wrong with a template."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule, broken at one place.

    Attributes:
        rule: Id of the rule, e.g. `PL-SM-01`.
        severity: How bad it is.
        file: The template's file, as a person would name it.
        resource: Logical id of the resource; empty when the template as a whole is meant.
        path: Where in the resource, e.g. `Properties.KmsKeyId`; empty when the whole resource is meant.
        subject: The part of the resource that a waiver has to name, e.g. the Sid of a statement or the name of a step;
            empty when the resource has but one.
        message: What is there and what is accepted, in one sentence.
    """

    rule: str
    severity: Severity
    file: str
    resource: str
    path: str = ""
    subject: str = ""
    message: str

    @property
    def id(self) -> str:
        """What a waiver names, after the name of the rule set: the rule, and what of the resource breaks it."""
        return f"{self.rule}[{self.subject}]" if self.subject else self.rule
