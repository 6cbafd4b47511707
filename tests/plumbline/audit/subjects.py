"""Small things to audit."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from plumbline.audit.examination import Examination, examine
from plumbline.audit.findings import Finding, Severity
from plumbline.audit.steps import silently
from plumbline.audit.templates import AuditedTemplate, read_files
from plumbline.audit.validation_report import Reported, ValidationReport
from plumbline.audit.waivers import Waived

TODAY = date(2026, 11, 25)
ACCOUNT, REGION = "111111111111", "eu-west-1"

Resource = Mapping[str, Any]


def template(
    folder: Path,
    resources: Mapping[str, Resource],
    *,
    name: str = "stack",
    constructs: Mapping[str, str] | None = None,
    **sections: Any,
) -> AuditedTemplate:
    """A template in a file, as if it were of an assembly; constructs by logical id."""
    path = folder / f"{name}.template.json"
    path.write_text(json.dumps({"Resources": resources, **sections}), encoding="utf-8")
    (read,) = read_files([path])
    return AuditedTemplate(
        file=path.name,
        stack_name=name,
        account=ACCOUNT,
        region=REGION,
        body=read.body,
        termination_protection=True,
        path=path,
        constructs=constructs or {},
    )


def policy(*statements: Resource) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str | list[str], resource: str | list[Any], **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def waived(rule: str, construct: str, *, decision: str = "a-decision", until: date = date(2099, 1, 1)) -> Waived:
    """A waiver of one finding."""
    return Waived(decision=decision, rule=rule, construct=construct, reason="It is so.", owner="platform", until=until)


def reported(*findings: tuple[str, str]) -> ValidationReport:
    """What cdk-nag said: rules and constructs."""
    return ValidationReport(
        open_findings=tuple(
            Reported(rule=rule, construct=construct, severity="error", description="It is wrong.")
            for rule, construct in findings
        ),
        excused=(),
        failures=(),
        used_acknowledgements=frozenset(),
    )


def examined(
    *templates: AuditedTemplate, waivers: tuple[Waived, ...] = (), said: ValidationReport | None = None
) -> Examination:
    """What the rules say of templates."""
    return examine(templates, waivers=waivers, reported=said, today=TODAY, step=silently)


def finding(**of: Any) -> Finding:
    """A finding."""
    given = {"rule": "Plumbline::PL-XX-01", "severity": Severity.HIGH, "file": "f", "resource": "R", "message": "m"}
    return Finding(**{**given, **of})
