"""The engine: it takes executions through the stages of their pipeline."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline import errors
from plumbline.rehearsal.codepipeline.flow import Entered, Move, Superseded
from plumbline.rehearsal.codepipeline.records import QUEUED, Execution, Pipeline, StageRun, new_flow
from plumbline.rehearsal.codepipeline.stage_actions import ActionAnnouncer, Perform, StageActions
from plumbline.rehearsal.codepipeline.variables import EXECUTION, PIPELINE

# Quotas in AWS CodePipeline: the most executions of a pipeline in QUEUED mode that are under way.
_QUEUED_LIMIT = 50


class Announcer(ActionAnnouncer, Protocol):
    """Is told of every change of status, in order; must not wait for the engine."""

    def execution(self, pipeline: Pipeline, execution: Execution, state: str) -> None:
        """An execution has another state, in the words of the events."""

    def stage(self, pipeline: Pipeline, execution: Execution, stage: str, state: str) -> None:
        """A stage has another state."""


class Engine:
    """Runs pipelines.

    Args:
        perform: Does an action.
        announcer: Is told what happens.
        clock: The time, in seconds since the epoch.
    """

    def __init__(self, *, perform: Perform, announcer: Announcer, clock: Callable[[], float]) -> None:
        self._actions = StageActions(perform=perform, announcer=announcer, clock=clock, ended=self._end_stage)
        self._announcer = announcer
        self.clock = clock

    def start(
        self,
        pipeline: Pipeline,
        *,
        trigger: tuple[str, str],
        variables: Mapping[str, str] | None = None,
        revisions: Mapping[str, tuple[str, str]] | None = None,
        token: str = "",
    ) -> str:
        """Starts an execution; one that was started under the same token is not started again.

        Args:
            pipeline: The pipeline.
            trigger: What starts it: type and detail.
            variables: The values of all its variables.
            revisions: What source actions are to take: type and value, by action.
            token: The caller's own.

        Returns:
            The execution's id.

        Raises:
            ApiError: There are too many under way.
        """
        with pipeline.lock:
            if token and token in pipeline.tokens:
                return pipeline.tokens[token]
            under_way = [execution for execution in pipeline.executions.values() if execution.under_way]
            if pipeline.mode == QUEUED and len(under_way) >= _QUEUED_LIMIT:
                raise errors.too_many_executions()
            now = self.clock()
            execution = Execution(
                id=str(uuid.uuid4()),
                declaration=pipeline.declaration,
                version=pipeline.version,
                trigger=trigger,
                started=now,
                updated=now,
                namespaces={PIPELINE: dict(variables or {})},
                revisions=dict(revisions or {}),
            )
            execution.namespaces[EXECUTION] = {"PipelineExecutionId": execution.id}
            pipeline.executions[execution.id] = execution
            if token:
                pipeline.tokens[token] = execution.id
            self._announcer.execution(pipeline, execution, "STARTED")
            self._apply(pipeline, pipeline.flow.arrive(execution.id, 0))
            return execution.id

    def stop(self, pipeline: Pipeline, execution: Execution, *, abandon: bool, reason: str | None) -> None:
        """Stops an execution: once its actions have ended, or without waiting for them.

        Raises:
            ApiError: It has ended, or is stopping.
        """
        with pipeline.lock:
            if not execution.under_way:
                raise errors.not_stoppable()
            if execution.status == "Stopping" and not abandon:
                raise errors.stopping_already()
            execution.stop_reason = reason
            if execution.status == "InProgress":
                self._move(pipeline, execution, "Stopping")
            index = pipeline.flow.stage_of(execution.id)
            if index is None:
                self._end(pipeline, execution, "Stopped")
                return
            run = self._run_in(pipeline, execution, index)
            if run.status == "InProgress":
                self._move_stage(pipeline, execution, run, "Stopping")
            if abandon:
                self._actions.abandon(pipeline, execution, stopped=True)
                self._move_stage(pipeline, execution, run, "Stopped")
                self._end(pipeline, execution, "Stopped")

    def retry(self, pipeline: Pipeline, execution: Execution, stage: str, *, everything: bool) -> None:
        """Runs a stage again in which an execution failed or was stopped.

        Args:
            pipeline: The pipeline.
            execution: The execution.
            stage: The stage's name.
            everything: Whether actions that succeeded run again, too.

        Raises:
            ApiError: It has not failed there, another has been there since, or the pipeline has changed.
        """
        with pipeline.lock:
            index, last = pipeline.stage_index(stage), pipeline.stage_runs.get(stage)
            if last is not None and last[0] is not execution and stage in execution.stages:
                raise errors.not_latest()
            retryable = last is not None and last[1].status in ("Failed", "Stopped")
            ended = execution.status in ("Failed", "Stopped")
            if index is None or not retryable or not ended or execution.version != pipeline.version:
                raise errors.not_retryable()
            run = execution.stages[stage]
            run.attempt += 1
            run.retried = self.clock()
            execution.attempt += 1
            self._move(pipeline, execution, "InProgress", said="RESUMED")
            self._move_stage(pipeline, execution, run, "InProgress", said="RESUMED")
            pipeline.flow.enter_again(execution.id, index)
            self._actions.start(pipeline, execution, run, index, everything=everything)

    def update(self, pipeline: Pipeline, declaration: Document) -> None:
        """Gives a pipeline another declaration.

        API reference, PipelineExecution: an execution is cancelled when "the pipeline's definition was updated before
        the pipeline execution could be completed". What runs elsewhere is left alone.
        """
        with pipeline.lock:
            for execution in [one for one in pipeline.executions.values() if one.under_way]:
                index = pipeline.flow.stage_of(execution.id)
                self._actions.abandon(pipeline, execution, stopped=False)
                if index is not None:
                    self._move_stage(pipeline, execution, self._run_in(pipeline, execution, index), "Cancelled")
                self._move(pipeline, execution, "Cancelled")
            pipeline.versions.append(declaration)
            pipeline.updated = self.clock()
            pipeline.flow = new_flow(declaration)
            for index, stage in enumerate(declaration["stages"]):
                if not pipeline.transition(stage["name"]).enabled:
                    pipeline.flow.close(index)

    def set_transition(self, pipeline: Pipeline, index: int, *, enabled: bool, by: str, reason: str = "") -> None:
        """Enables or disables the transition into a stage."""
        with pipeline.lock:
            transition = pipeline.transition(pipeline.declaration["stages"][index]["name"])
            transition.enabled, transition.reason = enabled, reason
            transition.changed_by, transition.changed_at = by, self.clock()
            if enabled:
                self._apply(pipeline, pipeline.flow.open(index))
            else:
                pipeline.flow.close(index)

    def shutdown(self, pipelines: Sequence[Pipeline]) -> None:
        """Lets everything go that runs."""
        for pipeline in pipelines:
            with pipeline.lock:
                for execution in pipeline.executions.values():
                    self._actions.abandon(pipeline, execution, stopped=False)

    def _apply(self, pipeline: Pipeline, moves: Sequence[Move]) -> None:
        for one in moves:
            execution = pipeline.executions[one.execution]
            if isinstance(one, Entered):
                name = execution.declaration["stages"][one.stage]["name"]
                run = execution.stages[name] = StageRun(name=name)
                pipeline.stage_runs[name] = (execution, run)
                self._announcer.stage(pipeline, execution, name, "STARTED")
                self._actions.start(pipeline, execution, run, one.stage, everything=True)
            elif isinstance(one, Superseded):
                self._move(pipeline, execution, "Superseded")
            else:
                self._move(pipeline, execution, "Succeeded")

    def _end_stage(self, pipeline: Pipeline, execution: Execution, run: StageRun, succeeded: bool) -> None:
        if run.status == "Stopping":
            self._move_stage(pipeline, execution, run, "Stopped")
            self._end(pipeline, execution, "Stopped")
        elif run.status == "InProgress" and succeeded:
            self._move_stage(pipeline, execution, run, "Succeeded")
            self._apply(pipeline, pipeline.flow.complete(execution.id))
        elif run.status == "InProgress":
            self._move_stage(pipeline, execution, run, "Failed")
            self._end(pipeline, execution, "Failed")

    def _end(self, pipeline: Pipeline, execution: Execution, status: str) -> None:
        self._move(pipeline, execution, status)
        self._apply(pipeline, pipeline.flow.leave(execution.id))

    def _move(self, pipeline: Pipeline, execution: Execution, status: str, *, said: str = "") -> None:
        execution.move(status)
        execution.updated = self.clock()
        self._announcer.execution(pipeline, execution, said or _WORDS.get(status, status.upper()))

    def _move_stage(
        self, pipeline: Pipeline, execution: Execution, run: StageRun, status: str, *, said: str = ""
    ) -> None:
        run.move(status)
        self._announcer.stage(pipeline, execution, run.name, said or _WORDS.get(status, status.upper()))

    def _run_in(self, pipeline: Pipeline, execution: Execution, index: int) -> StageRun:
        return execution.stages[pipeline.declaration["stages"][index]["name"]]


# EventBridge user guide, "CodePipeline events": the states that are not a status in capitals.
_WORDS = {"Cancelled": "CANCELED", "InProgress": "STARTED"}
