"""What one audit found, as a whole, and how it is written as JSON and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from plumbline.audit.controls import Control
from plumbline.audit.examination import Examination, JudgedFinding
from plumbline.audit.inventory import Inventory


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """A row of the access matrix and what came of it.

    Attributes:
        principal: Who.
        request: Does what to what.
        circumstances: Under which circumstances; empty for the usual ones.
        expected: What the table says: `allowed` or `denied`.
        decided: What the policies come to.
        holds: Whether they agree.
        why: Why it matters.
        rule: The rule of the table that it follows from.
        by: The statements that decide it.
    """

    principal: str
    request: str
    circumstances: str
    expected: str
    decided: str
    holds: bool
    why: str
    rule: str
    by: str


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The access matrix.

    Attributes:
        rows: Every row.
        problems: Sentences on what could not be worked out, and on roles without a row.
        left_out: Why it was not evaluated; empty if it was.
    """

    rows: tuple[MatrixRow, ...] = ()
    problems: tuple[str, ...] = ()
    left_out: str = ""

    @property
    def holding(self) -> int:
        """How many rows hold."""
        return sum(row.holds for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one audit found.

    Attributes:
        subject: What was audited, in a few words.
        commit: The commit of the checkout; empty if it is none, or if files differ from it.
        date: The day of the audit.
        examination: Findings and waivers.
        unresolved: Sentences on intrinsics in policies that templates from elsewhere do not say enough about.
        matrix: The access matrix.
        inventory: Accounts, keys, network and roles.
        controls: The control map.
        caveats: Sentences on what the accounts do not protect, whatever the policies say.
    """

    subject: str
    commit: str
    date: date
    examination: Examination
    unresolved: tuple[str, ...]
    matrix: Matrix
    inventory: Inventory
    controls: tuple[Control, ...]
    caveats: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong beyond findings and rows."""
        return (*self.examination.problems, *self.matrix.problems)

    @property
    def passes(self) -> bool:
        """Whether nothing is open, every waiver stands, and every row of the matrix holds."""
        return not (self.examination.open_findings or self.problems or self.matrix.holding < len(self.matrix.rows))

    @property
    def figures(self) -> dict[str, str]:
        """The figures of the audit, by what they count."""
        asked = [rule_set for rule_set in self.examination.rule_sets if not rule_set.left_out]
        excused = sum(judged.waived is not None for judged in self.examination.findings)
        return {
            "findings open": str(len(self.examination.open_findings)),
            "waivers": f"{len(self.examination.decisions)} decisions, {excused} findings excused",
            "waivers that cannot stand": str(len(self.examination.problems)),
            "rules run": f"{sum(rule_set.rules for rule_set in asked):,} in {len(asked)} sets",
            "matrix rows": self.matrix.left_out or f"{self.matrix.holding} of {len(self.matrix.rows)} hold",
        }


def findings_json(findings: Sequence[JudgedFinding]) -> str:
    """Findings as a JSON list, for scripts."""
    return json.dumps([_finding(judged) for judged in findings], indent=2)


def record_json(record: Record) -> str:
    """All of an audit as JSON."""
    examination = record.examination
    document = {
        "subject": record.subject,
        "commit": record.commit,
        "date": record.date.isoformat(),
        "passes": record.passes,
        "figures": record.figures,
        "problems": record.problems,
        "caveats": record.caveats,
        "unresolved": record.unresolved,
        "rule_sets": [asdict(rule_set) for rule_set in examination.rule_sets],
        "findings": [_finding(judged) | _excuse(judged) for judged in examination.findings],
        "accounts": [asdict(account) for account in record.inventory.accounts],
        "keys": [asdict(key) for key in record.inventory.keys],
        "networks": [asdict(network) for network in record.inventory.networks],
        "roles": [asdict(role) for role in record.inventory.roles],
        "matrix": [asdict(row) for row in record.matrix.rows],
        "controls": [asdict(control) | {"fails": control.fails} for control in record.controls],
    }
    return json.dumps(document, indent=1) + "\n"


def findings_csv(record: Record) -> str:
    """Findings as CSV, the excused ones with what excuses them."""
    text = io.StringIO()
    columns = (
        "rule",
        "severity",
        "file",
        "resource",
        "path",
        "message",
        "state",
        "decision",
        "owner",
        "until",
        "reason",
    )
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for judged in record.examination.findings:
        row = {**_finding(judged), "state": "open" if judged.waived is None else "waived", **_excuse(judged)}
        writer.writerow({key: _inert(value) for key, value in row.items()})
    return text.getvalue()


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _finding(judged: JudgedFinding) -> dict[str, str]:
    finding = judged.finding
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": finding.file,
        "resource": finding.resource,
        "path": finding.path,
        "message": finding.message,
    }


def _excuse(judged: JudgedFinding) -> dict[str, str]:
    waived = judged.waived
    if waived is None:
        return {}
    return {
        "decision": waived.decision,
        "owner": waived.owner,
        "until": waived.until.isoformat(),
        "reason": waived.reason,
    }
