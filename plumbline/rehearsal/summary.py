"""What a rehearsal showed: the object, the file and the rows of the table."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from plumbline.rehearsal.pipeline_run import PipelineRun
from plumbline.rehearsal.predictions import Agreement
from plumbline.rehearsal.release import Served
from plumbline.rehearsal.training_run import Run
from plumbline.rehearsal.watching import Watched
from plumbline.rehearsal.year.story import Year
from plumbline.writing import write_whole

FILE = "rehearsal.json"
# Characters: a line of a terminal, and of a model's name what leaves room for the row's own.
_VALUE = 90
_MODEL = 16
# A step that took less is not worth its place in the row.
_SHOWN_SECONDS = 0.1
_BOUND = "_gain_lower"
_NAMES = {"average_precision": "average precision", "log_loss": "log loss", "roc_auc": "ROC AUC"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeniedCall:
    """A call that was refused, as it should be.

    Attributes:
        principal: Who called.
        action: The IAM action that was refused.
        resource: On what.
        because: Why it has to be refused.
    """

    principal: str
    action: str
    resource: str
    because: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """One model's way from data to production.

    Attributes:
        model: The model's name.
        commit: The commit that the run records.
        dataset_id: What it was trained on.
        code_digest: What it was trained with.
        run: The training run.
        metrics: The evaluation report.
        model_package_arn: The registered version.
        release: The execution of its release pipeline.
        served: What each environment serves.
        agreement: Production's answers against the artifact's own.
        watched: What its monitors saw; None for a model that nobody watches.
    """

    model: str
    commit: str
    dataset_id: str
    code_digest: str
    run: Run
    metrics: Mapping[str, object]
    model_package_arn: str
    release: PipelineRun
    served: Mapping[str, Served]
    agreement: Agreement
    watched: Watched | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Act:
    """One act of a drill.

    Attributes:
        name: What happens.
        commit: The commit that was pushed.
        execution: The execution of the pipeline that ended the act.
        status: How that one ended.
        stages: Seconds of each of its stages.
        seconds: Seconds of all of the act.
        shown: What was seen, by what it is.
        refused: The calls that were refused, as they should be.
    """

    name: str
    commit: str
    execution: str
    status: str
    stages: Mapping[str, float]
    seconds: float
    shown: Mapping[str, object]
    refused: tuple[DeniedCall, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drill:
    """A drill that went as it should.

    Attributes:
        name: Its name.
        acts: Its acts, in their order.
        seconds: Seconds of all of it.
    """

    name: str
    acts: tuple[Act, ...]
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """A whole rehearsal.

    Attributes:
        id: The rehearsal's id.
        accounts: The account of each environment and of delivery.
        region: The region.
        templates: SHA-256 of each stack's template, the same as synthesized and as submitted.
        resources: How many resources of each type each stack has.
        image: The runtime image's URI.
        image_digest: Its digest.
        deliveries: The executions of the delivery pipeline, with the seconds of their actions.
        models: Every model's way.
        calls: How many calls each principal was allowed, by action.
        denied_calls: The different calls that were refused, each expected and probed.
        denied_attempts: How often one of them was tried; the same call can be refused for more than one reason.
        network_isolation: How an isolated job is kept from the network on this machine.
        drills: The drills that were played after it.
        years: The years that have passed in production, one a model.
        steps: Seconds of each step.
        seconds: Seconds of all of it.
        endpoint: The cloud's address when it was kept, else empty.
        state: The kept cloud's folder, else empty.
    """

    id: str
    accounts: Mapping[str, str]
    region: str
    templates: Mapping[str, str]
    resources: Mapping[str, Mapping[str, int]]
    image: str
    image_digest: str
    deliveries: tuple[PipelineRun, ...]
    models: tuple[ModelSummary, ...]
    calls: Mapping[str, Mapping[str, int]]
    denied_calls: tuple[DeniedCall, ...]
    denied_attempts: int
    network_isolation: str
    steps: Mapping[str, float]
    seconds: float
    drills: tuple[Drill, ...] = ()
    years: tuple[Year, ...] = ()
    endpoint: str = ""
    state: str = ""

    def text(self) -> str:
        """All of it as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    def write(self, root: Path) -> Path:
        """Writes ``rehearsal.json`` into the checkout, whole or not at all."""
        return write_whole(root / FILE, f"{self.text()}\n", by=self.id)

    def rows(self) -> list[tuple[str, str]]:
        """The summary as pairs of what and how much, for a table; each pair short enough for one line of a terminal."""
        resources = sum(sum(types.values()) for types in self.resources.values())
        allowed = sum(sum(actions.values()) for actions in self.calls.values())
        rows = [
            ("accounts", ", ".join(f"{name} {account}" for name, account in self.accounts.items())),
            ("stacks", f"{len(self.templates)}, {resources} resources, each template as synth wrote it"),
            ("isolation of jobs", self.network_isolation),
            *(("delivery", _stages(run)) for run in self.deliveries),
        ]
        for way in self.models:
            name = _clipped(way.model, _MODEL)
            rows += [(f"{name}: {what}", value) for what, value in _rows_of(way)]
        for year in self.years:
            rows += [(f"{_clipped(year.model, _MODEL)}: {what}", value) for what, value in year.rows()]
        for drill in self.drills:
            rows += [(f"{drill.name}: {act.name}", _act(act)) for act in drill.acts]
        rows += [
            ("calls allowed", f"{allowed:,} by {len(self.calls)} principals"),
            ("calls denied", f"{denied(self.denied_attempts, len(self.denied_calls))}, each expected"),
            ("seconds", f"{self.seconds:.1f}"),
        ]
        return [(what, _clipped(value, _VALUE)) for what, value in rows]


def denied(attempts: int, calls: int) -> str:
    """How often refusals were provoked and how many different calls that were, in words."""
    return f"{attempts} attempts at {calls} calls"


def _stages(run: PipelineRun) -> str:
    return f"{run.commit[:8]} {_in_stages(run)}"


def _in_stages(run: PipelineRun) -> str:
    stages = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in run.stages().items())
    return f"{run.status} in {run.seconds:.0f} s: {stages}"


def _act(act: Act) -> str:
    return f"{act.commit[:8]} {act.status} at {list(act.stages)[-1]}, in {act.seconds:.0f} s"


def _rows_of(way: ModelSummary) -> list[tuple[str, str]]:
    metrics, gate = (way.metrics.get(part) for part in ("metrics", "gate"))
    challenger = metrics.get("challenger") if isinstance(metrics, Mapping) else None
    long = [f"{step.name} {step.seconds:.1f} s" for step in way.run.steps if step.seconds >= _SHOWN_SECONDS]
    return [
        ("run", ": ".join(filter(None, [f"{way.run.status} in {way.run.seconds:.1f} s", ", ".join(long)]))),
        ("quality", _figures(challenger, suffix="")),
        ("gate", "lower bounds of the gains: " + _figures(gate, suffix=_BOUND)),
        ("release", f"version {way.model_package_arn.rpartition('/')[2]}, {_in_stages(way.release)}"),
        *(
            (environment, f"{served.endpoint} {served.status}, artifact {served.artifact_digest[:16]}")
            for environment, served in way.served.items()
        ),
        (
            "answers",
            f"{way.agreement.rows:,} equal to the artifact's own, to {way.agreement.largest_difference:.1e}",
        ),
    ]


def _figures(part: object, *, suffix: str) -> str:
    """The figures of a part of the report by which a model is known; of a model without those, the first ones."""
    found = part if isinstance(part, Mapping) else {}
    figures = {
        name.removesuffix(suffix): value
        for name, value in found.items()
        if isinstance(value, float) and name.endswith(suffix)
    }
    shown = [name for name in _NAMES if name in figures] or list(figures)[: len(_NAMES)]
    told = [f"{_NAMES.get(name, name.replace('_', ' '))} {figures[name]:.3f}" for name in shown]
    return ", ".join(told) or "none reported"


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
