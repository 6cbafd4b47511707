"""Judges templates by every rule."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plumbline.audit.findings import Finding
from plumbline.audit.rules.catalogue import RULES
from plumbline.audit.rules.rule import ANY, STACK, Place, Rule, RuleOutcome, Violation
from plumbline.audit.rules.template import Resource, Templates
from plumbline.audit.templates import AuditedTemplate


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the rules found.

    Attributes:
        findings: In the order of templates, resources and rules.
        outcomes: What each rule has looked at, by the rule's id; a rule that found nothing to look at is there, empty.
    """

    findings: tuple[Finding, ...]
    outcomes: Mapping[str, RuleOutcome]


def judge(templates: Sequence[AuditedTemplate], *, rules: Sequence[Rule] = RULES) -> Judgement:
    """Judges templates.

    Args:
        templates: All that belongs together: some rules look across templates.
        rules: Left out, all of them.
    """
    by_type: defaultdict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        for resource_type in rule.types:
            by_type[resource_type].append(rule)
    findings: list[Finding] = []
    outcomes = {rule.id: RuleOutcome() for rule in rules}
    for template in Templates(templates).templates:
        stack = Resource(template=template, logical_id="", type=STACK, body={})
        for name, group in itertools.groupby((stack, *template.resources), key=lambda resource: resource.logical_id):
            variants = list(group)
            place = Place(file=template.audited.file, resource=name)
            for rule in (*by_type.get(variants[0].type, ()), *(by_type[ANY] if name else ())):
                found = [(one, list(rule.check(one))) for one in variants if rule.applies(one)]
                findings += _findings(rule, found, of=len(variants))
                if found:
                    outcome = outcomes[rule.id]
                    (outcome.broken if any(broken for _, broken in found) else outcome.kept).append(place)
    return Judgement(findings=tuple(findings), outcomes=outcomes)


def _findings(rule: Rule, found: Sequence[tuple[Resource, Sequence[Violation]]], *, of: int) -> Iterator[Finding]:
    """What breaks a rule in one resource; a violation is told once, with when it is one unless it always is.

    Args:
        rule: The rule.
        found: What breaks it in each of the ways in which the resource can turn out.
        of: In how many ways the resource can turn out.
    """
    ways: defaultdict[Violation, list[Resource]] = defaultdict(list)
    for resource, violations in found:
        for violation in dict.fromkeys(violations):
            ways[violation].append(resource)
    for violation, resources in ways.items():
        message = violation.message
        if len(resources) < of:
            message = f"{message.removesuffix('.')}, where {resources[0].when}."
        yield Finding(
            rule=rule.id,
            severity=rule.severity,
            file=resources[0].template.audited.file,
            resource=resources[0].logical_id,
            path=violation.path,
            subject=violation.subject,
            message=message,
        )
