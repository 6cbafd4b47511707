"""`plumb monitor`: one check of a monitor on files that lie here."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from plumbline.errors import PlumblineError

if TYPE_CHECKING:
    from runtime.monitoring.data_quality import DataQuality, FeatureDrift
    from runtime.monitoring.statistics import Statistics


class Kind(StrEnum):
    """The checks."""

    DATA_QUALITY = "data-quality"


def monitor(
    kind: Annotated[Kind, typer.Option("--kind", help="Which check.")],
    baseline: Annotated[
        Path,
        typer.Option("--baseline", metavar="PATH", help="A table, or statistics.json with constraints.json beside."),
    ],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="The window: a file, or a folder of them.")],
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", metavar="NAME", help="A column whose deviation counts; again for more; none: all."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Where statistics, constraints and violations go.")
    ] = None,
) -> None:
    """Compare data with a baseline, as the monitor of a deployed model does; exit 1 if a constraint is broken."""
    from runtime.errors import JobError

    try:
        _data_quality(baseline, data, feature or None, output)
    except JobError as error:
        raise PlumblineError(f"monitor {kind}: {error}") from None


def _data_quality(baseline: Path, data: Path, features: list[str] | None, output: Path | None) -> None:
    from runtime.monitoring.constraints import read_constraints, suggested
    from runtime.monitoring.data_quality import check
    from runtime.monitoring.statistics import read_statistics, statistics_of
    from runtime.monitoring.summary import Kind as Held
    from runtime.monitoring.tables import files_of, summarized

    if baseline.name == "statistics.json":
        then = read_statistics(baseline)
        beside = baseline.with_name("constraints.json")
        constraints = read_constraints(beside) if beside.is_file() else suggested(then)
    else:
        then = statistics_of(summarized(files_of(_existing(baseline, "--baseline"))))
        _refuse_nothing(then, baseline, "--baseline")
        constraints = suggested(then)
    texts = {one.name for one in constraints.features if one.inferred_type is Held.STRING}
    names = [one.name for one in constraints.features]
    now = statistics_of(summarized(files_of(_existing(data, "--data")), texts=texts, names=names))
    _refuse_nothing(now, data, "--data")
    outcome = check(constraints=constraints, baseline=then, current=now, that_matter=features)
    if output is not None:
        files = {"statistics.json": now.text(), "constraints.json": constraints.text()}
        _write(output, files | {"constraint_violations.json": outcome.text()})
    _show(then, now, outcome)
    if outcome.violations:
        raise typer.Exit(1)


def _existing(path: Path, option: str) -> Path:
    if not path.exists():
        raise PlumblineError(f"monitor: {option} {path}: there is no such file or folder.")
    return path


def _refuse_nothing(found: "Statistics", path: Path, option: str) -> None:
    if found.dataset.item_count == 0:
        faults = "; ".join(f"{count} {fault}" for fault, count in found.dataset.faults.items()) or "no file in it"
        raise PlumblineError(
            f"monitor: {option} {path} holds no row ({faults}); accepted: .parquet, .csv, .jsonl, .json, .ndjson, "
            "also with .gz."
        )


def _write(folder: Path, files: dict[str, str]) -> None:
    from plumbline.rehearsal.summary import write_whole

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_whole(folder / name, text, by="monitor")
    except OSError as error:
        raise PlumblineError(f"monitor: --output {folder}: cannot be written: {error.strerror}.") from None


def _show(then: "Statistics", now: "Statistics", outcome: "DataQuality") -> None:
    console = Console(soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for title in ("column", "deviation", "distance", "Jensen-Shannon", "stability index", "completeness"):
        table.add_column(title, justify="left" if title == "column" else "right")
    for one in sorted(outcome.features, key=lambda each: -each.deviation):
        table.add_row(*_row(one))
    console.print(f"{now.dataset.item_count:,} rows against {then.dataset.item_count:,}\n")
    console.print(table)
    for fault, count in now.dataset.faults.items():
        console.print(f"not read: {count} {fault}", markup=False)
    console.print()
    for violation in outcome.violations:
        said = f"{violation.feature_name}: {violation.constraint_check_type}: {violation.description}"
        console.print(said, markup=False, highlight=False)
    worst = f", the most of {outcome.worst}" if outcome.worst else ""
    count = len(outcome.violations)
    broken = f"{count or 'no'} constraint{'s are' if count > 1 else ' is'} broken"
    console.print(f"deviation {outcome.deviation or 0.0:.3f}{worst}; {broken}", markup=False)


def _row(one: "FeatureDrift") -> list[str]:
    found = one.distances
    measured = [f"{found.simple:.3f}", f"{found.jensen_shannon:.3f}", f"{found.stability_index:.3f}"] if found else []
    return [one.name, f"{one.deviation:.3f}", *(measured or ["", "", ""]), f"{one.completeness:.1%}"]
