"""AWS's own rules about CloudFormation templates, judged outside JavaScript.

The CDK brings this very engine as WebAssembly, which takes two seconds to start and to judge; the native build of the
same release takes a third of one. What the CDK adds to it, one rule about GameLift fleets, is missing here.
"""

import functools
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudformation_validate import CompositeEngine, Diagnostic

# What the CDK leaves out when it runs the engine.
_LEFT_OUT = ["W3005", "W1020", "E1018", "W9002", "W9013", "W1103"]
_LEFT_OUT_OF_SERVICES = {"W3697": "AWS::AutoScaling"}
_SEVERITIES = {"FATAL": "error", "ERROR": "error", "WARN": "warning"}


@dataclass(frozen=True, kw_only=True)
class SchemaFinding:
    """What is wrong, and where.

    Attributes:
        rule: Id of the rule, e.g. `W3010`.
        severity: `error` or `warning`.
        logical_id: The resource; none when the template as a whole is meant.
        path: Where in the resource, e.g. `Properties.AvailabilityZone`; empty when all of it is meant.
        message: What the engine says.
        fix: What it suggests; none if it suggests nothing.
        category: Kind of the rule; none if it has none.
    """

    rule: str
    severity: str
    logical_id: str | None
    path: str
    message: str
    fix: str | None
    category: str | None


@functools.cache
def engine() -> "Future[CompositeEngine]":
    """The engine of the process, loaded in a thread: loading is native code, which does not hold Python up."""
    return ThreadPoolExecutor(max_workers=1).submit(_load)


def engine_version() -> str:
    """The release of the engine."""
    from cloudformation_validate import version

    return str(version())


def schema_rule_count() -> int:
    """How many rules the engine asks: those for errors and warnings, without what is left out."""
    return sum(
        rule.severity.name in _SEVERITIES and rule.id not in _LEFT_OUT for rule in engine().result().list_rules()
    )


def judge_schema(template_path: str, *, account: str | None, region: str | None) -> Sequence[SchemaFinding]:
    """Judges one template.

    Args:
        template_path: The template's file, JSON or YAML.
        account: 12-digit id of the account that it goes to; none if nothing says it.
        region: The region; none if nothing says it.
    """
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
        pseudo_parameter_overrides=PseudoParameterOverrides(account_id=account, region=region),
    )
    report = engine().result().validate_template(template_path, config)
    return [_finding(diagnostic) for diagnostic in report.diagnostics]


def _load() -> "CompositeEngine":
    from cloudformation_validate import CompositeEngine

    return CompositeEngine()


def _finding(diagnostic: "Diagnostic") -> SchemaFinding:
    entity = diagnostic.entity
    return SchemaFinding(
        rule=diagnostic.rule_id,
        severity=_SEVERITIES[diagnostic.severity.name],
        logical_id=entity.logical_id if entity is not None and entity.entity_type.name == "RESOURCE" else None,
        path=diagnostic.property_path or "",
        message=diagnostic.message,
        fix=diagnostic.suggested_fix,
        category=diagnostic.category,
    )
