"""The errors of the CodePipeline API. Names: API reference; wording: as the service answers or its model documents."""

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.scope import Scope


def no_pipeline(scope: Scope, name: str) -> ApiError:
    """There is no pipeline of that name."""
    return ApiError(
        "PipelineNotFoundException", f"Account '{scope.account}' does not have a pipeline with name '{name}'"
    )


def name_taken(scope: Scope, name: str) -> ApiError:
    """The name of a new pipeline is taken."""
    return ApiError(
        "PipelineNameInUseException", f"A pipeline with the name '{name}' already exists in account '{scope.account}'"
    )


def no_version(name: str, version: int) -> ApiError:
    """The pipeline has no such version."""
    return ApiError("PipelineVersionNotFoundException", f"Pipeline '{name}' does not have a version {version}")


def no_execution(name: str, execution: str) -> ApiError:
    """The pipeline has no such execution."""
    return ApiError(
        "PipelineExecutionNotFoundException", f"Pipeline '{name}' does not have a pipeline execution '{execution}'"
    )


def no_stage(name: str, stage: str) -> ApiError:
    """The pipeline has no such stage."""
    return ApiError("StageNotFoundException", f"Pipeline '{name}' does not have a stage with name '{stage}'")


def no_action(stage: str, action: str) -> ApiError:
    """The stage has no such action."""
    return ApiError("ActionNotFoundException", f"Stage '{stage}' does not have an action with name '{action}'")


def wrong_token() -> ApiError:
    """The token is not the one of the approval that waits, or none waits."""
    return ApiError("InvalidApprovalTokenException", "The approval request already received a response or has expired.")


def already_answered() -> ApiError:
    """The approval has had its answer."""
    return ApiError("ApprovalAlreadyCompletedException", "The approval action has already been approved or rejected.")


def not_retryable() -> ApiError:
    """Nothing in the stage can be retried."""
    return ApiError(
        "StageNotRetryableException",
        "Unable to retry. The pipeline structure or stage state might have changed while actions awaited retry, or the "
        "stage contains no failed actions.",
    )


def not_latest() -> ApiError:
    """Another execution has been in the stage since."""
    return ApiError(
        "NotLatestPipelineExecutionException",
        "The stage has failed in a later run of the pipeline and the pipelineExecutionId associated with the request "
        "is out of date.",
    )


def not_stoppable() -> ApiError:
    """The execution has ended."""
    return ApiError(
        "PipelineExecutionNotStoppableException",
        "Unable to stop the pipeline execution. The execution might already be in a Stopped state, or it might no "
        "longer be in progress.",
    )


def stopping_already() -> ApiError:
    """The execution is stopping, and waits for its actions."""
    return ApiError(
        "DuplicatedStopRequestException",
        "The pipeline execution is already in a Stopping state. If you already chose to stop and wait, you cannot make "
        "that request again. You can choose to stop and abandon now, but be aware that this option can lead to failed "
        "tasks or out of sequence tasks. If you already chose to stop and abandon, you cannot make that request again.",
    )


def too_many_executions() -> ApiError:
    """As many executions are under way as one pipeline may have."""
    return ApiError(
        "ConcurrentPipelineExecutionsLimitExceededException",
        "The pipeline has reached the limit for concurrent pipeline executions.",
    )


def no_job() -> ApiError:
    """There is no such job."""
    return ApiError("JobNotFoundException", "The job was specified in an invalid format or cannot be found.")


def job_ended() -> ApiError:
    """The job has ended."""
    return ApiError("InvalidJobStateException", "The job state was specified in an invalid format.")


def invalid_structure(message: str) -> ApiError:
    """The pipeline's structure cannot be."""
    return ApiError("InvalidStructureException", message)


def invalid_action(message: str) -> ApiError:
    """An action's declaration cannot be."""
    return ApiError("InvalidActionDeclarationException", message)
