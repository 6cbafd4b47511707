"""Executions: started, stopped, retried, looked at, approved; jobs that say how they ended; transitions."""

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError, validation_error
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline import errors
from plumbline.rehearsal.codepipeline.engine import Engine
from plumbline.rehearsal.codepipeline.pipelines import Pipelines, given, page
from plumbline.rehearsal.codepipeline.records import ActionRun, Execution, Pipeline
from plumbline.rehearsal.codepipeline.views import action_detail, execution_summary, execution_view
from plumbline.rehearsal.codepipeline.work import Answer, Progress

Caller = enforcement.Caller | None
# API reference, OutputVariablesSizeExceededException: "more than the 122880 character limit".
_VARIABLES_LIMIT = 122_880


class Executions:
    """The executions of all pipelines.

    Args:
        pipelines: The pipelines.
        engine: Runs them.
    """

    def __init__(self, pipelines: Pipelines, engine: Engine) -> None:
        self._pipelines = pipelines
        self._engine = engine

    def start(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """StartPipelineExecution.

        Raises:
            ApiError: There is no such pipeline, variable or source action, or its key may not be overridden.
        """
        pipeline = self._pipelines.table.get(scope, request["name"])
        started = self._engine.start(
            pipeline,
            trigger=("StartPipelineExecution", _arn(caller)),
            variables=given(pipeline, request),
            revisions=_revisions(pipeline, request.get("sourceRevisions", [])),
            token=request.get("clientRequestToken", ""),
        )
        return {"pipelineExecutionId": started}

    def stop(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """StopPipelineExecution.

        Raises:
            ApiError: It has ended, or is stopping.
        """
        pipeline, execution = self._execution(scope, request, missing=errors.not_stoppable())
        self._engine.stop(pipeline, execution, abandon=bool(request.get("abandon")), reason=request.get("reason"))
        return {"pipelineExecutionId": execution.id}

    def retry(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """RetryStageExecution.

        Raises:
            ApiError: There is nothing to retry.
        """
        pipeline, execution = self._execution(scope, request, missing=errors.not_retryable())
        if pipeline.stage_index(request["stageName"]) is None:
            raise errors.no_stage(pipeline.name, request["stageName"])
        everything = request["retryMode"] == "ALL_ACTIONS"
        self._engine.retry(pipeline, execution, request["stageName"], everything=everything)
        return {"pipelineExecutionId": execution.id}

    def describe(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """GetPipelineExecution.

        Raises:
            ApiError: There is no such execution.
        """
        pipeline, execution = self._execution(scope, request)
        with pipeline.lock:
            return {"pipelineExecution": execution_view(pipeline, execution)}

    def list_executions(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """ListPipelineExecutions, the newest first.

        Raises:
            ApiError: There is no such pipeline.
        """
        pipeline = self._pipelines.table.get(scope, request["pipelineName"])
        stage = request.get("filter", {}).get("succeededInStage", {}).get("stageName")
        with pipeline.lock:
            rows = [
                execution_summary(execution)
                for execution in reversed(pipeline.executions.values())
                if stage is None or (stage in execution.stages and execution.stages[stage].status == "Succeeded")
            ]
        return page(rows, request, key="pipelineExecutionSummaries")

    def list_actions(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """ListActionExecutions, the newest first.

        Raises:
            ApiError: There is no such pipeline or execution.
        """
        pipeline = self._pipelines.table.get(scope, request["pipelineName"])
        chosen = request.get("filter", {})
        latest = chosen.get("latestInPipelineExecution", {})
        wanted = chosen.get("pipelineExecutionId") or latest.get("pipelineExecutionId")
        if wanted is not None and wanted not in pipeline.executions:
            raise errors.no_execution(pipeline.name, wanted)
        with pipeline.lock:
            runs = [
                (execution, run)
                for execution in pipeline.executions.values()
                if wanted in (None, execution.id)
                for run in execution.actions
                if latest.get("startTimeRange") != "Latest" or execution.latest(run.stage, run.name) is run
            ]
            runs.sort(key=lambda pair: pair[1].started, reverse=True)
            return page([action_detail(*pair) for pair in runs], request, key="actionExecutionDetails")

    def approve(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """PutApprovalResult.

        Raises:
            ApiError: There is no such approval, the token is not its own, or it has had its answer.
        """
        pipeline = self._pipelines.table.get(scope, request["pipelineName"])
        index = pipeline.stage_index(request["stageName"])
        if index is None:
            raise errors.no_stage(pipeline.name, request["stageName"])
        if request["actionName"] not in [one["name"] for one in pipeline.declaration["stages"][index]["actions"]]:
            raise errors.no_action(request["stageName"], request["actionName"])
        with pipeline.lock:
            run = pipeline.action_runs.get((request["stageName"], request["actionName"]))
            if run is None or run.token_given != request["token"]:
                raise errors.wrong_token()
            if run.updated_by:
                raise errors.already_answered()
            if run.work is None:
                raise errors.wrong_token()
            run.token = ""
            result = request["result"]
            good = result["status"] == "Approved"
            run.updated_by = _arn(caller)
            run.work.tell(Answer(good=good, summary=result["summary"], by=_arn(caller)))
        return {"approvedAt": self._engine.clock()}

    def job_succeeded(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """PutJobSuccessResult.

        Raises:
            ApiError: There is no such job, it has ended, or it has too much to say.
        """
        variables = request.get("outputVariables", {})
        if sum(len(name) + len(value) for name, value in variables.items()) > _VARIABLES_LIMIT:
            raise ApiError(
                "OutputVariablesSizeExceededException",
                "Exceeded the total size limit for all variables in the pipeline.",
            )
        said = request.get("executionDetails", {})
        progress = Progress(
            external_id=said.get("externalExecutionId", ""),
            summary=said.get("summary", ""),
            percent=said.get("percentComplete"),
        )
        continuation = request.get("continuationToken", "")
        self._tell(
            scope,
            request["jobId"],
            Answer(good=True, variables=variables, continuation=continuation, progress=progress),
        )
        return {}

    def job_failed(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """PutJobFailureResult.

        Raises:
            ApiError: There is no such job, or it has ended.
        """
        why = request["failureDetails"]
        progress = Progress(external_id=why.get("externalExecutionId", ""))
        self._tell(
            scope,
            request["jobId"],
            Answer(good=False, code=why["type"], summary=why["message"], progress=progress),
        )
        return {}

    def enable(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """EnableStageTransition.

        Raises:
            ApiError: There is no such stage.
        """
        return self._set_transition(scope, request, caller, enabled=True)

    def disable(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """DisableStageTransition.

        Raises:
            ApiError: There is no such stage.
        """
        return self._set_transition(scope, request, caller, enabled=False)

    def _set_transition(self, scope: Scope, request: Document, caller: Caller, *, enabled: bool) -> Document:
        pipeline = self._pipelines.table.get(scope, request["pipelineName"])
        if request["transitionType"] != "Inbound":
            raise UnsupportedOperationError("the rehearsal's CodePipeline has inbound transitions only")
        index = pipeline.stage_index(request["stageName"])
        if index is None:
            raise errors.no_stage(pipeline.name, request["stageName"])
        self._engine.set_transition(pipeline, index, enabled=enabled, by=_arn(caller), reason=request.get("reason", ""))
        return {}

    def _tell(self, scope: Scope, job: str, answer: Answer) -> None:
        for pipeline in self._pipelines.table.rows(scope):
            with pipeline.lock:
                run = _job(pipeline, job)
                if run is None:
                    continue
                if run.work is None:
                    raise errors.job_ended()
                run.work.tell(answer)
                return
        raise errors.no_job()

    def _execution(
        self, scope: Scope, request: Document, *, missing: ApiError | None = None
    ) -> tuple[Pipeline, Execution]:
        pipeline = self._pipelines.table.get(scope, request["pipelineName"])
        found = pipeline.executions.get(request["pipelineExecutionId"])
        if found is None:
            raise missing or errors.no_execution(pipeline.name, request["pipelineExecutionId"])
        return pipeline, found


def _revisions(pipeline: Pipeline, asked: list[Document]) -> dict[str, tuple[str, str]]:
    """What source actions are to take: type and value, by action.

    Source: user guide, "Start a pipeline with a source revision override", and "Amazon S3 source action reference":
    without AllowOverrideForS3ObjectKey the key stays the action's own.
    """
    sources = {action["name"]: action for action in pipeline.declaration["stages"][0]["actions"]}
    chosen: dict[str, tuple[str, str]] = {}
    for one in asked:
        name, kind = one["actionName"], one["revisionType"]
        if name not in sources:
            raise validation_error(f"Pipeline '{pipeline.name}' has no source action '{name}'")
        if kind == "IMAGE_DIGEST":
            raise UnsupportedOperationError("the rehearsal has no source actions that take an IMAGE_DIGEST")
        if name in chosen:
            raise UnsupportedOperationError(f"the rehearsal overrides one thing of a source action ({name})")
        allowed = sources[name]["configuration"].get("AllowOverrideForS3ObjectKey", "false")
        if kind == "S3_OBJECT_KEY" and allowed != "true":
            raise validation_error(f"Source action '{name}' does not allow to override its S3 object key")
        chosen[name] = (kind, one["revisionValue"])
    return chosen


def _job(pipeline: Pipeline, job: str) -> ActionRun | None:
    for execution in pipeline.executions.values():
        for run in execution.actions:
            if run.order.id == job and run.order.provider == ("Invoke", "Lambda"):
                return run
    return None


def _arn(caller: Caller) -> str:
    return "" if caller is None else caller.arn
