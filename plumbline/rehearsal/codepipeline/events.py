"""What CodePipeline says on the default bus of the pipeline's account: executions, stages, actions.

Source: user guide, "Monitoring CodePipeline events": detail types, states, fields.
"""

import datetime
import queue
import threading
import traceback
from collections.abc import Callable

from plumbline.rehearsal.api.events import publish
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.records import ActionRun, Execution, Pipeline
from plumbline.rehearsal.codepipeline.views import location, summary


class EventSender:
    """Tells the bus, in order, from a thread of its own, because whoever has news must not wait for the emulator.

    Args:
        record: Is told what went wrong.
    """

    def __init__(self, record: Callable[[str], None]) -> None:
        self._record = record
        self._news: queue.SimpleQueue[tuple[Scope, str, str, Document]] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="codepipeline events", daemon=True).start()

    def execution(self, pipeline: Pipeline, execution: Execution, state: str) -> None:
        """An execution has another state."""
        detail = _common(execution, pipeline, state) | {"start-time": _iso(execution.started)}
        if state == "STARTED":
            kind, trigger = execution.trigger
            detail["execution-trigger"] = {"trigger-type": kind, "trigger-detail": trigger}
        self._put(pipeline, "Pipeline", detail)

    def stage(self, pipeline: Pipeline, execution: Execution, stage: str, state: str) -> None:
        """A stage has another state."""
        detail = _common(execution, pipeline, state) | {"start-time": _iso(execution.started), "stage": stage}
        retried = execution.stages[stage].retried
        if retried is not None:
            detail["stage-last-retry-attempt-time"] = _iso(retried)
        self._put(pipeline, "Stage", detail)

    def action(self, pipeline: Pipeline, execution: Execution, run: ActionRun, state: str) -> None:
        """An action has another state."""
        kind = run.order.declaration["actionTypeId"]
        detail = _common(execution, pipeline, state) | {
            "start-time": _iso(run.started),
            "stage": run.stage,
            "action": run.name,
            "action-execution-id": run.order.id,
            "region": pipeline.scope.region,
            "type": {member: kind[member] for member in ("owner", "provider", "category", "version")},
        }
        if run.order.inputs:
            detail["input-artifacts"] = [location(artifact) for artifact in run.order.inputs]
        if run.order.outputs and state == "SUCCEEDED":
            detail["output-artifacts"] = [location(artifact) for artifact in run.order.outputs]
        if state in ("SUCCEEDED", "FAILED"):
            result = {
                "external-execution-url": run.external_url,
                "external-execution-summary": summary(run),
                "external-execution-id": run.external_id,
                "error-code": run.error[0] if run.error else "",
            }
            detail["execution-result"] = {name: value for name, value in result.items() if value}
        self._put(pipeline, "Action", detail)

    def _put(self, pipeline: Pipeline, kind: str, detail: Document) -> None:
        self._news.put((pipeline.scope, pipeline.arn, f"CodePipeline {kind} Execution State Change", detail))

    def _send(self) -> None:
        while True:
            scope, arn, detail_type, detail = self._news.get()
            try:
                publish(scope, source="aws.codepipeline", detail_type=detail_type, resources=[arn], detail=detail)
            except Exception as error:  # noqa: BLE001 - what the bus does not take must be seen, and hold nothing up
                self._record("".join(traceback.format_exception(error)))


def _common(execution: Execution, pipeline: Pipeline, state: str) -> Document:
    return {
        "pipeline": pipeline.name,
        "execution-id": execution.id,
        "state": state,
        "version": float(execution.version),
        "pipeline-execution-attempt": float(execution.attempt),
    }


def _iso(seconds: float) -> str:
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
