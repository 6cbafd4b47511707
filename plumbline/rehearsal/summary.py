"""What a rehearsal showed: the object, the file and the rows of the table."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from plumbline.rehearsal.predictions import Agreement
from plumbline.rehearsal.release import Served
from plumbline.rehearsal.training_run import Run

FILE = "rehearsal.json"


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
        served: What each environment serves.
        agreement: Production's answers against the artifact's own.
    """

    model: str
    commit: str
    dataset_id: str
    code_digest: str
    run: Run
    metrics: Mapping[str, object]
    model_package_arn: str
    served: Mapping[str, Served]
    agreement: Agreement


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
        models: Every model's way.
        calls: How many calls each principal was allowed, by action.
        denied_calls: The calls that were refused, each expected and probed.
        network_isolation: How an isolated job is kept from the network on this machine.
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
    models: tuple[ModelSummary, ...]
    calls: Mapping[str, Mapping[str, int]]
    denied_calls: tuple[DeniedCall, ...]
    network_isolation: str
    steps: Mapping[str, float]
    seconds: float
    endpoint: str = ""
    state: str = ""

    def write(self, root: Path) -> Path:
        """Writes ``rehearsal.json`` into the checkout, whole or not at all."""
        path = root / FILE
        partial = path.with_name(f".{FILE}.{self.id}.partial")
        try:
            partial.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return path

    def rows(self) -> list[tuple[str, str]]:
        """The summary as pairs of what and how much, for a table."""
        rows = [
            ("accounts", ", ".join(f"{name} {account}" for name, account in self.accounts.items())),
            ("stacks", f"{len(self.templates)}, each template as synth wrote it"),
            ("resources", str(sum(sum(types.values()) for types in self.resources.values()))),
            ("isolation of jobs", self.network_isolation),
        ]
        for way in self.models:
            rows += [
                (f"{way.model}: run", f"{way.run.status} in {way.run.seconds:.1f} s"),
                *((f"{way.model}: {step.name}", f"{step.status}, {step.seconds:.1f} s") for step in way.run.steps),
                *(
                    (f"{way.model}: {name}", value)
                    for name, value in _figures(way.metrics)
                    if name.startswith(("metrics.challenger.", "gate."))
                ),
                (f"{way.model}: version", way.model_package_arn.rsplit(":", 1)[-1]),
                *(
                    (f"{way.model}: {environment}", f"{served.endpoint} {served.status}, {served.artifact_digest[:16]}")
                    for environment, served in way.served.items()
                ),
                (
                    f"{way.model}: answers",
                    f"{way.agreement.rows:,} equal to the artifact's own, to {way.agreement.largest_difference:.1e}",
                ),
            ]
        allowed = sum(sum(actions.values()) for actions in self.calls.values())
        rows += [
            ("calls allowed", f"{allowed:,} by {len(self.calls)} principals"),
            ("calls denied", f"{len(self.denied_calls)}, each expected"),
            ("seconds", f"{self.seconds:.1f}"),
        ]
        return rows


def _figures(report: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """The numbers of a report, by their dotted names."""
    figures: list[tuple[str, str]] = []
    for name, value in report.items():
        if isinstance(value, Mapping):
            figures += _figures(value, f"{prefix}{name}.")
        elif isinstance(value, float):
            figures.append((f"{prefix}{name}", f"{value:.4f}"))
    return figures
