"""AWS's own rules about CloudFormation templates, judged outside JavaScript.

The CDK brings this very engine as WebAssembly, which takes two seconds to start and to judge; the native build of the
same release takes a third of one. What the CDK adds to it, one rule about GameLift fleets, is missing here.
"""

import functools
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyValidationStack,
    PolicyViolatingResource,
    PolicyViolation,
)

if TYPE_CHECKING:
    from cloudformation_validate import CompositeEngine, Diagnostic

# What the CDK leaves out when it runs the engine.
_LEFT_OUT = ["W3005", "W1020", "E1018", "W9002", "W9013", "W1103"]
_LEFT_OUT_OF_SERVICES = {"W3697": "AWS::AutoScaling"}
_SEVERITIES = {"FATAL": "error", "ERROR": "error", "WARN": "warning"}


@jsii.implements(IPolicyValidationPlugin)
class SchemaRules:
    """The rules, with the name and the ids that they have in the CDK."""

    def __init__(self) -> None:
        """Begins to load the engine, which goes on beside whatever synth does before it asks for a judgement."""
        self._engine = _engine()

    @property
    def name(self) -> str:
        """The name in the validation report, from which the ids of waivers begin."""
        return "CloudFormation Validate"

    @property
    def version(self) -> str:
        """The release of the engine."""
        from cloudformation_validate import version

        return str(version())

    @property
    def rule_ids(self) -> list[str] | None:
        """None: the CDK asks for its usage figures only."""
        return None

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Judges all templates; one violation a rule and message, with every resource that it is about.

        Args:
            context: Names the templates.
        """
        found: defaultdict[_Finding, list[PolicyViolatingResource]] = defaultdict(list)
        for stack in context.stack_templates:
            for diagnostic in self._judge(stack):
                found[_finding(diagnostic)].append(_resource(diagnostic, stack))
        return PolicyValidationPluginReport(
            success=all(finding.severity != "error" for finding in found),
            violations=[finding.as_violation(resources) for finding, resources in found.items()],
        )

    def _judge(self, stack: PolicyValidationStack) -> "list[Diagnostic]":
        from cloudformation_validate import (
            PseudoParameterOverrides,
            RuleFilterConfig,
            ServiceFilter,
            Severity,
            ValidateConfig,
        )

        services = [ServiceFilter(rule_id=rule, service=service) for rule, service in _LEFT_OUT_OF_SERVICES.items()]
        config = ValidateConfig(
            exclude=RuleFilterConfig(ids=_LEFT_OUT, services=services),
            severity_level=Severity.WARN,
            pseudo_parameter_overrides=PseudoParameterOverrides(account_id=stack.account_id, region=stack.region),
        )
        report = self._engine.result().validate_template(stack.template_path, config)
        return list(report.diagnostics)


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """What is wrong, wherever it is."""

    rule: str
    severity: str
    description: str
    fix: str | None
    category: str | None

    def as_violation(self, resources: list[PolicyViolatingResource]) -> PolicyViolation:
        return PolicyViolation(
            rule_name=self.rule,
            description=self.description,
            severity=self.severity,
            fix=self.fix,
            rule_metadata={"category": self.category} if self.category else None,
            violating_resources=resources,
        )


@functools.cache
def _engine() -> "Future[CompositeEngine]":
    """The engine of the process, loaded in a thread: loading is native code, which does not hold Python up."""
    return ThreadPoolExecutor(max_workers=1).submit(_load)


def _load() -> "CompositeEngine":
    from cloudformation_validate import CompositeEngine

    return CompositeEngine()


def _finding(diagnostic: "Diagnostic") -> _Finding:
    where = (diagnostic.property_path or "").removeprefix("Properties.")
    return _Finding(
        rule=diagnostic.rule_id,
        severity=_SEVERITIES[diagnostic.severity.name],
        description=f"{where}: {diagnostic.message}" if where else diagnostic.message,
        fix=diagnostic.suggested_fix,
        category=diagnostic.category,
    )


def _resource(diagnostic: "Diagnostic", stack: PolicyValidationStack) -> PolicyViolatingResource:
    entity = diagnostic.entity
    logical_id = entity.logical_id if entity is not None and entity.entity_type.name == "RESOURCE" else None
    return PolicyViolatingResource(
        resource_logical_id=logical_id,
        construct_path=None if logical_id else stack.stack_construct_path,
        template_path=stack.template_path,
        locations=[diagnostic.property_path] if diagnostic.property_path else [],
    )
