"""An execution of a pipeline: which step may start, what it found, how it ended."""

import copy
import dataclasses
import datetime
import threading
from collections.abc import Mapping, Sequence

from plumbline.rehearsal import clock
from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker import events, steps
from plumbline.rehearsal.sagemaker.definition import Definition, Dependency, Scalar, Step
from plumbline.rehearsal.sagemaker.expressions import Resolver, UnresolvedError
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.steps import Context, Outcome, StepFailedError, StepStoppedError
from plumbline.rehearsal.sagemaker.transfer import S3Uri
from plumbline.rehearsal.sagemaker.transitions import Kind, begin, is_final, move

_REASON_LENGTH = 1300
# AWS's own words.
_FAILED = "Step failure: One or multiple steps failed."


@dataclasses.dataclass(frozen=True, kw_only=True)
class CachedRun:
    """An earlier run of a step that succeeded."""

    key: str
    time: float
    execution_arn: str
    outcome: Outcome


class StepCache:
    """The successful runs of one pipeline's steps; another pipeline's are never used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, list[CachedRun]] = {}

    def find(self, step: Step, key: str) -> CachedRun | None:
        """The latest run of a step with the same key that is not too old."""
        oldest = clock.now() - (step.cache_seconds or 0)
        with self._lock:
            runs = [run for run in self._runs.get(step.name, []) if run.key == key and run.time >= oldest]
        return runs[-1] if runs else None

    def add(self, step: Step, run: CachedRun) -> None:
        """Keeps a run."""
        with self._lock:
            self._runs.setdefault(step.name, []).append(run)


class Execution:
    """One execution, in threads of its own. All changes of its documents happen under ``lock``.

    Args:
        scope: Where the pipeline lives.
        definition: What runs.
        definition_text: The definition as it was given.
        values: The parameters.
        document: The execution in the shape of DescribePipelineExecution.
        context: What its steps act with.
        cache: The pipeline's earlier runs.
        parallel: How many steps run at the same time.
        time_scale: Real seconds for each second between retries.
    """

    def __init__(
        self,
        *,
        scope: Scope,
        definition: Definition,
        definition_text: str,
        values: Mapping[str, Scalar],
        document: Document,
        context: Context,
        cache: StepCache,
        parallel: int,
        time_scale: float,
    ) -> None:
        self.scope = scope
        self.definition_text = definition_text
        self.values = values
        self.document = document
        self.steps: dict[str, Document] = {}
        self.lock = threading.RLock()
        self._definition, self._context, self._cache = definition, context, cache
        self._time_scale = time_scale
        self._outputs: dict[str, Document] = {}
        self._statuses: dict[str, str] = {}
        self._retried: set[str] = set()
        self._slots = threading.BoundedSemaphore(parallel)
        self._changed = threading.Condition(self.lock)
        self._by_name = {step.name: step for step in definition.all_steps()}

    def start(self) -> None:
        """Begins."""
        events.execution_changed(self.scope, self.document, previous=None)
        self._go(list(self._definition.steps))

    def retry(self, token: str, *, parallel: int | None) -> bool:
        """Begins again at the steps that have not succeeded, with all that the others have found.

        Args:
            token: The request's; one that was used does nothing again.
            parallel: How many steps run at the same time from now on; None for as many as before.

        Returns:
            False when it has succeeded or not ended.
        """
        with self.lock:
            if token in self._retried:
                return True
            before = self.document["PipelineExecutionStatus"]
            if before not in ("Failed", "Stopped"):
                return False
            self._retried.add(token)
            self._statuses = {name: status for name, status in self._statuses.items() if status == "Succeeded"}
            self._slots = threading.BoundedSemaphore(parallel) if parallel else self._slots
            self._context.stopping.clear()
            self.document["PipelineExecutionStatus"] = begin(Kind.EXECUTION, "Executing")
            self.document["LastModifiedTime"] = timestamp()
            self.document.pop("FailureReason", None)
            shown = copy.deepcopy(self.document)
        events.execution_changed(self.scope, shown, previous=before)
        self._go(self._left(self._definition.steps))
        return True

    def stop(self) -> bool:
        """Tells it to stop.

        Returns:
            False when it had ended.
        """
        with self.lock:
            if is_final(Kind.EXECUTION, self.document["PipelineExecutionStatus"]):
                return False
            if self._context.stopping.is_set():
                return True
            self._context.stopping.set()
            self._become("Stopping")
            self._changed.notify_all()
        return True

    def listed(self) -> list[Document]:
        """Its steps in the shape of ListPipelineExecutionSteps, in the order of their start."""
        with self.lock:
            return copy.deepcopy(list(self.steps.values()))

    def _go(self, pending: list[Step]) -> None:
        name = f"execution {self._context.execution_id}"
        threading.Thread(target=self._schedule, args=(pending,), name=name, daemon=True).start()

    def _left(self, steps: Sequence[Step]) -> list[Step]:
        """Those of some steps that have not succeeded, and of a condition that has, those that it has chosen."""
        left = []
        for step in steps:
            if self._statuses.get(step.name) != "Succeeded":
                left.append(step)
            elif step.type == "Condition":
                taken = self._outputs[step.name]["Outcome"] == str(True)
                chosen, passed = (step.if_steps, step.else_steps) if taken else (step.else_steps, step.if_steps)
                left += self._left(chosen)
                for child in passed:
                    self._skip(child)
        return left

    def _schedule(self, pending: list[Step]) -> None:
        running: set[str] = set()
        with self._changed:
            while pending or running:
                for step in list(pending):
                    ready = False if self._context.stopping.is_set() else self._ready(step)
                    if ready is None:
                        continue
                    pending.remove(step)
                    if ready:
                        running.add(step.name)
                        threading.Thread(
                            target=self._run, args=(step, pending, running), name=f"step {step.name}", daemon=True
                        ).start()
                    else:
                        self._skip(step)
                    break
                else:
                    self._changed.wait()
        self._end()

    def _ready(self, step: Step) -> bool | None:
        """Whether a step may start: True, False (it never will), or None (not yet)."""
        answers = [self._met(dependency) for dependency in step.dependencies()]
        if False in answers:
            return False
        return None if None in answers else True

    def _met(self, dependency: Dependency) -> bool | None:
        status = self._statuses.get(dependency.step)
        if status is None:
            return None
        match dependency.trigger:
            case "Any":
                return status != "Skipped"
            case "Completed" | "Succeeded":
                return status == "Succeeded"
        return status == dependency.trigger

    def _skip(self, step: Step) -> None:
        self._statuses[step.name] = "Skipped"
        for child in (*step.if_steps, *step.else_steps):
            self._skip(child)

    def _run(self, step: Step, pending: list[Step], running: set[str]) -> None:
        with self._slots:
            taken = self._attempt(step)
        with self._changed:
            running.discard(step.name)
            if step.type == "Condition":
                chosen, left = (step.if_steps, step.else_steps) if taken else (step.else_steps, step.if_steps)
                ran = self._statuses[step.name] == "Succeeded"
                pending.extend(chosen if ran else ())
                for child in left if ran else (*chosen, *left):
                    self._skip(child)
            self._changed.notify_all()

    def _attempt(self, step: Step) -> bool:
        """Runs a step until it succeeds or no retry policy speaks for it; returns what a condition came to."""
        self._step_begins(step)
        attempts: dict[int, int] = {}
        while True:
            try:
                taken = self._once(step)
            except StepStoppedError:
                self._step_becomes(step, "Stopping")
                self._step_becomes(step, "Stopped")
                return False
            except (StepFailedError, UnresolvedError, ApiError) as error:
                failure = error if isinstance(error, StepFailedError) else StepFailedError(f"ClientError: {error}")
                if self._retry(step, failure, attempts):
                    continue
                self._step_becomes(step, "Failed", failure=str(failure), metadata=failure.metadata)
                return False
            except Exception as error:  # noqa: BLE001 - an execution must come to an end, whatever its step met
                self._step_becomes(step, "Failed", failure=f"InternalServerError: {type(error).__name__}: {error}")
                return False
            return taken

    def _once(self, step: Step) -> bool:
        if step.type == "Condition":
            return self._decide(step)
        job_name = steps.name_job(step, step.arguments, self._context.execution_id)
        arguments = self._resolver(job_name).resolve(step.arguments)
        assert isinstance(arguments, dict)  # noqa: S101 - told to mypy: a mapping resolves to a mapping
        key = steps.cache_key(step, arguments) if step.cache_seconds is not None else None
        found = self._cache.find(step, key) if key is not None else None
        if found is not None:
            self._outputs[step.name] = found.outcome.output
            self._step_becomes(step, "Succeeded", metadata=found.outcome.metadata, cache_source=found.execution_arn)
            return False
        outcome = steps.run(step, arguments, job_name, self._context)
        self._outputs[step.name] = outcome.output
        if key is not None:
            arn = self.document["PipelineExecutionArn"]
            self._cache.add(step, CachedRun(key=key, time=clock.now(), execution_arn=arn, outcome=outcome))
        self._step_becomes(step, "Succeeded", metadata=outcome.metadata)
        return False

    def _decide(self, step: Step) -> bool:
        resolver = self._resolver("")
        result = all(resolver.holds(condition) for condition in step.arguments["Conditions"])
        self._outputs[step.name] = {"Outcome": str(result)}
        self._step_becomes(step, "Succeeded", metadata={"Condition": {"Outcome": str(result)}})
        return result

    def _retry(self, step: Step, failure: StepFailedError, attempts: dict[int, int]) -> bool:
        for number, policy in enumerate(step.retries):
            if failure.kind not in policy.exceptions or attempts.get(number, 0) >= policy.attempts:
                continue
            attempts[number] = attempts.get(number, 0) + 1
            with self.lock:
                self.steps[step.name]["AttemptCount"] += 1
            return not self._context.stopping.wait(policy.wait_before(attempts[number]) * self._time_scale)
        return False

    def _resolver(self, job_name: str) -> Resolver:
        document = self.document
        variables = {
            "PipelineName": document["PipelineArn"].rsplit("/", 1)[-1],
            "PipelineArn": document["PipelineArn"],
            "PipelineExecutionId": self._context.execution_id,
            "PipelineExecutionArn": document["PipelineExecutionArn"],
            "StartDateTime": _iso(document["CreationTime"]),
            "CurrentDateTime": _iso(timestamp()),
        }
        if job_name:
            variables |= {"TrainingJobName": job_name, "ProcessingJobName": job_name}
        return Resolver(
            parameters=self.values,
            execution=variables,
            outputs=self._outputs,
            property_file=self._property_file,
            object_at=lambda uri: steps.json_object(S3Uri.parse(uri), self._context.session),
        )

    def _property_file(self, name: str, file: str) -> object:
        if name not in self._outputs:
            raise UnresolvedError(f"Step {name} has no output")
        return steps.property_file(self._by_name[name], file, self._outputs[name], self._context.session)

    def _step_begins(self, step: Step) -> None:
        document: Document = {
            "StepName": step.name,
            "StartTime": timestamp(),
            "StepStatus": begin(Kind.STEP, "Starting"),
            "AttemptCount": 1,
        }
        if step.display_name:
            document["StepDisplayName"] = step.display_name
        if step.description:
            document["StepDescription"] = step.description
        with self.lock:
            self.steps[step.name] = document
        events.step_changed(self.scope, self.document, document, kind=step.type, previous=None)
        self._step_becomes(step, "Executing")

    def _step_becomes(
        self,
        step: Step,
        status: str,
        *,
        failure: str | None = None,
        metadata: Document | None = None,
        cache_source: str | None = None,
    ) -> None:
        with self.lock:
            document = self.steps[step.name]
            before = document["StepStatus"]
            document["StepStatus"] = move(Kind.STEP, before, status)
            if metadata:
                document["Metadata"] = metadata
            if failure:
                document["FailureReason"] = failure[:_REASON_LENGTH]
            if cache_source:
                document["CacheHitResult"] = {"SourcePipelineExecutionArn": cache_source}
            if is_final(Kind.STEP, status):
                document["EndTime"] = timestamp()
                self._statuses[step.name] = status
            shown = copy.deepcopy(document)
        events.step_changed(self.scope, self.document, shown, kind=step.type, previous=before)

    def _end(self) -> None:
        with self.lock:
            failed = "Failed" in self._statuses.values()
            if self._context.stopping.is_set():
                self._become("Stopped")
            elif failed:
                self._become("Failed", failure=_FAILED)
            else:
                self._become("Succeeded")

    def _become(self, status: str, *, failure: str | None = None) -> None:
        with self.lock:
            before = self.document["PipelineExecutionStatus"]
            self.document["PipelineExecutionStatus"] = move(Kind.EXECUTION, before, status)
            self.document["LastModifiedTime"] = timestamp()
            if failure:
                self.document["FailureReason"] = failure
            shown = copy.deepcopy(self.document)
        events.execution_changed(self.scope, shown, previous=before)


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")
