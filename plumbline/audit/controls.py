"""Which control of which framework is kept by which rule, and on which resources."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.audit.examination import Examination
from plumbline.audit.packs import FRAMEWORKS, PackRule, pack_rules
from plumbline.audit.rules import RULES
from plumbline.audit.templates import AuditedTemplate

# The order of the report; a framework that a rule names beyond these follows.
_FIRST = ("SOC 2", "HIPAA", "NIST 800-53 R5", "PCI DSS", "Security Hub")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One rule that a control rests on.

    Attributes:
        rule: Qualified id of the rule.
        meaning: What the rule asks, or what is wrong when it does not hold.
        kept: Resources that keep it, as `stack/LogicalId`.
        broken: Resources that break it.
        excused: Resources that break it under a waiver.
    """

    rule: str
    meaning: str
    kept: tuple[str, ...]
    broken: tuple[str, ...]
    excused: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Control:
    """A control of a framework.

    Attributes:
        framework: The framework.
        id: Its id there.
        evidence: What it rests on; only rules that had something to look at.
    """

    framework: str
    id: str
    evidence: tuple[Evidence, ...]

    @property
    def fails(self) -> bool:
        """Whether a resource breaks one of its rules, and nothing excuses it."""
        return any(one.broken for one in self.evidence)

    @property
    def resources(self) -> int:
        """How many resources keep one of its rules."""
        return len({resource for one in self.evidence for resource in one.kept})


def map_controls(templates: Sequence[AuditedTemplate], examination: Examination) -> tuple[Control, ...]:
    """Every control that a rule names and that had something to look at.

    Args:
        templates: The templates.
        examination: What the rules have found; rule sets that were not asked are evidence of nothing.
    """
    names = {
        (template.file, name): f"{template.stack_name}/{name}" for template in templates for name in template.resources
    }
    broken, excused = _failures(examination, names)
    evidence: defaultdict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for rule in RULES:
        outcome = examination.judgement.outcomes[rule.id]
        places = [(place.file, place.resource) for place in (*outcome.kept, *outcome.broken)]
        rule_id = f"Plumbline::{rule.id}"
        one = _evidence(
            rule_id, rule.title, [names[place] for place in places if place in names], broken[rule_id], excused[rule_id]
        )
        if one is not None:
            for framework, ids in rule.controls.items():
                for control in ids:
                    evidence[(framework, control)].append(one)
    asked = {rule_set.name for rule_set in examination.rule_sets if not rule_set.left_out}
    for asking in pack_rules():
        if asking.pack not in asked or asking.pack not in FRAMEWORKS:
            continue
        one = _evidence(
            asking.id,
            f"Fails when: {asking.finding}",
            _looked_at(asking, templates),
            broken[asking.id],
            excused[asking.id],
        )
        if one is not None:
            for control in asking.controls:
                evidence[(FRAMEWORKS[asking.pack], control)].append(one)
    return tuple(
        Control(framework=framework, id=control, evidence=tuple(rests_on))
        for (framework, control), rests_on in sorted(evidence.items(), key=lambda item: _order(*item[0]))
    )


def _failures(
    examination: Examination, names: dict[tuple[str, str], str]
) -> tuple[defaultdict[str, set[str]], defaultdict[str, set[str]]]:
    broken: defaultdict[str, set[str]] = defaultdict(set)
    excused: defaultdict[str, set[str]] = defaultdict(set)
    for judged in examination.findings:
        finding = judged.finding
        place = names.get((finding.file, finding.resource), finding.resource or finding.file)
        (broken if judged.waived is None else excused)[finding.rule.partition("[")[0]].add(place)
    return broken, excused


def _evidence(
    rule: str, meaning: str, looked_at: Sequence[str], broken: set[str], excused: set[str]
) -> Evidence | None:
    if not looked_at and not broken and not excused:
        return None
    return Evidence(
        rule=rule,
        meaning=meaning,
        kept=tuple(sorted(set(looked_at) - broken - excused)),
        broken=tuple(sorted(broken)),
        excused=tuple(sorted(excused - broken)),
    )


def _looked_at(rule: PackRule, templates: Sequence[AuditedTemplate]) -> list[str]:
    return [
        f"{template.stack_name}/{name}"
        for template in templates
        for name, body in template.resources.items()
        if rule.looks_at(str(body.get("Type")))
    ]


def _order(framework: str, control: str) -> tuple[int, str, list[tuple[int, str]]]:
    place = _FIRST.index(framework) if framework in _FIRST else len(_FIRST)
    parts = []
    digits = ""
    for character in [*control, ""]:
        if character.isdigit():
            digits += character
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        if character:
            parts.append((-1, character))
    return place, framework, parts
