"""What a pipeline and its executions are, while the rehearsal lasts."""

import dataclasses
import threading
from collections.abc import Mapping

from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import ArtifactObject
from plumbline.rehearsal.codepipeline.flow import Flow
from plumbline.rehearsal.codepipeline.transitions import Kind, begin, move
from plumbline.rehearsal.codepipeline.work import Order, Revision, Work

QUEUED = "QUEUED"


@dataclasses.dataclass(kw_only=True)
class ActionRun:
    """One action execution.

    Attributes:
        order: What it was to do.
        stage: The stage's name.
        version: The pipeline's version.
        started: When, in seconds since the epoch.
        updated: When it changed last.
        work: What runs; None once nothing does.
        token: An approval's, while it waits for its answer.
        token_given: The same, for as long as the record lasts.
    """

    order: Order
    stage: str
    version: int
    started: float
    updated: float
    work: Work | None = None
    status: str = dataclasses.field(default_factory=lambda: begin(Kind.ACTION))
    summary: str = ""
    updated_by: str = ""
    token: str = ""
    token_given: str = ""
    external_id: str = ""
    external_url: str = ""
    percent: int | None = None
    error: tuple[str, str] | None = None
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    revision: Revision | None = None

    @property
    def name(self) -> str:
        """The action's name."""
        return self.order.name


@dataclasses.dataclass(kw_only=True)
class StageRun:
    """One execution in one stage.

    Attributes:
        name: The stage's name.
        attempt: How often it was retried.
        retried: When it was retried last.
    """

    name: str
    attempt: int = 0
    retried: float | None = None
    status: str = dataclasses.field(default_factory=lambda: begin(Kind.STAGE))

    def move(self, status: str) -> None:
        """Gives it another status."""
        self.status = move(Kind.STAGE, self.status, status)


@dataclasses.dataclass(kw_only=True)
class Execution:
    """One pipeline execution.

    Attributes:
        id: Its id.
        declaration: The pipeline as it was when it began.
        version: The pipeline's version then.
        trigger: What started it: type and detail.
        started: When, in seconds since the epoch.
        updated: When it changed last.
        namespaces: The variables that there are by now.
        revisions: What a source action is to take, by action: type and value.
        artifacts: Where the artifacts are that there are by now, by name.
        found: The revisions that its source actions found: action, artifact and revision.
        stages: Its runs of stages, by name, as it came to them.
        actions: Its action executions, oldest first.
        attempt: 1, and one more for each time that a stage of it was retried.
    """

    id: str
    declaration: Document
    version: int
    trigger: tuple[str, str]
    started: float
    updated: float
    namespaces: dict[str, dict[str, str]]
    revisions: Mapping[str, tuple[str, str]]
    status: str = dataclasses.field(default_factory=lambda: begin(Kind.EXECUTION))
    status_summary: str = ""
    stop_reason: str | None = None
    attempt: int = 1
    artifacts: dict[str, ArtifactObject] = dataclasses.field(default_factory=dict)
    found: list[tuple[str, str, Revision]] = dataclasses.field(default_factory=list)
    stages: dict[str, StageRun] = dataclasses.field(default_factory=dict)
    actions: list[ActionRun] = dataclasses.field(default_factory=list)

    @property
    def under_way(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("InProgress", "Stopping")

    def move(self, status: str) -> None:
        """Gives it another status."""
        self.status = move(Kind.EXECUTION, self.status, status)

    def latest(self, stage: str, action: str) -> ActionRun | None:
        """The last run of an action."""
        runs = [run for run in self.actions if (run.stage, run.name) == (stage, action)]
        return runs[-1] if runs else None


@dataclasses.dataclass(kw_only=True)
class Transition:
    """The transition into a stage."""

    enabled: bool = True
    changed_by: str = ""
    changed_at: float | None = None
    reason: str = ""


class Pipeline:
    """A pipeline.

    Args:
        scope: Where it is.
        declaration: What it is, of version 1.
        now: The time.

    Attributes:
        lock: Held while anything here is read or changed.
        versions: All declarations, the newest last.
        flow: Where the executions are.
        executions: By id, oldest first.
        transitions: By stage.
        stage_runs: The last run of each stage: execution and run.
        action_runs: The last run of each action, by stage and action.
        tokens: The executions that were started under a token.
    """

    def __init__(self, scope: Scope, declaration: Document, *, now: float) -> None:
        self.scope = scope
        self.lock = threading.RLock()
        self.versions: list[Document] = [declaration]
        self.created = self.updated = now
        self.tags: dict[str, str] = {}
        self.flow = new_flow(declaration)
        self.executions: dict[str, Execution] = {}
        self.transitions: dict[str, Transition] = {}
        self.stage_runs: dict[str, tuple[Execution, StageRun]] = {}
        self.action_runs: dict[tuple[str, str], ActionRun] = {}
        self.tokens: dict[str, str] = {}

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.versions[-1]["name"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.scope.arn_of("codepipeline", self.name)

    @property
    def declaration(self) -> Document:
        """What it is now."""
        return self.versions[-1]

    @property
    def version(self) -> int:
        """Its version."""
        return len(self.versions)

    @property
    def mode(self) -> str:
        """SUPERSEDED or QUEUED."""
        return str(self.declaration.get("executionMode", "SUPERSEDED"))

    def transition(self, stage: str) -> Transition:
        """The transition into a stage."""
        return self.transitions.setdefault(stage, Transition())

    def stage_index(self, name: str) -> int | None:
        """A stage's place, counted from 0."""
        names = [stage["name"] for stage in self.declaration["stages"]]
        return names.index(name) if name in names else None


def new_flow(declaration: Document) -> Flow:
    """An empty flow through a pipeline's stages."""
    return Flow(stages=len(declaration["stages"]), queued=declaration.get("executionMode") == QUEUED)


def store_of(declaration: Document, region: str) -> tuple[str, str]:
    """The artifact store's bucket and its key, which is empty for none."""
    store = declaration.get("artifactStore") or declaration["artifactStores"][region]
    return str(store["location"]), str(store.get("encryptionKey", {}).get("id", ""))
