"""The build of a commit: tests, audit and the cloud assembly that is delivered."""

import subprocess
import sys
from datetime import date
from pathlib import Path

from plumbline.audit.auditing import audit_checkout, write_record
from plumbline.audit.steps import StepMaker
from plumbline.errors import PlumblineError
from plumbline.toolchain import tool_environment

ASSEMBLY = "cdk.out"
AUDIT = "audit"


def build(root: Path, *, today: date, step: StepMaker) -> None:
    """Tests and audits a commit, and leaves the very assembly that was audited.

    Args:
        root: The checkout; the assembly goes to `cdk.out` and the report to `audit` in it.
        today: The day with which the ends of waivers are compared.
        step: Shows what is going on.

    Raises:
        PlumblineError: A test or the audit fails; exit code 1. The report is written all the same.
    """
    for name in (ASSEMBLY, AUDIT):
        if (root / name).exists():
            raise PlumblineError(f"deliver build: {root / name} is in the way; accepted: a clean checkout.")
    # The tests first: what fails there need not be audited, and both at once would only wait for each other.
    with step("Test") as under_way:
        # Other commits wait behind this one; whoever mends it has all that fails from `./plumb test --fast`.
        command = [sys.executable, "-m", "plumbline.cli", "test", "--fast", "--exitfirst"]
        tested = subprocess.run(command, cwd=root, env=tool_environment(), check=False)
        if tested.returncode != 0:
            raise PlumblineError("deliver build: a test fails, so nothing is delivered.", exit_code=1)
        under_way.outcome = "all checks passed"
    record = audit_checkout(root, today=today, step=step, assembly=root / ASSEMBLY)
    write_record(record, root / AUDIT)
    if not record.passes:
        findings = [f"{one.finding.rule} at {one.finding.resource}" for one in record.examination.open_findings]
        said = [*findings, *record.problems, *(row.request for row in record.matrix.rows if not row.holds)]
        raise PlumblineError(
            f"deliver build: the audit fails, so nothing is delivered: {said[0]}, and {len(said) - 1} more; the report "
            "has all.",
            exit_code=1,
        )
