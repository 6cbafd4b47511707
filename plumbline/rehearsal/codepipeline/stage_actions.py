"""The actions of a stage: run in their order, those of one order at the same time."""

import secrets
import string
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Protocol

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import ArtifactObject
from plumbline.rehearsal.codepipeline.providers import seconds_of
from plumbline.rehearsal.codepipeline.records import ActionRun, Execution, Pipeline, StageRun, store_of
from plumbline.rehearsal.codepipeline.structure import actions_in_order
from plumbline.rehearsal.codepipeline.transitions import Kind, begin, move
from plumbline.rehearsal.codepipeline.variables import resolved
from plumbline.rehearsal.codepipeline.work import AbandonedError, ActionFailedError, Order, Outcome, Progress, Work

Perform = Callable[[Work], Outcome]
# What is told of the end of a stage's actions, the pipeline's lock held: whether they have all succeeded.
Ended = Callable[[Pipeline, Execution, StageRun, bool], None]
_CHARACTERS = string.ascii_letters + string.digits


class ActionAnnouncer(Protocol):
    """Is told of every change of an action's status; must not wait for the engine."""

    def action(self, pipeline: Pipeline, execution: Execution, run: ActionRun, state: str) -> None:
        """An action has another state, in the words of the events."""


class StageActions:
    """Runs the actions of stages.

    Args:
        perform: Does an action.
        announcer: Is told what happens.
        clock: The time, in seconds since the epoch.
        ended: Is told when the actions of a stage have ended.
    """

    def __init__(
        self, *, perform: Perform, announcer: ActionAnnouncer, clock: Callable[[], float], ended: Ended
    ) -> None:
        self._perform = perform
        self._announcer = announcer
        self._clock = clock
        self._ended = ended

    def start(self, pipeline: Pipeline, execution: Execution, run: StageRun, index: int, *, everything: bool) -> None:
        """Runs the actions of a stage, on a thread of their own.

        Args:
            pipeline: The pipeline, whose lock is held.
            execution: The execution.
            run: Its run of the stage.
            index: The stage's place.
            everything: Whether actions that have succeeded run again.
        """
        groups = list(actions_in_order(execution.declaration["stages"][index]))
        if not everything:
            groups = [[action for action in group if not _succeeded(execution, run, action)] for group in groups]
        threading.Thread(
            target=self._run_stage,
            args=(pipeline, execution, run, [group for group in groups if group], run.attempt),
            name=f"stage {pipeline.name}/{run.name}",
            daemon=True,
        ).start()

    def _run_stage(
        self,
        pipeline: Pipeline,
        execution: Execution,
        run: StageRun,
        groups: Sequence[Sequence[Document]],
        attempt: int,
    ) -> None:
        begun: list[ActionRun] = []
        for group in groups:
            with pipeline.lock:
                if run.status != "InProgress" or run.attempt != attempt:
                    break
                begun = [self._begin_action(pipeline, execution, run, action) for action in group]
            workers = [
                threading.Thread(target=self._run_action, args=(pipeline, execution, one), daemon=True) for one in begun
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            if any(one.status != "Succeeded" for one in begun):
                break
        with pipeline.lock:
            # one that was abandoned and retried meanwhile is another thread's
            if run.attempt == attempt:
                self._ended(pipeline, execution, run, all(one.status == "Succeeded" for one in begun))

    def _begin_action(self, pipeline: Pipeline, execution: Execution, run: StageRun, action: Document) -> ActionRun:
        now, error = self._clock(), None
        try:
            configuration = {
                key: resolved(text, execution.namespaces) for key, text in action.get("configuration", {}).items()
            }
        except ActionFailedError as unresolved:
            configuration, error = dict(action["configuration"]), unresolved
        order = Order(
            id=str(uuid.uuid4()),
            scope=pipeline.scope,
            pipeline=pipeline.name,
            pipeline_role=execution.declaration["roleArn"],
            execution=execution.id,
            stage=run.name,
            declaration=action,
            configuration=configuration,
            inputs=[execution.artifacts[one["name"]] for one in action.get("inputArtifacts", [])],
            outputs=[self._place(pipeline, execution, one["name"]) for one in action.get("outputArtifacts", [])],
            revision=execution.revisions.get(action["name"]),
        )
        made = ActionRun(
            order=order, stage=run.name, version=execution.version, started=now, updated=now, status=begin(Kind.ACTION)
        )
        execution.actions.append(made)
        pipeline.action_runs[run.name, made.name] = made
        execution.updated = now
        made.work = Work(
            order=order,
            clock=self._clock,
            seconds=seconds_of(action),
            report=lambda progress: self._report(pipeline, made, progress),
        )
        self._announcer.action(pipeline, execution, made, "STARTED")
        if error is not None:
            self._end_action(pipeline, execution, made, "Failed", error=(error.code, error.message))
        return made

    def _run_action(self, pipeline: Pipeline, execution: Execution, run: ActionRun) -> None:
        if run.work is None:
            return
        outcome: Outcome | None = None
        error: tuple[str, str] | None = None
        try:
            outcome = self._perform(run.work)
        except AbandonedError:
            return
        except ActionFailedError as failed:
            error = (failed.code, failed.message)
        with pipeline.lock:
            if run.status != "InProgress":
                return
            if outcome is None:
                self._end_action(pipeline, execution, run, "Failed", error=error)
                return
            self._keep(execution, run, outcome)
            self._end_action(pipeline, execution, run, "Succeeded")

    def _keep(self, execution: Execution, run: ActionRun, outcome: Outcome) -> None:
        """What later actions have of one that succeeded."""
        run.variables, run.revision = dict(outcome.variables), outcome.revision
        run.summary = outcome.summary or run.summary
        run.updated_by = outcome.updated_by
        namespace = run.order.declaration.get("namespace")
        if namespace:
            execution.namespaces[namespace] = dict(outcome.variables)
        for artifact in run.order.outputs:
            execution.artifacts[artifact.name] = artifact
        if outcome.revision is not None:
            execution.found = [one for one in execution.found if one[0] != run.name]
            execution.found.append((run.name, run.order.outputs[0].name, outcome.revision))

    def _end_action(
        self,
        pipeline: Pipeline,
        execution: Execution,
        run: ActionRun,
        status: str,
        *,
        error: tuple[str, str] | None = None,
    ) -> None:
        run.status = move(Kind.ACTION, run.status, status)
        run.updated = execution.updated = self._clock()
        run.error, run.work, run.token = error, None, ""
        self._announcer.action(pipeline, execution, run, status.upper())

    def _report(self, pipeline: Pipeline, run: ActionRun, progress: Progress) -> None:
        with pipeline.lock:
            run.external_id = progress.external_id or run.external_id
            run.external_url = progress.external_url or run.external_url
            run.summary = progress.summary or run.summary
            run.token = run.token_given = progress.token or run.token
            run.percent = run.percent if progress.percent is None else progress.percent
            run.updated = self._clock()

    def abandon(self, pipeline: Pipeline, execution: Execution, *, stopped: bool) -> None:
        """Waits no longer for the actions of an execution that run.

        Args:
            pipeline: The pipeline, whose lock is held.
            execution: The execution.
            stopped: Whether what they started elsewhere is to be stopped.
        """
        for run in [run for run in execution.actions if run.status == "InProgress"]:
            if run.work is not None:
                run.work.abandon(stopped=stopped)
            self._end_action(pipeline, execution, run, "Abandoned")

    def _place(self, pipeline: Pipeline, execution: Execution, artifact: str) -> ArtifactObject:
        """Where an artifact goes: the store, under the beginnings of the names and seven characters of chance."""
        bucket, key = store_of(execution.declaration, pipeline.scope.region)
        chance = "".join(secrets.choice(_CHARACTERS) for _ in range(7))
        return ArtifactObject(
            name=artifact, bucket=bucket, key=f"{pipeline.name[:20]}/{artifact[:10]}/{chance}", kms_key=key
        )


def _succeeded(execution: Execution, run: StageRun, action: Document) -> bool:
    latest = execution.latest(run.name, action["name"])
    return latest is not None and latest.status == "Succeeded"
