"""An action under way, as its provider sees it: what it was told, what it has, how it waits, and how it ends."""

import dataclasses
import queue
import threading
from collections.abc import Callable, Mapping, Sequence

from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import ArtifactObject

# How often what is under way elsewhere is looked at.
POLL_SECONDS = 0.1


class ActionFailedError(Exception):
    """An action has failed.

    Args:
        code: As ``errorDetails`` has it; the vocabulary is the API's ``FailureType``.
        message: What it says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class AbandonedError(Exception):
    """Nobody waits for an action any more; what it does ends without a result.

    Args:
        stopped: Whether somebody stopped the execution, so that work elsewhere is to be stopped too. It is not when
            the pipeline was changed: that may be the very work that changes it.
    """

    def __init__(self, *, stopped: bool) -> None:
        super().__init__("abandoned")
        self.stopped = stopped


@dataclasses.dataclass(frozen=True, kw_only=True)
class Revision:
    """What a source action found.

    Attributes:
        id: A commit, or an object's version.
        summary: A commit's message, or a sentence.
        created: When, in seconds since the epoch.
        url: Where it can be looked at; empty for nowhere.
        change: Identifies the change in the provider's own terms.
    """

    id: str
    summary: str
    created: float
    url: str = ""
    change: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an action that succeeded gives.

    Attributes:
        variables: The output variables.
        revision: A source's.
        summary: What there is to say.
        updated_by: The ARN of who made it succeed, where somebody did.
    """

    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    revision: Revision | None = None
    summary: str = ""
    updated_by: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """What an action says of itself while it runs; what is empty is not said.

    Attributes:
        external_id: Its id where it runs.
        external_url: Where it can be looked at.
        summary: A sentence.
        token: An approval's.
        percent: How far it is; None for unknown.
    """

    external_id: str = ""
    external_url: str = ""
    summary: str = ""
    token: str = ""
    percent: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What somebody says to an action that waits for it: an approval's answer, or a job's result.

    Attributes:
        good: Approved, or succeeded.
        summary: What was said.
        by: The ARN of who said it.
        code: Of a failure.
        variables: A job's output variables.
        continuation: A job's token when it wants to be called again.
        progress: What a job says of itself.
    """

    good: bool
    summary: str = ""
    by: str = ""
    code: str = ""
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    continuation: str = ""
    progress: Progress = dataclasses.field(default_factory=Progress)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """What an action is to do.

    Attributes:
        id: The action execution's id.
        scope: Where the pipeline is.
        pipeline: Its name.
        pipeline_role: The pipeline's role.
        execution: The pipeline execution's id.
        stage: The stage's name.
        declaration: The action, as the pipeline declares it.
        configuration: Its configuration with variables resolved.
        inputs: Its input artifacts, in their order.
        outputs: Where its output artifacts go, in their order.
        revision: The revision that a source action is to take, its type and value; None for the newest.
    """

    id: str
    scope: Scope
    pipeline: str
    pipeline_role: str
    execution: str
    stage: str
    declaration: Document
    configuration: Mapping[str, str]
    inputs: Sequence[ArtifactObject]
    outputs: Sequence[ArtifactObject]
    revision: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """The action's name."""
        return str(self.declaration["name"])

    @property
    def pipeline_arn(self) -> str:
        """The pipeline's ARN."""
        return self.scope.arn_of("codepipeline", self.pipeline)

    @property
    def provider(self) -> tuple[str, str]:
        """The action's category and provider."""
        kind = self.declaration["actionTypeId"]
        return str(kind["category"]), str(kind["provider"])


class Work:
    """An action under way.

    Args:
        order: What it is to do.
        clock: The time, in seconds since the epoch.
        seconds: How long it may take.
        report: Is told what the action says of itself.
    """

    def __init__(
        self, *, order: Order, clock: Callable[[], float], seconds: float, report: Callable[[Progress], None]
    ) -> None:
        self.order = order
        self.report = report
        self.clock = clock
        self.deadline = clock() + seconds
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._abandoned = threading.Event()
        self._stopped = False

    def abandon(self, *, stopped: bool) -> None:
        """Tells the action that nobody waits for it any more."""
        self._stopped = stopped
        self._abandoned.set()

    def tell(self, answer: Answer) -> None:
        """Gives the action the answer that it waits for."""
        self._answers.put(answer)

    def pause(self, seconds: float = POLL_SECONDS) -> None:
        """Waits a while.

        Raises:
            AbandonedError: Nobody waits for the action any more.
            ActionFailedError: Its time is up.
        """
        if self._abandoned.wait(seconds):
            raise AbandonedError(stopped=self._stopped)
        if self.clock() >= self.deadline:
            raise ActionFailedError("JobFailed", "The action failed because it timed out.")

    def answer(self) -> Answer:
        """Waits for somebody's answer.

        Raises:
            AbandonedError: Nobody waits for the action any more.
            ActionFailedError: Its time is up.
        """
        while True:
            try:
                return self._answers.get_nowait()
            except queue.Empty:
                self.pause()
