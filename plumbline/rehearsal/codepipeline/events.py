"""What CodePipeline says on the default bus of the pipeline's account: executions, stages, actions.

Source: user guide, "Monitoring CodePipeline events": detail types, states, fields.
"""

import datetime
import queue
import threading

from plumbline.rehearsal.api.events import publish
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.records import ActionRun, Execution, Pipeline


class EventSender:
    """Tells the bus, in order, from a thread of its own, because whoever has news must not wait for the emulator."""

    def __init__(self) -> None:
        self._news: queue.SimpleQueue[tuple[Scope, str, str, Document]] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="codepipeline events", daemon=True).start()

    def execution(self, pipeline: Pipeline, execution: Execution, state: str) -> None:
        """An execution has another state."""
        self._put(pipeline, "Pipeline", self._common(pipeline, execution) | self._trigger(execution, state))

    def stage(self, pipeline: Pipeline, execution: Execution, stage: str, state: str) -> None:
        """A stage has another state."""
        detail = self._common(pipeline, execution) | {"stage": stage, "state": state}
        sources = [
            {
                "type": self._source_type(execution, action),
                "artifacts": [artifact],
                "revision": revision.id,
            }
            for action, artifact, revision in execution.found
        ]
        self._put(pipeline, "Stage", detail | ({"source-actions": sources} if sources else {}))

    def action(self, pipeline: Pipeline, execution: Execution, run: ActionRun, state: str) -> None:
        """An action has another state."""
        kind = run.order.declaration["actionTypeId"]
        detail = self._common(pipeline, execution) | {
            "stage": run.stage,
            "action": run.name,
            "action-execution-id": run.order.id,
            "state": state,
            "region": pipeline.scope.region,
            "type": {member: kind[member] for member in ("owner", "provider", "category", "version")},
        }
        if run.error is not None:
            code, message = run.error
            detail["execution-result"] = {
                "external-execution-url": run.external_url,
                "external-execution-summary": message,
                "external-execution-id": run.external_id,
                "error-code": code,
            }
        self._put(pipeline, "Action", detail)

    def _common(self, pipeline: Pipeline, execution: Execution) -> Document:
        started = datetime.datetime.fromtimestamp(execution.started, datetime.UTC)
        return {
            "pipeline": pipeline.name,
            "execution-id": execution.id,
            "version": float(execution.version),
            "start-time": started.strftime("%Y-%m-%dT%H:%M:%S.") + f"{started.microsecond // 1000:03d}Z",
        }

    def _trigger(self, execution: Execution, state: str) -> Document:
        kind, detail = execution.trigger
        return {
            "state": state,
            "execution-trigger": {"trigger-type": kind, "trigger-detail": detail},
            "pipeline-execution-attempt": 1.0,
        }

    def _source_type(self, execution: Execution, name: str) -> str:
        for stage in execution.declaration["stages"]:
            for action in stage["actions"]:
                if action["name"] == name:
                    return str(action["actionTypeId"]["provider"])
        return ""

    def _put(self, pipeline: Pipeline, kind: str, detail: Document) -> None:
        self._news.put((pipeline.scope, pipeline.arn, f"CodePipeline {kind} Execution State Change", detail))

    def _send(self) -> None:
        while True:
            scope, arn, detail_type, detail = self._news.get()
            publish(scope, source="aws.codepipeline", detail_type=detail_type, resources=[arn], detail=detail)
