"""`plumb monitor`: one check of a monitor on files that lie here."""

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from plumbline.errors import PlumblineError

if TYPE_CHECKING:
    from runtime.monitoring.data_quality import DataQuality, FeatureDrift
    from runtime.monitoring.fairness_check import Facet
    from runtime.monitoring.quality_check import Compared, Problem
    from runtime.monitoring.report import Checked
    from runtime.monitoring.statistics import Statistics


class Kind(StrEnum):
    """The checks."""

    DATA_QUALITY = "data-quality"
    MODEL_QUALITY = "model-quality"
    BIAS = "bias"
    EXPLAINABILITY = "explainability"


class Answers(StrEnum):
    """What a model answers."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


def monitor(
    kind: Annotated[Kind, typer.Option("--kind", help="Which check.")],
    baseline: Annotated[
        Path,
        typer.Option(
            "--baseline",
            metavar="PATH",
            help="A table, or what --output wrote: statistics.json, or analysis.json of bias and explainability.",
        ),
    ],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="The window: a file, or a folder of them.")],
    feature: Annotated[
        list[str] | None,
        typer.Option(
            "--feature", metavar="NAME", help="Data quality: a column that counts; again for more; none: all."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="PATH", help="Model quality: the truth by inference id; none: in the data."),
    ] = None,
    answers: Annotated[
        Answers, typer.Option("--answers", help="Model quality: what the model answers.")
    ] = Answers.BINARY,
    answer: Annotated[
        str, typer.Option(metavar="NAME", help="Model quality, bias: the answer's field; bias of labels alone: ''.")
    ] = "probability",
    label: Annotated[str, typer.Option(metavar="NAME", help="Model quality, bias: the label's column.")] = "label",
    positive: Annotated[str, typer.Option(metavar="LABEL", help="Model quality, bias: the positive label.")] = "1",
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Model quality: a metric that counts; again for more."),
    ] = None,
    facet: Annotated[str, typer.Option(metavar="NAME", help="Bias: the column that tells who is looked after.")] = "",
    facet_value: Annotated[
        list[str] | None, typer.Option(metavar="VALUE", help="Bias: a value of it that they have; again for more.")
    ] = None,
    facet_above: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Bias: they are the rows whose value is above.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", help="Bias: the column within which shares are compared too.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Where the documents of a run go, and its report.html."),
    ] = None,
) -> None:
    """Compare data with a baseline, as the monitor of a deployed model does; exit 1 if a constraint is broken."""
    from runtime.errors import JobError
    from runtime.monitoring.lines import printed

    for path, option in ((baseline, "--baseline"), (data, "--data"), (labels, "--labels")):
        if path is not None:
            _refuse_absent(path, option)
    _refuse_other_documents(baseline, kind)
    try:
        if kind is Kind.DATA_QUALITY:
            broken = _data_quality(baseline, data, feature or None, output)
        elif kind is Kind.MODEL_QUALITY:
            from runtime.monitoring.quality_check import Problem

            problem = Problem(kind=answers.value, answer=answer, label=label, positive=positive, metrics=metric or ())
            broken = _model_quality(problem, baseline, data, labels, output)
        elif kind is Kind.BIAS:
            from runtime.monitoring.fairness_check import Facet

            group_of_rows = Facet(
                column=facet,
                values=facet_value or (),
                above=facet_above,
                label=label,
                positive=positive,
                answer=answer or None,
                group=group,
            )
            broken = _bias(group_of_rows, baseline, data, output)
        else:
            broken = _explainability(baseline, data, output)
    except JobError as error:
        raise PlumblineError(f"monitor {kind}: {printed(str(error))}") from None
    if broken:
        raise typer.Exit(1)


def _data_quality(baseline: Path, data: Path, features: list[str] | None, output: Path | None) -> int:
    from runtime.monitoring.constraints import read_constraints, suggested
    from runtime.monitoring.data_quality import check
    from runtime.monitoring.report import Checked, DataQualityOutcome
    from runtime.monitoring.statistics import read_statistics, statistics_of
    from runtime.monitoring.summary import Kind as Held
    from runtime.monitoring.tables import summarized_in

    if baseline.name == "statistics.json":
        then = read_statistics(baseline)
        beside = baseline.with_name("constraints.json")
        constraints = read_constraints(beside) if os.path.lexists(beside) else suggested(then)
    else:
        found = summarized_in(baseline)
        # A column of texts may have some that read as numbers: told so, the reader takes them for texts.
        mixed = {
            name
            for name, one in found.columns.items()
            if one.kind is Held.STRING and (one.moments.count or one.not_numbers or one.infinities)
        }
        then = statistics_of(summarized_in(baseline, texts=mixed) if mixed else found)
        _refuse_nothing(then, baseline, "--baseline")
        constraints = suggested(then)
    texts = {one.name for one in constraints.features if one.inferred_type is Held.STRING}
    names = [one.name for one in constraints.features]
    now = statistics_of(summarized_in(data, texts=texts, names=names))
    _refuse_nothing(now, data, "--data")
    outcome = check(constraints=constraints, baseline=then, current=now, that_matter=features)
    if output is not None:
        files = {"statistics.json": now.text(), "constraints.json": constraints.text()}
        page = _page(
            baseline, data, Checked(data_quality=DataQualityOutcome(baseline=then, current=now, outcome=outcome))
        )
        _write(output, files | {"constraint_violations.json": outcome.text()} | page)
    _show_data_quality(then, now, outcome)
    return len(outcome.violations)


def _model_quality(problem: "Problem", baseline: Path, data: Path, labels: Path | None, output: Path | None) -> int:
    from runtime.errors import JobError
    from runtime.monitoring.quality_check import compared, constraints_beside, quality_of, read_quality
    from runtime.monitoring.report import Checked
    from runtime.monitoring.summary import Summary
    from runtime.monitoring.tables import hold_captures, walked

    window, passed = walked(data)
    truth = None
    if labels is not None:
        truth, passed_of_labels = walked(labels)
        passed.merge(passed_of_labels)
    passed_then, left_out_then = Summary(), None
    if baseline.name == "statistics.json":
        then, constraints = read_quality(baseline, problem), constraints_beside(baseline)
    else:
        files, passed_then = walked(baseline)
        measured = quality_of(problem, files, None)
        then, constraints = measured.metrics, None
        left_out_then = measured.counts + passed_then.faults
    try:
        now = quality_of(problem, window, truth)
    except JobError as error:
        if labels is None and hold_captures(window):
            raise JobError(f"{data} holds captures, which have no truth; accepted: --labels with it.") from error
        raise
    now.counts.update(passed.faults)
    outcome = compared(problem, baseline=then, current=now, constraints=constraints, left_out_of_baseline=left_out_then)
    if output is not None:
        _write(output, outcome.files() | _page(baseline, data, Checked(model_quality=outcome)))
    _show_model_quality(outcome, passed_then.places, passed.places)
    if outcome.not_known:
        raise PlumblineError(
            f"monitor model-quality: {outcome.not_known}; accepted: a window that has one, or another --metric."
        )
    return len(outcome.violations)


def _bias(facet: "Facet", baseline: Path, data: Path, output: Path | None) -> int:
    from runtime.monitoring.fairness_check import compared
    from runtime.monitoring.report import Checked
    from runtime.monitoring.tables import walked

    window, passed = walked(data)
    passed_then = walked(baseline)[1]
    outcome = compared(facet, baseline=baseline, data=window)
    outcome.left_out.update(passed.faults)
    outcome.left_out_of_baseline.update(passed_then.faults)
    if output is not None:
        _write(output, outcome.files() | _page(baseline, data, Checked(bias=outcome)))
    before = {name: one.value for each in outcome.baseline.facets for name, one in each.metrics.items()}
    rows = [
        [one.description, _number(before.get(name)), _number(one.value), _interval(one.lower, one.upper)]
        for each in outcome.current.facets
        for name, one in each.metrics.items()
    ]
    console = _console()
    console.print(_table(("metric", "baseline", "window", "interval"), rows))
    said = [f"{one.metric_name} of {one.facet} {one.facet_value}: {one.description}" for one in outcome.violations]
    _show_left_out(console, outcome.left_out_of_baseline, passed_then.places, of=" of the baseline")
    _conclude(console, outcome.left_out, passed.places, said, outcome.deviation, "")
    return len(said)


def _explainability(baseline: Path, data: Path, output: Path | None) -> int:
    from runtime.monitoring.attribution_check import CHECK, compared
    from runtime.monitoring.lines import told
    from runtime.monitoring.report import Checked
    from runtime.monitoring.tables import walked

    window, passed = walked(data)
    passed_then = walked(baseline)[1]
    outcome = compared(baseline=baseline, data=window)
    outcome.left_out.update(passed.faults)
    outcome.left_out_of_baseline.update(passed_then.faults)
    if output is not None:
        _write(output, outcome.files() | _page(baseline, data, Checked(explainability=outcome)))
    then, now = outcome.baseline.global_attributions, outcome.current.global_attributions
    names = sorted({**then, **now}, key=lambda name: -then.get(name, 0.0))
    rows = [[told(name), _number(then.get(name)), _number(now.get(name))] for name in names]
    console = _console()
    console.print(_table(("feature", "baseline", "window"), rows))
    said = [f"{CHECK}: {outcome.broken}"] if outcome.broken else []
    _show_left_out(console, outcome.left_out_of_baseline, passed_then.places, of=" of the baseline")
    _conclude(console, outcome.left_out, passed.places, said, outcome.deviation, "")
    return len(said)


def _refuse_absent(path: Path, option: str) -> None:
    try:
        path.stat()
    except OSError as error:
        said = "there is no such file or folder" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise PlumblineError(f"monitor: {option} {path}: {said}.") from None
    if not (path.is_file() or path.is_dir()):
        raise PlumblineError(f"monitor: {option} {path}: is no file and no folder.")


def _refuse_other_documents(baseline: Path, kind: Kind) -> None:
    """Refuses a document of another check, and a folder of documents, as a baseline."""
    statistics, analysis = "statistics.json", "analysis.json"
    wanted = analysis if kind in (Kind.BIAS, Kind.EXPLAINABILITY) else statistics
    accepted = f"accepted: a table, or the {wanted} that --output of this check wrote"
    if baseline.name in {statistics, analysis} - {wanted}:
        raise PlumblineError(f"monitor: --baseline {baseline}: is a document of another check; {accepted}.")
    if any((baseline / name).is_file() for name in (statistics, analysis)):
        raise PlumblineError(f"monitor: --baseline {baseline}: is a folder of an earlier run's documents; {accepted}.")


def _refuse_nothing(found: "Statistics", path: Path, option: str) -> None:
    if found.dataset.item_count == 0:
        faults = "; ".join(_left_out(found.dataset.faults, found.dataset.fault_places)) or "no file in it"
        raise PlumblineError(
            f"monitor: {option} {path} holds no row ({faults}); accepted: .parquet, .csv, .jsonl, .json, .ndjson, "
            "those of text also with .gz."
        )


def _page(baseline: Path, data: Path, checked: "Checked") -> dict[str, str]:
    """The report by the name of its file."""
    from runtime.monitoring.report import report

    facts = {"Window": str(data), "Baseline": str(baseline)}
    return {"report.html": report(title=f"{data.name} against {baseline.name}", facts=facts, checked=checked)}


def _write(folder: Path, files: dict[str, str]) -> None:
    from plumbline.writing import write_whole

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_whole(folder / name, text, by="monitor")
    except OSError as error:
        raise PlumblineError(f"monitor: --output {folder}: cannot be written: {error.strerror}.") from None


def _show_data_quality(then: "Statistics", now: "Statistics", outcome: "DataQuality") -> None:
    from runtime.monitoring.lines import told

    console = _console()
    console.print(f"{_counted(now.dataset.item_count, 'row')} against {then.dataset.item_count:,}\n")
    titles = ("column", "deviation", "distance", "by chance", "Jensen-Shannon", "stability index", "completeness")
    console.print(_table(titles, [_row(one) for one in sorted(outcome.features, key=lambda each: -each.deviation)]))
    said = [f"{told(one.feature_name)}: {one.constraint_check_type}: {one.description}" for one in outcome.violations]
    _show_left_out(console, then.dataset.faults, then.dataset.fault_places, of=" of the baseline")
    left_out, worst = now.dataset, told(outcome.worst) if outcome.features else ""
    _conclude(console, left_out.faults, left_out.fault_places, said, outcome.deviation or 0.0, worst)


def _show_model_quality(
    outcome: "Compared", places_then: Mapping[str, Sequence[str]], places: Mapping[str, Sequence[str]]
) -> None:
    console = _console()
    count = outcome.current.quality.item_count
    console.print(f"{_counted(count, 'answer')} with {'its' if count == 1 else 'their'} truth\n")
    titles = ("metric", "baseline", "window", "interval", "worse by")
    rows = [
        [one.name, _number(one.baseline), _number(one.current.value), _interval(one.current.lower, one.current.upper),
         f"no value: {one.undefined}" if one.worsening is None else f"{one.worsening:.1%}"]
        for one in outcome.metrics
    ]  # fmt: skip
    console.print(_table(titles, rows))
    said = [f"{one.metric_name}: {one.description}" for one in outcome.violations]
    _show_left_out(console, outcome.left_out_of_baseline, places_then, of=" of the baseline")
    _conclude(console, outcome.current.counts, places, said, outcome.deviation, outcome.worst)


def _show_left_out(
    console: Console, faults: Mapping[str, int], places: Mapping[str, Sequence[str]], *, of: str = ""
) -> None:
    _print_lines(console, [f"left out{of}: {fault}" for fault in _left_out(faults, places)])


def _left_out(faults: Mapping[str, int], places: Mapping[str, Sequence[str]]) -> list[str]:
    """Each fault with its count, and with where it was found first."""
    where = {fault: f", first in {', '.join(names)}" for fault, names in places.items()}
    return [f"{fault}: {count:,}{where.get(fault, '')}" for fault, count in faults.items()]


def _print_lines(console: Console, lines: Sequence[str]) -> None:
    from runtime.monitoring.lines import printed

    for line in lines:
        console.print(printed(line), markup=False, highlight=False)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _console() -> Console:
    # Wider than most terminals: a table is as wide as what it holds, and never folds a name.
    return Console(soft_wrap=True, width=160)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from runtime.monitoring.lines import printed

    table = Table(box=None, pad_edge=False)
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(Text(printed(cell)) for cell in row))  # a name may hold brackets, which are not markup
    return table


def _conclude(
    console: Console,
    left_out: Mapping[str, int],
    places: Mapping[str, Sequence[str]],
    broken: Sequence[str],
    deviation: float | None,
    worst: str,
) -> None:
    _show_left_out(console, left_out, places)
    console.print()
    _print_lines(console, broken)
    of_which = f", the most of {worst}" if worst else ""
    count = len(broken)
    ending = f"{count or 'no'} constraint{'s are' if count > 1 else ' is'} broken"
    known = "not known" if deviation is None else f"{deviation:.3f}"
    _print_lines(console, [f"deviation {known}{of_which}; {ending}"])


def _row(one: "FeatureDrift") -> list[str]:
    from runtime.monitoring.lines import told

    found = one.distances
    measured = ["", "", "", ""]
    if found:
        chance = "" if found.chance is None else f"{found.chance:.2g}"
        measured = [f"{found.simple:.3f}", chance, f"{found.jensen_shannon:.3f}", f"{found.stability_index:.3f}"]
    return [told(one.name), f"{one.deviation:.3f}", *measured, f"{one.completeness:.1%}"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(lower: float | None, upper: float | None) -> str:
    return "" if lower is None or upper is None else f"{lower:.4g} to {upper:.4g}"
