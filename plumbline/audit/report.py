"""The validation report that synth writes beside the templates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

_FILE = "validation-report.json"


class _Construct(TypedDict):
    constructPath: str


class _Violation(TypedDict):
    ruleName: str
    violatingConstructs: list[_Construct]


class _Suppressed(TypedDict):
    acknowledgedAt: str
    acknowledgedId: str


class _Plugin(TypedDict, total=False):
    pluginName: str
    conclusion: str
    violations: list[_Violation]
    suppressedViolations: list[_Suppressed]


@dataclass(frozen=True, kw_only=True)
class ValidationReport:
    """What the rules found, and which acknowledgements kept them quiet.

    Attributes:
        open_findings: Findings of failed rule sets, as `rule at construct path`.
        used_acknowledgements: Construct path and qualified id of each acknowledgement that excused something.
        rule_sets: Rule sets that found something, excused or not, as they begin a qualified id.
    """

    open_findings: Sequence[str]
    rule_sets: frozenset[str]
    used_acknowledgements: frozenset[tuple[str, str]]


def read_report(folder: Path) -> ValidationReport:
    """Reads the report of a cloud assembly.

    Args:
        folder: The assembly. One without a report has no findings: rule sets without any leave no entry.
    """
    path = folder / _FILE
    plugins: list[_Plugin] = json.loads(path.read_text(encoding="utf-8"))["pluginReports"] if path.exists() else []
    return ValidationReport(
        open_findings=[
            f"{violation['ruleName']} at {violation['violatingConstructs'][0]['constructPath']}"
            for plugin in plugins
            if plugin["conclusion"] != "success"
            for violation in plugin["violations"]
        ],
        rule_sets=frozenset(plugin["pluginName"].replace(" ", "-") for plugin in plugins),
        used_acknowledgements=frozenset(
            (suppressed["acknowledgedAt"], suppressed["acknowledgedId"])
            for plugin in plugins
            for suppressed in plugin.get("suppressedViolations", [])
        ),
    )


def discard_report(folder: Path) -> None:
    """Removes the report of an earlier synth, so that it is not taken for this one's."""
    (folder / _FILE).unlink(missing_ok=True)
