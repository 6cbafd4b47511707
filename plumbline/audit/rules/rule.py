"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from plumbline.audit.findings import Severity
from plumbline.audit.rules.template import Resource

# The type of the one resource that stands for a template as a whole; its logical id is empty.
STACK = "the stack"
# A resource of every type, those that nobody knows included.
ANY = "any"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A rule broken at one place.

    Attributes:
        path: Where in the resource, e.g. `Properties.KmsKeyId`; empty when the whole resource is meant.
        message: What is there and what is accepted, in one sentence.
        subject: The part of the resource that a waiver has to name, e.g. the Sid of a statement or the name of a step;
            empty when the resource has but one.
    """

    path: str
    message: str
    subject: str = ""


Check = Callable[[Resource], Iterator[Violation]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule about resources.

    Attributes:
        id: `PL-<area>-<number>`, e.g. `PL-SM-01`; never used again for another rule.
        title: What holds when it is kept.
        sense: Why it matters: what goes wrong when it is broken.
        remedy: What to write instead.
        severity: How bad it is to break it.
        controls: Ids of the controls it answers, by framework: `Security Hub`, `NIST 800-53 R5`, `HIPAA`, `PCI DSS`,
            `SOC 2`.
        types: CloudFormation types of the resources that it is about; `STACK` for the template as a whole.
        check: Yields what breaks the rule in one resource of these types.
        applies: Whether the rule is about a resource of these types at all.
    """

    id: str
    title: str
    sense: str
    remedy: str
    severity: Severity
    controls: Mapping[str, tuple[str, ...]]
    types: tuple[str, ...]
    check: Check
    applies: Callable[[Resource], bool] = lambda _: True


@dataclass(frozen=True, kw_only=True)
class Place:
    """A resource, for people.

    Attributes:
        file: Its template.
        resource: Its logical id; empty for the template as a whole.
    """

    file: str
    resource: str


@dataclass(kw_only=True)
class RuleOutcome:
    """What a rule has seen.

    Attributes:
        kept: Resources that keep it.
        broken: Resources that break it.
    """

    kept: list[Place] = field(default_factory=list)
    broken: list[Place] = field(default_factory=list)


def rule(
    *,
    id: str,  # noqa: A002  # a rule has an id, and nothing here asks Python for one
    title: str,
    sense: str,
    remedy: str,
    severity: Severity,
    controls: Mapping[str, tuple[str, ...]],
    types: tuple[str, ...],
    applies: Callable[[Resource], bool] = lambda _: True,
) -> Callable[[Check], Rule]:
    """Makes a rule of the function below it; the attributes are those of `Rule`."""

    def made(check: Check) -> Rule:
        return Rule(
            id=id,
            title=title,
            sense=sense,
            remedy=remedy,
            severity=severity,
            controls=controls,
            types=types,
            check=check,
            applies=applies,
        )

    return made
