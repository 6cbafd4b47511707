"""AWS's own rules about CloudFormation templates, as a plugin of the CDK's validation."""

from collections import defaultdict
from dataclasses import dataclass

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyValidationStack,
    PolicyViolatingResource,
    PolicyViolation,
)

from plumbline.audit.schema_engine import SchemaFinding, engine, engine_version, judge_schema


@jsii.implements(IPolicyValidationPlugin)
class SchemaRules:
    """The rules, with the name and the ids that they have in the CDK."""

    def __init__(self) -> None:
        """Begins to load the engine, which goes on beside whatever synth does before it asks for a judgement."""
        engine()

    @property
    def name(self) -> str:
        """The name in the validation report, from which the ids of waivers begin."""
        return "CloudFormation Validate"

    @property
    def version(self) -> str:
        """The release of the engine."""
        return engine_version()

    @property
    def rule_ids(self) -> list[str] | None:
        """None: the CDK asks for its usage figures only."""
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Judges all templates; one violation a rule and message, with every resource that it is about.

        Args:
            context: Names the templates.
        """
        found: defaultdict[_Violation, list[PolicyViolatingResource]] = defaultdict(list)
        for stack in context.stack_templates:
            for finding in judge_schema(stack.template_path, account=stack.account_id, region=stack.region):
                found[_violation(finding)].append(_resource(finding, stack))
        return PolicyValidationPluginReport(
            success=all(violation.severity != "error" for violation in found),
            violations=[violation.as_policy_violation(resources) for violation, resources in found.items()],
        )


@dataclass(frozen=True, kw_only=True)
class _Violation:
    """What is wrong, wherever it is."""

    rule: str
    severity: str
    description: str
    fix: str | None
    category: str | None

    def as_policy_violation(self, resources: list[PolicyViolatingResource]) -> PolicyViolation:
        return PolicyViolation(
            rule_name=self.rule,
            description=self.description,
            severity=self.severity,
            fix=self.fix,
            rule_metadata={"category": self.category} if self.category else None,
            violating_resources=resources,
        )


def _violation(finding: SchemaFinding) -> _Violation:
    where = finding.path.removeprefix("Properties.")
    return _Violation(
        rule=finding.rule,
        severity=finding.severity,
        description=f"{where}: {finding.message}" if where else finding.message,
        fix=finding.fix,
        category=finding.category,
    )


def _resource(finding: SchemaFinding, stack: PolicyValidationStack) -> PolicyViolatingResource:
    return PolicyViolatingResource(
        resource_logical_id=finding.logical_id,
        construct_path=None if finding.logical_id else stack.stack_construct_path,
        template_path=stack.template_path,
        locations=[finding.path] if finding.path else [],
    )
