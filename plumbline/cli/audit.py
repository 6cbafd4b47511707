"""`plumb audit`: every rule, every waiver and the access matrix, in one report."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from plumbline.cli.rehearse import ConsoleProgress
from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT

if TYPE_CHECKING:
    from plumbline.audit.record import Record
    from plumbline.audit.steps import StepMaker

_OUTPUT = ROOT / ".plumb" / "audit"
_SHOWN = 10  # findings and problems; the report has all


def audit(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where the report is written.")] = _OUTPUT,
    assembly: Annotated[
        Path | None, typer.Option("--assembly", metavar="DIR", help="Audit what was synthesized elsewhere.")
    ] = None,
    template: Annotated[
        list[Path] | None,
        typer.Option("--template", metavar="FILE", help="Audit a CloudFormation template; may be given again."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="REF", help="Say as Markdown what this checkout changes against a commit."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON, and write no report.")] = False,
) -> None:
    """Judge what the app defines by every rule, and write the report that an auditor reads; exit 1 when it fails."""
    given = [
        name for name, value in (("--assembly", assembly), ("--template", template), ("--against", against)) if value
    ]
    if len(given) > 1:
        raise PlumblineError(f"audit: {' and '.join(given)} exclude each other; give one of them.")
    if against is not None and as_json:
        raise PlumblineError("audit: --against prints Markdown, and --json JSON; give one of them.")
    from plumbline.rehearsal.progress import Steps

    # Standard output belongs to what a script reads.
    console = Console(soft_wrap=True, stderr=as_json or against is not None)
    steps = Steps(ConsoleProgress(console))
    if against is not None:
        _compare(against, steps.step)
        return
    record = _record(assembly, template, steps.step)
    for line in _reservations(record):
        print(f"plumb: {line}", file=sys.stderr)
    if as_json:
        from plumbline.audit.record import findings_json

        print(findings_json(record.examination.open_findings))
        for problem in record.problems:
            print(f"plumb: {problem}", file=sys.stderr)
    else:
        from plumbline.audit.auditing import write_record

        write_record(record, output)
        _print(console, record, seconds=sum(steps.seconds.values()))
        console.print(f"\nThe report is {_named(output)}/audit.html; audit.json and audit.csv are beside it.")
    if not record.passes:
        raise typer.Exit(1)


def _record(assembly: Path | None, template: list[Path] | None, step: "StepMaker") -> "Record":
    from plumbline.audit import auditing

    today = datetime.now(tz=UTC).date()
    if assembly is not None:
        return auditing.audit_assembly(assembly, today=today, step=step)
    if template:
        return auditing.audit_files(template, today=today, step=step)
    return auditing.audit_checkout(ROOT, today=today, step=step)


def _reservations(record: "Record") -> list[str]:
    left_out: dict[str, list[str]] = {}
    for rule_set in record.examination.rule_sets:
        if rule_set.left_out:
            left_out.setdefault(rule_set.left_out, []).append(rule_set.name)
    said = [f"not asked: {', '.join(names)}: {why}." for why, names in left_out.items()]
    said += [f"not evaluated: {record.matrix.left_out}."] if record.matrix.left_out else []
    said += [f"{caveat}." for caveat in record.caveats]
    return [*said, *(f"not worked out: {problem}" for problem in record.unresolved)]


def _print(console: Console, record: "Record", *, seconds: float) -> None:
    for judged in record.examination.open_findings[:_SHOWN]:
        finding = judged.finding
        place = " ".join(part for part in (finding.file, finding.resource, finding.path) if part)
        console.print(f"[red]✗[/red] {finding.rule} ({finding.severity}) at ", end="", highlight=False)
        console.print(f"{place}: {finding.message}", highlight=False, markup=False)
    for problem in record.problems[:_SHOWN]:
        console.print("[red]✗[/red] ", end="")
        console.print(problem, highlight=False, markup=False)
    for row in [row for row in record.matrix.rows if not row.holds][:_SHOWN]:
        console.print("[red]✗[/red] ", end="")
        said = f"{row.principal}: {row.request}: {row.decided}, should be {row.expected} ({row.rule})"
        console.print(said, highlight=False, markup=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    for what, value in {**record.figures, "seconds": f"{seconds:.1f}"}.items():
        table.add_row(what, value)
    console.print()
    console.print(table)


def _named(folder: Path) -> str:
    return str(folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder)


def _compare(reference: str, step: "StepMaker") -> None:
    from plumbline.audit.comparison import compare

    comparison = compare(ROOT, reference, today=datetime.now(tz=UTC).date(), step=step)
    print(comparison.markdown())
    if comparison.opens:
        raise typer.Exit(1)
