"""The audit as a whole: of this checkout's app, of a cloud assembly from elsewhere, or of single templates."""

import subprocess
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from plumbline.audit.access.bootstrapped import bootstrapped
from plumbline.audit.access.engine import SimulationEngine
from plumbline.audit.access.matrix import Verdict, evaluate
from plumbline.audit.controls import map_controls
from plumbline.audit.examination import examine
from plumbline.audit.gate_record import read_gate_record
from plumbline.audit.inventory import take_inventory
from plumbline.audit.page import render_page
from plumbline.audit.readable import InventedNames, unresolved_in_policies
from plumbline.audit.record import Matrix, MatrixRow, Record, findings_csv, record_json
from plumbline.audit.steps import StepMaker
from plumbline.audit.synthesis import deployed_templates, synthesize_app
from plumbline.audit.templates import AuditedTemplate, read_assembly, read_files
from plumbline.audit.validation_report import ValidationReport, read_report
from plumbline.audit.waivers import Waived
from plumbline.configuration import load_models, load_platform
from plumbline.errors import PlumblineError

_NOT_OURS = "the access matrix is about this platform's own accounts and roles"


def audit_checkout(root: Path, *, today: date, step: StepMaker, assembly: Path | None = None) -> Record:
    """Synthesizes and audits the app of a checkout.

    Args:
        root: The checkout.
        assembly: Where the app is synthesized to and stays; left out, it goes when it has been audited.
        today: The day with which the ends of waivers are compared.
        step: Shows what is going on.

    Raises:
        PlumblineError: The app does not synthesize; exit code 2.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = assembly or Path(name) / "assembly"
        with step("Synthesize the app, with every rule on") as under_way:
            synthesize_app(root, folder)
            templates = deployed_templates(root, folder)
            under_way.outcome = f"{len(templates)} templates"
        return _audit(
            templates,
            subject="this checkout",
            commit=commit_of(root),
            waivers=read_gate_record(folder).waivers,
            reported=read_report(folder),
            matrix=evaluate_matrix(root, templates, step=step),
            caveats=[load_platform(root).unprotected],
            today=today,
            step=step,
        )


def audit_assembly(folder: Path, *, today: date, step: StepMaker) -> Record:
    """Audits a cloud assembly that was synthesized elsewhere; waivers that lie in it excuse what they name.

    Raises:
        PlumblineError: There is no assembly, or a file of it cannot be read; exit code 2.
    """
    return _audit(
        read_assembly(folder),
        subject=str(folder),
        commit="",
        waivers=read_gate_record(folder).waivers,
        reported=None,
        matrix=Matrix(left_out=_NOT_OURS),
        today=today,
        step=step,
    )


def audit_files(paths: Sequence[Path], *, today: date, step: StepMaker) -> Record:
    """Audits single templates.

    Raises:
        PlumblineError: A file is missing or is no template; exit code 2.
    """
    return _audit(
        read_files(paths),
        subject=", ".join(str(path) for path in paths),
        commit="",
        waivers=(),
        reported=None,
        matrix=Matrix(left_out=_NOT_OURS),
        today=today,
        step=step,
    )


def write_record(record: Record, folder: Path) -> None:
    """Writes `audit.html`, `audit.json` and `audit.csv` into a folder, which is made if it is not there.

    Raises:
        PlumblineError: The folder cannot be written to; exit code 2.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audit.html").write_text(render_page(record), encoding="utf-8")
        (folder / "audit.json").write_text(record_json(record), encoding="utf-8")
        (folder / "audit.csv").write_text(findings_csv(record), encoding="utf-8")
    except OSError as error:
        raise PlumblineError(
            f"{folder}: the report cannot be written there: {error.strerror}; accepted: a folder."
        ) from None


def evaluate_matrix(root: Path, templates: Sequence[AuditedTemplate], *, step: StepMaker) -> Matrix:
    """Decides the access matrix over the stacks of the app and of the bootstrap.

    Args:
        root: The checkout.
        templates: The app's templates; what has no account is left out here and is there once an account.
        step: Shows what is going on.

    Raises:
        PlumblineError: The table has a mistake, or the simulator is not there and cannot be installed; exit code 2.
    """
    platform, models = load_platform(root), load_models(root)
    before = bootstrapped(root, platform)
    deployed = [template for template in templates if template.account is not None]
    with step("Decide the access matrix") as under_way, SimulationEngine() as engine:
        report = evaluate(
            templates=[*deployed, *before.templates],
            platform=platform,
            models=models,
            engine=engine,
            parameters=before.parameters,
        )
        under_way.outcome = f"{len(report.verdicts)} rows"
    names = InventedNames(deployed)
    return Matrix(
        rows=tuple(_matrix_row(verdict, names) for verdict in report.verdicts),
        problems=(*report.problems, *report.missing),
    )


def _matrix_row(verdict: Verdict, names: InventedNames) -> MatrixRow:
    row = verdict.row
    ways = {"internet": [], "own": ["through the account's endpoints"]}.get(row.network, [f"through {row.network}"])
    return MatrixRow(
        principal=row.principal,
        request=names.in_text(row.request),
        circumstances=", ".join([*row.circumstances, *ways]),
        expected=verdict.expected.value,
        decided=verdict.decided.value,
        holds=verdict.holds,
        why=row.why,
        rule=row.rule,
        by=names.in_text(verdict.decided_by),
    )


def commit_of(root: Path) -> str:
    """The commit of a checkout, and whether files differ from it; empty outside git."""
    head = _git(root, "rev-parse", "HEAD")
    changed = head and _git(root, "status", "--porcelain")
    return f"{head}, with changes that are not committed" if changed else head


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _audit(
    templates: tuple[AuditedTemplate, ...],
    *,
    subject: str,
    commit: str,
    waivers: Sequence[Waived],
    reported: ValidationReport | None,
    matrix: Matrix,
    today: date,
    step: StepMaker,
    caveats: Sequence[str] = (),
) -> Record:
    examination = examine(templates, waivers=waivers, reported=reported, today=today, step=step)
    return Record(
        subject=subject,
        commit=commit,
        date=today,
        examination=examination,
        # Of our own templates the matrix says what it cannot work out, with the values that they are deployed with.
        unresolved=unresolved_in_policies(templates) if matrix.left_out else (),
        matrix=matrix,
        inventory=take_inventory(templates),
        controls=map_controls(templates, examination),
        caveats=tuple(caveat for caveat in caveats if caveat),
    )
