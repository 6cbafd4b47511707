"""Judges templates by every rule set, and says which findings a waiver excuses."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from plumbline.audit.access.vocabulary import meant
from plumbline.audit.findings import Finding, Severity
from plumbline.audit.linting import Linter, LintFinding, lint_rule_count
from plumbline.audit.packs import PackRule, pack_rules
from plumbline.audit.rules import RULES, Judgement, judge
from plumbline.audit.schema_engine import judge_schema, schema_rule_count
from plumbline.audit.steps import StepMaker
from plumbline.audit.templates import AuditedTemplate
from plumbline.audit.untouchable import excusable
from plumbline.audit.validation_report import Reported, ValidationReport
from plumbline.audit.waivers import Waived, broken_waivers, declared_in, place_of

_SEVERITIES = {"error": Severity.HIGH, "warning": Severity.MEDIUM}
_ORDER = list(Severity)


@dataclass(frozen=True, kw_only=True)
class JudgedFinding:
    """A finding, and what excuses it.

    Attributes:
        finding: The finding, with the qualified id of its rule.
        construct: Path of the construct that it is about; file and logical id of a resource that none has made.
        waived: The waiver that excuses it; none if it is open.
    """

    finding: Finding
    construct: str
    waived: Waived | None = None


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """One set of rules, and whether it was asked.

    Attributes:
        name: What it is called.
        rules: How many rules it has.
        left_out: Why it was not asked; empty if it was.
    """

    name: str
    rules: int
    left_out: str = ""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What all rule sets say.

    Attributes:
        findings: Worst first, then by rule and place.
        waivers: What is waived, in the order of declaration.
        problems: Sentences on waivers that cannot stand: expired, stale, too broad, or of what none may excuse.
        rule_sets: Every set, those that were not asked too.
        judgement: What our own rules have looked at.
    """

    findings: tuple[JudgedFinding, ...]
    waivers: tuple[Waived, ...]
    problems: tuple[str, ...]
    rule_sets: tuple[RuleSet, ...]
    judgement: Judgement

    @property
    def open_findings(self) -> tuple[JudgedFinding, ...]:
        """Findings that nothing excuses."""
        return tuple(judged for judged in self.findings if judged.waived is None)

    @property
    def decisions(self) -> dict[str, tuple[JudgedFinding, ...]]:
        """What each decision excuses, by its name."""
        excused: defaultdict[str, list[JudgedFinding]] = defaultdict(list)
        for judged in self.findings:
            if judged.waived is not None:
                excused[judged.waived.decision].append(judged)
        return {name: tuple(excused[name]) for name in sorted(excused)}


def examine(
    templates: Sequence[AuditedTemplate],
    *,
    waivers: Sequence[Waived],
    reported: ValidationReport | None,
    today: date,
    step: StepMaker,
    linter: Linter | None = None,
) -> Examination:
    """Judges templates.

    Args:
        templates: All that belongs together.
        waivers: What may be excused, beside what the templates themselves waive.
        reported: What cdk-nag said at synth; none for templates from elsewhere, which it cannot judge.
        today: The day with which the ends of waivers are compared.
        step: Shows what is going on.
        linter: Lints the templates; left out, a new one.
    """
    waivers = (*waivers, *(waived for template in templates for waived in declared_in(template)))
    with step("Judge by Plumbline's own rules and the schema rules") as under_way:
        judgement = judge(templates)
        found = [_of(finding, "Plumbline") for finding in judgement.findings]
        found += [one for template in templates for one in _schema(template)]
        under_way.outcome = f"{len(RULES)} and {schema_rule_count()} rules, {len(templates)} templates"
    with step("Lint the templates") as under_way:
        paths = [(template.path, template.region) for template in templates if template.path is not None]
        linted = (linter or Linter()).lint(paths)
        for number, (template, matches) in enumerate(zip(templates, linted, strict=True), start=1):
            found += [_linted(match, template) for match in matches]
            under_way.detail(f"{number} of {len(templates)}")
        under_way.outcome = f"{lint_rule_count()} rules"
    places = _Places(templates)
    packs = pack_rules()
    # The report of a synth has our own rules and the schema rules, too, which have just been asked.
    of_packs = {rule.pack for rule in packs}
    said = (*reported.open_findings, *reported.excused) if reported else ()
    found += [places.finding(one) for one in said if one.rule.partition("::")[0] in of_packs]
    judged = [places.judged(finding, waivers) for finding in dict.fromkeys(found)]
    judged.sort(key=_order)
    rule_sets = (
        RuleSet(name="Plumbline", rules=len(RULES)),
        RuleSet(name="CloudFormation-Validate", rules=schema_rule_count()),
        RuleSet(name="CfnLint", rules=lint_rule_count()),
        *(
            RuleSet(
                name=name,
                rules=sum(rule.pack == name for rule in packs),
                left_out="" if reported else "cdk-nag judges constructs while an app is synthesized, not templates",
            )
            for name in dict.fromkeys(rule.pack for rule in packs)
        ),
    )
    asked = {rule_set.name for rule_set in rule_sets if not rule_set.left_out}
    unknown = _unknown(waivers, rule_sets=rule_sets, packs=packs)
    return Examination(
        findings=tuple(judged),
        waivers=waivers,
        problems=(
            *broken_waivers(waivers),
            *unknown.values(),
            *_unfit(judged, [one for one in waivers if one not in unknown], asked=asked, today=today),
            *excusable(templates, [(j.waived, j.finding) for j in judged if j.waived is not None]),
        ),
        rule_sets=rule_sets,
        judgement=judgement,
    )


def _unknown(
    waivers: Sequence[Waived], *, rule_sets: Sequence[RuleSet], packs: Sequence[PackRule]
) -> Mapping[Waived, str]:
    """Sentences on waivers of rules that there are not; which rules cfn-lint and the schema have, they alone know."""
    names = [rule_set.name for rule_set in rule_sets]
    ids = {f"Plumbline::{rule.id}" for rule in RULES} | {rule.id for rule in packs}
    listed = {one.partition("::")[0] for one in ids}
    found: dict[Waived, str] = {}
    for waived in waivers:
        rule = waived.rule.partition("[")[0]
        name = rule.partition("::")[0]
        of = f"{waived.construct}: the waiver {waived.decision} is of {rule}"
        if name not in names:
            found[waived] = f"{of}, which is in no set of rules; accepted: {', '.join(names)}."
        elif name in listed and rule not in ids:
            found[waived] = (
                f"{of}, and there is no such rule{meant(rule, (one for one in ids if one.startswith(name)))}."
            )
    return found


class _Places:
    """Where constructs are in templates, and the other way round."""

    def __init__(self, templates: Sequence[AuditedTemplate]) -> None:
        self._constructs = {
            (template.file, logical_id): path
            for template in templates
            for logical_id, path in template.constructs.items()
        }
        self._resources = {path: place for place, path in self._constructs.items()}

    def finding(self, reported: Reported) -> Finding:
        """What cdk-nag said of a construct, as a finding about a resource."""
        file, logical_id = self._resources.get(reported.construct, ("", reported.construct))
        return Finding(
            rule=reported.rule,
            severity=_SEVERITIES[reported.severity],
            file=file,
            resource=logical_id,
            message=reported.description,
        )

    def judged(self, finding: Finding, waivers: Sequence[Waived]) -> JudgedFinding:
        """A finding with the first waiver that excuses it."""
        place = (finding.file, finding.resource)
        construct = self._constructs.get(place, place_of(*place))
        excuse = next((one for one in waivers if one.excuses(finding.rule, construct)), None)
        return JudgedFinding(finding=finding, construct=construct, waived=excuse)


def _unfit(
    judged: Sequence[JudgedFinding], waivers: Sequence[Waived], *, asked: set[str], today: date
) -> Iterator[str]:
    """Sentences on waivers that are past their end, excuse nothing, or excuse more than one resource."""
    excused: defaultdict[Waived, set[str]] = defaultdict(set)
    for one in judged:
        if one.waived is not None:
            excused[one.waived].add(one.construct)
    for waived in waivers:
        what = f"{waived.construct}: the waiver {waived.decision} of {waived.rule}"
        constructs = sorted(excused[waived])
        if waived.until < today:
            yield f"{what} ended on {waived.until.isoformat()}; mend what it excuses, or decide anew."
        if not constructs and waived.rule.partition("::")[0] in asked:
            yield f"{what} excuses nothing; remove it."
        if len(constructs) > 1:
            yield f"{what} excuses {len(constructs)} resources; declare it beside each: {', '.join(constructs)}."


def _schema(template: AuditedTemplate) -> Iterator[Finding]:
    assert template.path is not None  # noqa: S101 - an audited template is read from a file
    for found in judge_schema(str(template.path), account=template.account, region=template.region):
        yield Finding(
            rule=f"CloudFormation-Validate::{found.rule}",
            severity=_SEVERITIES[found.severity],
            file=template.file,
            resource=found.logical_id or "",
            path=found.path,
            message=found.message,
        )


def _linted(match: LintFinding, template: AuditedTemplate) -> Finding:
    in_resource = match.path[:1] == ("Resources",) and len(match.path) > 1
    return Finding(
        rule=f"CfnLint::{match.rule}",
        severity=_SEVERITIES[match.severity],
        file=template.file,
        resource=match.path[1] if in_resource else "",
        path=".".join(match.path[2:] if in_resource else match.path),
        message=match.message,
    )


def _of(finding: Finding, rule_set: str) -> Finding:
    return replace(finding, rule=f"{rule_set}::{finding.id}", subject="")


def _order(judged: JudgedFinding) -> tuple[int, str, str, str, str, str]:
    finding = judged.finding
    severity = _ORDER.index(finding.severity)
    return severity, finding.rule, finding.file, finding.resource, finding.path, finding.message
