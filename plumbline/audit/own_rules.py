"""Plumbline's own rules, as synth asks for them."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyValidationStack,
    PolicyViolatingResource,
    PolicyViolation,
    Stage,
)

from plumbline.audit.findings import Finding, Severity
from plumbline.audit.json_value import Document
from plumbline.audit.rules import RULES, judge
from plumbline.audit.templates import AuditedTemplate, read_assembly

_RULES = {rule.id: rule for rule in RULES}


@jsii.implements(IPolicyValidationPlugin)
class PlumblineRules:
    """The rules. A finding fails synth, unless it is of low severity: that is reported as a warning."""

    @property
    def name(self) -> str:
        """The name in the validation report, from which the ids of waivers begin: `Plumbline::PL-SM-01`."""
        return "Plumbline"

    @property
    def version(self) -> str | None:
        """None: the rules are those of the checkout."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """None: the CDK asks for its usage figures only."""
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Judges all templates together; one violation a finding and message, with every resource that it is about.

        Args:
            context: Names the templates.
        """
        app = context.app_construct
        known = _known(Path(app.outdir)) if isinstance(app, Stage) else {}
        stacks = {stack.template_path: stack for stack in context.stack_templates}
        found: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
        for finding in judge([_template(stack, known) for stack in stacks.values()]).findings:
            found[finding.id, finding.message].append(finding)
        return PolicyValidationPluginReport(
            success=all(findings[0].severity is Severity.LOW for findings in found.values()),
            violations=[_violation(findings, stacks) for findings in found.values()],
        )


def _known(folder: Path) -> Mapping[Path, AuditedTemplate]:
    """The templates of which the assembly says more than the context does: whether they are protected."""
    if not (folder / "manifest.json").exists():
        return {}
    return {(folder / template.file).resolve(): template for template in read_assembly(folder)}


def _template(stack: PolicyValidationStack, known: Mapping[Path, AuditedTemplate]) -> AuditedTemplate:
    path = Path(stack.template_path)
    found = known.get(path.resolve())
    body: Document = json.loads(path.read_text(encoding="utf-8")) if found is None else found.body
    return AuditedTemplate(
        file=stack.template_path,
        stack_name=path.name.split(".")[0] if found is None else found.stack_name,
        account=stack.account_id,
        region=stack.region,
        body=body,
        termination_protection=None if found is None else found.termination_protection,
    )


def _violation(findings: list[Finding], stacks: Mapping[str, PolicyValidationStack]) -> PolicyViolation:
    """One violation.

    Args:
        findings: Findings of one id and message.
        stacks: Stacks by the path of their template.
    """
    first = findings[0]
    rule = _RULES[first.rule]
    return PolicyViolation(
        rule_name=first.id,
        description=first.message,
        severity="warning" if first.severity is Severity.LOW else "error",
        fix=rule.remedy,
        rule_metadata={"title": rule.title, "severity": str(first.severity)},
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id=finding.resource or None,
                construct_path=None if finding.resource else stacks[finding.file].stack_construct_path,
                template_path=finding.file,
                locations=[finding.path] if finding.path else [],
            )
            for finding in findings
        ],
    )
