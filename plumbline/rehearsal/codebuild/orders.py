"""What a build is asked to do, and where its record keeps what became of it."""

import copy
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild.errors import PhaseContext

IN_PROGRESS, SUCCEEDED, FAILED, FAULT, TIMED_OUT, STOPPED = (
    "IN_PROGRESS",
    "SUCCEEDED",
    "FAILED",
    "FAULT",
    "TIMED_OUT",
    "STOPPED",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtifactObject:
    """One artifact of a pipeline: a ZIP archive in S3.

    Attributes:
        name: The artifact's name.
        bucket: Where it is or goes.
        key: The object's key.
        kms_key: The key of the pipeline's artifact store, empty for none; takes effect where the project names none.
    """

    name: str
    bucket: str
    key: str
    kms_key: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """One build, as it was asked for.

    Attributes:
        account: The project's account.
        region: The project's region.
        project: The project as it was when the build was started, overrides applied.
        initiator: Who started it, such as ``codepipeline/<pipeline>``.
        inputs: What it reads; none for a project without source.
        primary: The name of the input that is the source.
        outputs: What it writes.
        environment: Variables that override the project's.
    """

    account: str
    region: str
    project: Document
    initiator: str
    inputs: Sequence[ArtifactObject] = ()
    primary: str = ""
    outputs: Sequence[ArtifactObject] = ()
    environment: Sequence[Mapping[str, str]] = ()

    @property
    def source(self) -> ArtifactObject | None:
        """The primary input; the first one when none is named."""
        named = [one for one in self.inputs if one.name == self.primary]
        return next(iter([*named, *self.inputs]), None)

    @property
    def variables(self) -> list[Document]:
        """The project's variables and those that override them, as the API has them."""
        given: dict[str, Document] = {}
        for one in (*self.project["environment"].get("environmentVariables", ()), *self.environment):
            given[one["name"]] = {"name": one["name"], "value": one["value"], "type": one.get("type") or "PLAINTEXT"}
        return list(given.values())


class Build:
    """A build and its record; safe from any thread.

    Args:
        order: What it is to do.
        build_id: ``<project>:<uuid>``.
        number: Counts the project's builds.
        changed: Called after each phase that ends and each change of the status, with the record and the ended phase.
    """

    def __init__(
        self, order: Order, *, build_id: str, number: int, changed: Callable[[Document, Document | None], None]
    ) -> None:
        self.order = order
        self.id = build_id
        self.stopping = threading.Event()
        self.context = PhaseContext()
        self._changed = changed
        self._lock = threading.Lock()
        self._document = _new_record(order, build_id, number)

    @property
    def arn(self) -> str:
        """The build's ARN."""
        return str(self._document["arn"])

    @property
    def uuid(self) -> str:
        """The part of the id that names this build and no other."""
        return self.id.rpartition(":")[2]

    @property
    def complete(self) -> bool:
        """Whether it has ended."""
        return bool(self._document["buildComplete"])

    def describe(self) -> Document:
        """The record as BatchGetBuilds gives it; times in seconds since the epoch."""
        with self._lock:
            return copy.deepcopy(self._document)

    def note(self, **members: object) -> None:
        """Keeps members of the record, by the API's names."""
        with self._lock:
            self._document.update(members)

    def announce(self) -> None:
        """Tells that the status has changed."""
        self._changed(self.describe(), None)

    def begin(self, phase: str) -> None:
        """Begins a phase."""
        with self._lock:
            self._document["currentPhase"] = phase
            self._document["phases"].append({"phaseType": phase, "startTime": now()})

    def end(self, status: str, context: PhaseContext | None = None) -> None:
        """Ends the current phase; the first that fails is why the build fails."""
        context = context or PhaseContext()
        if context.code and not self.context.code:
            self.context = context
        with self._lock:
            phase = self._document["phases"][-1]
            phase |= {
                "phaseStatus": status,
                "endTime": now(),
                "durationInSeconds": int(now() - phase["startTime"]),
                "contexts": [{"statusCode": context.code, "message": context.message}],
            }
            ended = copy.deepcopy(phase)
        self._changed(self.describe(), ended)

    def finish(self, status: str) -> None:
        """Ends the build."""
        with self._lock:
            self._document["phases"].append({"phaseType": "COMPLETED", "startTime": now()})
            self._document |= {
                "currentPhase": "COMPLETED",
                "buildStatus": status,
                "buildComplete": True,
                "endTime": now(),
            }
        self.announce()


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildRun:
    """A build that has ended, as the rehearsal's own record has it.

    Attributes:
        build_id: ``<project>:<uuid>``.
        account: The project's account.
        project: The project's name.
        status: How it ended.
        seconds: How long it took, waiting included.
        replayed: Whether it was answered from what was remembered.
    """

    build_id: str
    account: str
    project: str
    status: str
    seconds: float
    replayed: bool


def now() -> float:
    """The present as the API writes it: seconds since the epoch, to the millisecond."""
    return round(time.time(), 3)


def _new_record(order: Order, build_id: str, number: int) -> Document:
    project, source = order.project, order.source
    record: Document = {
        "id": build_id,
        "arn": f"arn:aws:codebuild:{order.region}:{order.account}:build/{build_id}",
        "buildNumber": number,
        "startTime": now(),
        "currentPhase": "SUBMITTED",
        "buildStatus": IN_PROGRESS,
        "projectName": project["name"],
        "phases": [],
        "source": {name: value for name, value in project["source"].items() if name != "auth"},
        "secondarySources": [],
        "secondarySourceVersions": [],
        "artifacts": {"location": ""},
        "secondaryArtifacts": [],
        "cache": project.get("cache", {"type": "NO_CACHE"}),
        "environment": {**project["environment"], "environmentVariables": order.variables},
        "serviceRole": project["serviceRole"],
        "logs": {},
        "timeoutInMinutes": project["timeoutInMinutes"],
        "queuedTimeoutInMinutes": project["queuedTimeoutInMinutes"],
        "buildComplete": False,
        "initiator": order.initiator,
        "encryptionKey": project["encryptionKey"],
    }
    if source:
        record["sourceVersion"] = f"arn:aws:s3:::{source.bucket}/{source.key}"
    if order.outputs:
        locations = [
            {"location": f"arn:aws:s3:::{one.bucket}/{one.key}", "artifactIdentifier": one.name}
            for one in order.outputs
        ]
        record["artifacts"], record["secondaryArtifacts"] = locations[0], locations[1:]
    return record
