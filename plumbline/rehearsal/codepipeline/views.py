"""What the API answers of pipelines and executions."""

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import ArtifactObject
from plumbline.rehearsal.codepipeline.records import ActionRun, Execution, Pipeline


def execution_view(pipeline: Pipeline, execution: Execution) -> Document:
    """GetPipelineExecution."""
    kind, detail = execution.trigger
    return {
        "pipelineName": pipeline.name,
        "pipelineVersion": execution.version,
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        **({"statusSummary": execution.status_summary} if execution.status_summary else {}),
        "artifactRevisions": [
            _filled(
                {
                    "name": artifact,
                    "revisionId": revision.id,
                    "revisionChangeIdentifier": revision.change,
                    "revisionSummary": revision.summary,
                    "created": revision.created,
                    "revisionUrl": revision.url,
                }
            )
            for _, artifact, revision in execution.found
        ],
        "variables": [
            {"name": name, "resolvedValue": value} for name, value in execution.namespaces["variables"].items()
        ],
        "trigger": {"triggerType": kind, "triggerDetail": detail},
        "executionMode": str(execution.declaration.get("executionMode", "SUPERSEDED")),
        "executionType": "STANDARD",
    }


def execution_summary(execution: Execution) -> Document:
    """One of ListPipelineExecutions."""
    kind, detail = execution.trigger
    return {
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        **({"statusSummary": execution.status_summary} if execution.status_summary else {}),
        "startTime": execution.started,
        "lastUpdateTime": execution.updated,
        "sourceRevisions": [
            _filled(
                {
                    "actionName": action,
                    "revisionId": revision.id,
                    "revisionSummary": revision.summary,
                    "revisionUrl": revision.url,
                }
            )
            for action, _, revision in execution.found
        ],
        "trigger": {"triggerType": kind, "triggerDetail": detail},
        **({"stopTrigger": {"reason": execution.stop_reason}} if execution.stop_reason is not None else {}),
        "executionMode": str(execution.declaration.get("executionMode", "SUPERSEDED")),
        "executionType": "STANDARD",
    }


def pipeline_state(pipeline: Pipeline) -> Document:
    """GetPipelineState."""
    return {
        "pipelineName": pipeline.name,
        "pipelineVersion": pipeline.version,
        "stageStates": [
            _stage_state(pipeline, index, stage) for index, stage in enumerate(pipeline.declaration["stages"])
        ],
        "created": pipeline.created,
        "updated": pipeline.updated,
    }


def _stage_state(pipeline: Pipeline, index: int, stage: Document) -> Document:
    name, transition = stage["name"], pipeline.transition(stage["name"])
    waiting = [
        {"pipelineExecutionId": execution, "status": "InProgress", "type": "STANDARD"}
        for execution in pipeline.flow.waiting(index)
    ]
    state: Document = {
        "stageName": name,
        **({"inboundExecution": waiting[0]} if waiting else {}),
        "inboundExecutions": waiting,
        "inboundTransitionState": _filled(
            {
                "enabled": transition.enabled,
                "lastChangedBy": transition.changed_by,
                "lastChangedAt": transition.changed_at,
                "disabledReason": transition.reason,
            }
        ),
        "actionStates": [_action_state(pipeline, name, action) for action in stage["actions"]],
    }
    last = pipeline.stage_runs.get(name)
    if last is not None:
        execution, run = last
        state["latestExecution"] = {
            "pipelineExecutionId": execution.id,
            "status": run.status,
            "type": "STANDARD",
        }
    return state


def _action_state(pipeline: Pipeline, stage: str, action: Document) -> Document:
    run = pipeline.action_runs.get((stage, action["name"]))
    if run is None:
        return {"actionName": action["name"]}
    state: Document = {
        "actionName": action["name"],
        "latestExecution": _filled(
            {
                "actionExecutionId": run.order.id,
                "status": run.status,
                "summary": run.summary,
                "lastStatusChange": run.updated,
                "token": run.token,
                "lastUpdatedBy": run.updated_by,
                "externalExecutionId": run.external_id,
                "externalExecutionUrl": run.external_url,
                "percentComplete": run.percent,
                "errorDetails": _error(run),
            }
        ),
    }
    if run.external_url:
        state["entityUrl"] = run.external_url
    if run.revision is not None:
        state["currentRevision"] = {
            "revisionId": run.revision.id,
            "revisionChangeId": run.revision.change or run.revision.id,
            "created": run.revision.created,
        }
        if run.revision.url:
            state["revisionUrl"] = run.revision.url
    return state


def action_detail(execution: Execution, run: ActionRun) -> Document:
    """One of ListActionExecutions."""
    order = run.order
    declared = order.declaration
    return {
        "pipelineExecutionId": execution.id,
        "actionExecutionId": order.id,
        "pipelineVersion": run.version,
        "stageName": run.stage,
        "actionName": run.name,
        "startTime": run.started,
        "lastUpdateTime": run.updated,
        **({"updatedBy": run.updated_by} if run.updated_by else {}),
        "status": run.status,
        "input": _filled(
            {
                "actionTypeId": declared["actionTypeId"],
                "configuration": declared.get("configuration", {}),
                "resolvedConfiguration": dict(order.configuration),
                "roleArn": declared.get("roleArn", ""),
                "region": order.scope.region,
                "namespace": declared.get("namespace", ""),
            }
        )
        | {"inputArtifacts": [location(one) for one in order.inputs]},
        "output": {
            "outputArtifacts": [location(one) for one in order.outputs] if run.status == "Succeeded" else [],
            "executionResult": _filled(
                {
                    "externalExecutionId": run.external_id,
                    "externalExecutionSummary": summary(run),
                    "externalExecutionUrl": run.external_url,
                    "errorDetails": _error(run),
                }
            ),
            "outputVariables": dict(run.variables),
        },
    }


def location(artifact: ArtifactObject) -> Document:
    """Where an artifact is, as the API and the events have it."""
    return {"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}}


def summary(run: ActionRun) -> str:
    """What there is to say of an action; of one that failed, why."""
    return run.summary or (run.error[1] if run.error else "")


def _error(run: ActionRun) -> Document | None:
    return None if run.error is None else {"code": run.error[0], "message": run.error[1]}


def _filled(document: Document) -> Document:
    """A document without what has no value."""
    return {name: value for name, value in document.items() if value not in (None, "")}
