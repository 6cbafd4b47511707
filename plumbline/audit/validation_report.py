"""The validation report that synth writes beside the templates."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

_FILE = "validation-report.json"


class _Construct(TypedDict):
    constructPath: str


class _Violation(TypedDict):
    ruleName: str
    description: str
    severity: str
    violatingConstructs: list[_Construct]


class _Suppressed(_Violation):
    acknowledgedAt: str
    acknowledgedId: str


class _Metadata(TypedDict, total=False):
    error: str


class _Plugin(TypedDict, total=False):
    pluginName: str
    metadata: _Metadata
    violations: list[_Violation]
    suppressedViolations: list[_Suppressed]


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A rule that does not hold for one construct, excused or not.

    Attributes:
        rule: Qualified id of the rule, as in a waiver, e.g. `AwsSolutions::AwsSolutions-SQS3`.
        construct: Path of the construct.
        severity: `error` or `warning`, as the rule set has it.
        description: What the rule set says.
    """

    rule: str
    construct: str
    severity: str
    description: str

    def __str__(self) -> str:
        return f"{self.rule.partition('::')[2]} at {self.construct}"


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """What the rules found, and which acknowledgements kept them quiet.

    Attributes:
        open_findings: Findings that nothing excuses, warnings among them.
        excused: Findings that an acknowledgement excuses.
        failures: What a rule set that broke off says; it has judged nothing then.
        used_acknowledgements: Construct path and qualified id of each acknowledgement that excused something.
    """

    open_findings: tuple[Reported, ...]
    excused: tuple[Reported, ...]
    failures: tuple[str, ...]
    used_acknowledgements: frozenset[tuple[str, str]]


def read_report(folder: Path) -> ValidationReport:
    """Reads the report of a cloud assembly.

    Args:
        folder: The assembly. One without a report has no findings: rule sets without any leave no entry.
    """
    path = folder / _FILE
    plugins: list[_Plugin] = json.loads(path.read_text(encoding="utf-8"))["pluginReports"] if path.exists() else []
    return ValidationReport(
        open_findings=tuple(one for plugin in plugins for v in plugin["violations"] for one in _reported(plugin, v)),
        excused=tuple(
            one for plugin in plugins for v in plugin.get("suppressedViolations", []) for one in _reported(plugin, v)
        ),
        failures=tuple(
            plugin["metadata"]["error"] for plugin in plugins if "error" in plugin.get("metadata", _Metadata())
        ),
        used_acknowledgements=frozenset(
            (suppressed["acknowledgedAt"], suppressed["acknowledgedId"])
            for plugin in plugins
            for suppressed in plugin.get("suppressedViolations", [])
        ),
    )


def discard_report(folder: Path) -> None:
    """Removes the report of an earlier synth, so that it is not taken for this one's."""
    (folder / _FILE).unlink(missing_ok=True)


def _reported(plugin: _Plugin, violation: _Violation) -> Iterator[Reported]:
    for construct in violation["violatingConstructs"]:
        yield Reported(
            rule=f"{plugin['pluginName'].replace(' ', '-')}::{violation['ruleName']}",
            construct=construct["constructPath"],
            severity=violation["severity"],
            description=violation["description"],
        )
