"""One run of a model's monitors: a window against the baselines of the version that served it.

The checks run in turn, and one that fails does not keep the others from theirs. `metrics.json` says of each how far the
window is from the baseline, or that there was nothing to look at, or why it failed; a function publishes it, for the
container has no network.
"""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from runtime.errors import JobError, RowError
from runtime.jobs import ProcessingJob
from runtime.monitoring import attribution_check, fairness_check, quality_check
from runtime.monitoring.analysis import ANALYSIS
from runtime.monitoring.answers import ID, NoTruthError
from runtime.monitoring.baselines import explained
from runtime.monitoring.bias import BiasAnalysis
from runtime.monitoring.checks import BIAS, CHECKS_FILE, DATA_QUALITY, EXPLAINABILITY, MODEL_QUALITY, Checks
from runtime.monitoring.constraints import read_constraints
from runtime.monitoring.data_quality import check
from runtime.monitoring.documents import document_text, read_model
from runtime.monitoring.report import Checked, DataQualityOutcome, report
from runtime.monitoring.statistics import read_statistics, statistics_of
from runtime.monitoring.summary import Kind
from runtime.monitoring.tables import summarized
from runtime.monitoring.window import WINDOW_FILE, Window, earlier_in, files_in, invocations, with_truth
from runtime.prediction import loaded
from runtime.predictor import Predictor

METRICS_FILE, REPORT_FILE = "metrics.json", "report.html"
LABELLED_FILE, LABELLED_DESCRIPTION = "labelled.parquet", "labelled.json"
_FORMAT = 1
_REASONS = ("failed", "no_data", "not_yet")  # for which a check has no deviation


class NothingToCheckError(Exception):
    """A window that holds nothing that a check could look at; says what is missing."""


class NotYetError(Exception):
    """A check that has nothing to look at since nothing was answered yet whose truth could be known; says so."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one check has found.

    Attributes:
        rows: How many rows or answers it has looked at.
        deviation: From the baseline, 0 to 1.
        worst: Of what it is; empty where there is one number only.
        violations: How many constraints are broken.
        values: Numbers beside their baseline, by name: `(baseline, window)`.
        features: Deviation by feature, of those that count.
        left_out: What was left out, by why, and how often.
        files: Contents of the check's own files, by name.
    """

    rows: int
    deviation: float
    worst: str
    violations: int
    left_out: Mapping[str, int]
    files: Mapping[str, str]
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """As `metrics.json` has it."""
        return {
            "rows": self.rows,
            "deviation": self.deviation,
            "worst": self.worst,
            "violations": self.violations,
            "values": {name: {"baseline": then, "value": now} for name, (then, now) in self.values.items()},
            "features": dict(self.features),
            "left_out": dict(self.left_out),
        }


def monitor(job: ProcessingJob) -> None:
    """Reads the inputs `data`, `baseline` and `model`, writes the outputs `report` and `labelled`.

    The argument `window` names `window.json` within `data`. `labelled` gets the answers whose truth is known, to train
    on: `labelled.parquet` and what `labelled.json` says of it; nothing when there are none.

    Raises:
        JobError: The window, the baselines or the model cannot be read at all.
    """
    data = job.input("data")
    path = files_in(data, [job.arguments.text("window")])[0]
    if path.name != WINDOW_FILE:
        raise JobError(f"argument window is {path.name}; accepted: the path of a {WINDOW_FILE}.")
    window = read_model(path, Window)
    baseline = job.input("baseline")
    checks = read_model(baseline / CHECKS_FILE, Checks)
    output = job.output("report")
    with loaded(job.input("model") / "model.tar.gz") as predictor, tempfile.TemporaryDirectory() as scratch:
        looking = _Looking(
            checks=checks,
            window=window,
            earlier=earlier_in(path),
            data=data,
            baseline=baseline,
            predictor=predictor,
            scratch=Path(scratch),
        )
        told = {name: _told(looking.check(name), output / name) for name in checks.names}
        kept, why = looking.keep_labelled(job.output("labelled"))
    print(f"labelled: {kept} rows of the window {window.answered.id} to train on{why}")
    document = {
        "version": _FORMAT,
        "window": window.id,
        "since": window.asked.since.isoformat(),
        "until": window.asked.until.isoformat(),
        "model": window.model,
        "model_version": window.version,
        "endpoint": window.endpoint,
        "answered": window.answered.id,
        "labelled": window.answered.id if kept else "",
        "checks": told,
    }
    (output / METRICS_FILE).write_text(document_text(document), encoding="utf-8")
    facts = {
        "Model": window.model,
        "Version": window.version,
        "Endpoint": window.endpoint,
        "Asked": f"{window.asked.since:%Y-%m-%d %H:%M} to {window.asked.until:%Y-%m-%d %H:%M} UTC",
        "Answered": f"{window.answered.since:%Y-%m-%d %H:%M} to {window.answered.until:%Y-%m-%d %H:%M} UTC",
        **{name: str(said[why]) for name, said in told.items() for why in _REASONS if why in said},
    }
    page = report(title=f"{window.model}, window {window.id}", facts=facts, checked=looking.checked)
    (output / REPORT_FILE).write_text(page, encoding="utf-8")
    for name, said in told.items():
        print(f"{name}: {next((said[why] for why in (*_REASONS, 'deviation') if why in said), '')}")


def _told(checked: Callable[[], Outcome], folder: Path) -> dict[str, object]:
    """Makes a check, keeps its files, and says what came of it."""
    try:
        outcome = checked()
    except NotYetError as error:
        return {"not_yet": str(error)}
    except NothingToCheckError as error:
        return {"no_data": str(error)}
    except (JobError, RowError) as error:
        return {"failed": str(error)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in outcome.files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return outcome.document()


@dataclass(kw_only=True)
class _Looking:
    """The checks of one window, and what those that were made have found."""

    checks: Checks
    window: Window
    earlier: Sequence[str]
    data: Path
    baseline: Path
    predictor: Predictor
    scratch: Path
    checked: Checked = field(default_factory=Checked)

    def check(self, name: str) -> Callable[[], Outcome]:
        made: Mapping[str, Callable[[], Outcome]] = {
            DATA_QUALITY: self._data_quality,
            MODEL_QUALITY: self._model_quality,
            BIAS: self._bias,
            EXPLAINABILITY: self._explainability,
        }
        return made[name]

    def _data_quality(self) -> Outcome:
        folder = self.baseline / DATA_QUALITY
        then, constraints = read_statistics(folder / "statistics.json"), read_constraints(folder / "constraints.json")
        asked = self.checks.data_quality
        matter = list(asked.features) if asked is not None and asked.features else None
        texts = {one.name for one in constraints.features if one.inferred_type is Kind.STRING}
        names = [one.name for one in constraints.features]
        now = statistics_of(summarized(self._captures, texts=texts, names=names, folder=self.data))
        outcome = check(constraints=constraints, baseline=then, current=now, that_matter=matter)
        if outcome.deviation is None:
            raise NothingToCheckError(f"no row was asked{_why(now.dataset.faults)}")
        shown = DataQualityOutcome(baseline=then, current=now, outcome=outcome)
        self.checked = replace(self.checked, data_quality=shown)
        return Outcome(
            rows=outcome.rows,
            deviation=outcome.deviation,
            worst=outcome.worst,
            violations=len(outcome.violations),
            features={one.name: one.deviation for one in outcome.features if matter is None or one.name in matter},
            left_out=now.dataset.faults,
            files={
                "statistics.json": now.text(),
                "constraints.json": constraints.text(),
                "constraint_violations.json": outcome.text(),
            },
        )

    def _model_quality(self) -> Outcome:
        problem, folder = self.checks.problem, self.baseline / MODEL_QUALITY
        labelled, counts = self._labelled
        beside = folder / "statistics.json"
        try:
            outcome = quality_check.compared(
                problem,
                baseline=quality_check.read_quality(beside, problem),
                current=quality_check.quality_of(problem, [labelled], None),
                constraints=quality_check.constraints_beside(beside),
            )
        except NoTruthError as error:
            raise NothingToCheckError(str(error)) from error
        self.checked = replace(self.checked, model_quality=outcome)
        if outcome.deviation is None:
            raise NothingToCheckError(outcome.not_known)
        return Outcome(
            rows=outcome.current.quality.item_count,
            deviation=outcome.deviation,
            worst=outcome.worst,
            violations=len(outcome.violations),
            values={
                one.name: (one.baseline, one.current.value)
                for one in outcome.metrics
                if one.current.value is not None and one.name in problem.counting
            },
            left_out=counts + outcome.current.counts,
            files=outcome.files(),
        )

    def _bias(self) -> Outcome:
        labelled, counts = self._labelled
        try:
            outcome = fairness_check.compared(
                self.checks.facet, baseline=self.baseline / BIAS / ANALYSIS, data=[labelled]
            )
        except (fairness_check.OneSidedError, NoTruthError) as error:
            raise NothingToCheckError(str(error)) from error
        self.checked = replace(self.checked, bias=outcome)
        then, now = _values(outcome.baseline), _values(outcome.current)
        return Outcome(
            rows=pl.scan_parquet(labelled).select(pl.len()).collect().item(),
            deviation=outcome.deviation,
            worst="",
            violations=len(outcome.violations),
            values={name: (then[name], now[name]) for name in then if name in now},
            left_out=counts + outcome.left_out,
            files=outcome.files(),
        )

    def _explainability(self) -> Outcome:
        counts: Counter[str] = Counter()
        rows = self._invocations(self._captures, counts)
        asked = self.checks.explainability
        usable = _usable(rows, self.predictor, counts)
        if usable.is_empty() or asked is None:
            raise NothingToCheckError(f"no answer can be explained{_why(counts)}")
        values = self.scratch / "shap.parquet"
        explained(self.predictor, usable, most=asked.rows).write_parquet(values)
        outcome = attribution_check.compared(baseline=self.baseline / EXPLAINABILITY / ANALYSIS, data=[values])
        self.checked = replace(self.checked, explainability=outcome)
        then, now = outcome.baseline.global_attributions, outcome.current.global_attributions
        return Outcome(
            rows=usable.height,
            deviation=outcome.deviation,
            worst="",
            violations=1 if outcome.broken else 0,
            values={name: (value, now.get(name, 0.0)) for name, value in then.items()},
            left_out=counts + outcome.left_out,
            files=outcome.files(),
        )

    def keep_labelled(self, folder: Path) -> tuple[int, str]:
        """Writes the answers whose truth is known, whichever version gave them, with their inputs as the model takes.

        Args:
            folder: Where to; stays empty when there are none.

        Returns:
            How many rows there are, and what was left out, in words.
        """
        # Of an id that was asked twice, the answer of the file that comes last is kept.
        answers = list(dict.fromkeys([*self.earlier, *self.window.answers]))
        if not answers:
            return 0, ""
        try:
            table, counts = self._joined(answers, "kept") if self.earlier else self._labelled
        except NothingToCheckError as error:
            return 0, f": {error}"
        columns, checks, counts = self.predictor.columns, self.checks, counts.copy()
        rows = pl.read_parquet(table)
        usable = _typed(rows, self.predictor, [ID, checks.answer, checks.label], counts)
        if usable.is_empty():
            return 0, _why(counts)
        path = folder / LABELLED_FILE
        named = usable.select(*(column.name for column in columns), checks.label, checks.answer, ID)
        named.with_columns(_class_or_number(named[checks.label], checks)).write_parquet(path)
        answered = self.window.answered
        description = {
            "version": _FORMAT,
            "model": self.window.model,
            "window": answered.id,
            "since": answered.since.isoformat(),
            "until": answered.until.isoformat(),
            "model_version": self.window.version,
            "rows": usable.height,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        (folder / LABELLED_DESCRIPTION).write_text(document_text(description), encoding="utf-8")
        return usable.height, _why(counts)

    @property
    def _captures(self) -> Sequence[Path]:
        return files_in(self.data, self.window.captures)

    def _invocations(self, captures: Sequence[Path], counts: Counter[str]) -> pl.DataFrame:
        return invocations(captures, columns=self.predictor.columns, answer=self.checks.answer, counts=counts)

    @cached_property
    def _labelled(self) -> tuple[Path, Counter[str]]:
        """A table of this version's answers whose truth is known, read once for all checks, and what was left out."""
        if not self.window.answers:
            raise NotYetError("this version has answered nothing in the older window, whose truth is known by now")
        return self._joined(self.window.answers, "labelled")

    def _joined(self, answers: Sequence[str], name: str) -> tuple[Path, Counter[str]]:
        counts: Counter[str] = Counter()
        asked = self._invocations(files_in(self.data, answers), counts)
        labels = files_in(self.data, self.window.labels)
        found = with_truth(asked, labels, answer=self.checks.answer, label=self.checks.label, counts=counts)
        if found.is_empty():
            raise NothingToCheckError(f"no answer has its truth{_why(counts)}")
        table = self.scratch / f"{name}.parquet"
        found.write_parquet(table)
        return table, +counts


def _class_or_number(truth: pl.Series, checks: Checks) -> pl.Series:
    """The truth, a class that is a number as a whole one: JSON does not tell 1 from 1.0."""
    if checks.answers == "regression" or not truth.dtype.is_float():
        return truth
    whole = truth.cast(pl.Int64, strict=False)
    return whole if (whole.cast(pl.Float64) == truth).all() else truth


def _values(analysis: BiasAnalysis) -> dict[str, float]:
    metrics = (entry for each in analysis.facets for entry in each.metrics.items())
    return {name: one.value for name, one in metrics if one.value is not None}


def _usable(rows: pl.DataFrame, predictor: Predictor, counts: Counter[str]) -> pl.DataFrame:
    """The inputs of the rows that the model takes: what it refused to answer was captured too."""
    return _typed(rows, predictor, (), counts).select(column.name for column in predictor.columns)


def _typed(rows: pl.DataFrame, predictor: Predictor, beside: Sequence[str], counts: Counter[str]) -> pl.DataFrame:
    """The rows whose inputs are what the model takes, with the inputs in its types and other columns as they are."""
    columns = predictor.columns
    if rows.is_empty():
        return rows
    refused = pl.DataFrame({column.name: column.refused(rows[column.name]) for column in columns})
    for column in columns:
        if count := int(refused[column.name].sum()):
            counts[f"values of {column.name} that are not {column.accepted}"] += count
    taken = rows.filter(~refused.select(pl.any_horizontal(pl.all())).to_series())
    typed = taken.select(*(pl.col(column.name).cast(column.dtype, strict=False) for column in columns), *beside)
    whole = typed.drop_nulls([column.name for column in columns if column.required])
    counts["rows that the model does not take"] += rows.height - whole.height
    return whole


def _why(counts: Mapping[str, int]) -> str:
    said = "; ".join(f"{count} {fault}" for fault, count in counts.items() if count)
    return f" ({said})" if said else ""
