"""The events that SageMaker sends to the default event bus of the account that a resource lives in.

Source of names and details: developer guide, "Events that Amazon SageMaker AI sends to Amazon EventBridge".
"""

import copy
import datetime

from plumbline.rehearsal.api.events import publish
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker.scope import Scope

# EventBridge's own events spell an endpoint's status in capitals.
_ENDPOINT_STATUS = {
    "Creating": "CREATING",
    "InService": "IN_SERVICE",
    "Updating": "UPDATING",
    "RollingBack": "ROLLING_BACK",
    "Failed": "FAILED",
    "Deleting": "DELETING",
    "UpdateRollbackFailed": "UPDATE_ROLLBACK_FAILED",
}


def execution_changed(scope: Scope, execution: Document, *, previous: str | None) -> None:
    """A pipeline execution has another status."""
    _publish(
        scope,
        "SageMaker Model Building Pipeline Execution Status Change",
        [execution["PipelineArn"], execution["PipelineExecutionArn"]],
        _without_none(
            {
                "pipelineExecutionDisplayName": execution.get("PipelineExecutionDisplayName"),
                "currentPipelineExecutionStatus": execution["PipelineExecutionStatus"],
                "previousPipelineExecutionStatus": previous,
                "executionStartTime": _iso(execution["CreationTime"]),
                "executionEndTime": _iso(execution["LastModifiedTime"])
                if execution["PipelineExecutionStatus"] not in ("Executing", "Stopping")
                else None,
                "pipelineExecutionDescription": execution.get("PipelineExecutionDescription"),
                "pipelineArn": execution["PipelineArn"],
                "pipelineExecutionArn": execution["PipelineExecutionArn"],
            }
        ),
    )


def step_changed(scope: Scope, execution: Document, step: Document, *, kind: str, previous: str | None) -> None:
    """A step of a pipeline execution has another status."""
    metadata = {
        name[:1].lower() + name[1:]: {part.lower(): value for part, value in detail.items()}
        for name, detail in step.get("Metadata", {}).items()
    }
    _publish(
        scope,
        "SageMaker Model Building Pipeline Execution Step Status Change",
        [execution["PipelineArn"], execution["PipelineExecutionArn"]],
        _without_none(
            {
                "metadata": metadata,
                "cacheHitResult": step.get("CacheHitResult", {}),
                "stepStartTime": _iso(step["StartTime"]),
                "stepEndTime": _iso(step["EndTime"]) if "EndTime" in step else None,
                "stepName": step["StepName"],
                "stepType": kind,
                "failureReason": step.get("FailureReason"),
                "previousStepStatus": previous,
                "currentStepStatus": step["StepStatus"],
                "pipelineArn": execution["PipelineArn"],
                "pipelineExecutionArn": execution["PipelineExecutionArn"],
            }
        ),
    )


def training_job_changed(scope: Scope, job: Document) -> None:
    """A training job has another status or secondary status."""
    _publish(scope, "SageMaker Training Job State Change", [job["TrainingJobArn"]], _milliseconds(job))


def processing_job_changed(scope: Scope, job: Document) -> None:
    """A processing job has another status."""
    _publish(scope, "SageMaker Processing Job State Change", [job["ProcessingJobArn"]], _milliseconds(job))


def model_package_changed(scope: Scope, package: Document) -> None:
    """A model package has another status or another approval status."""
    _publish(scope, "SageMaker Model Package State Change", [package["ModelPackageArn"]], _milliseconds(package))


def endpoint_changed(scope: Scope, endpoint: Document) -> None:
    """An endpoint has another status."""
    detail = _milliseconds(endpoint)
    detail["EndpointStatus"] = _ENDPOINT_STATUS[endpoint["EndpointStatus"]]
    _publish(scope, "SageMaker Endpoint State Change", [endpoint["EndpointArn"]], detail)


def _publish(scope: Scope, detail_type: str, resources: list[str], detail: Document) -> None:
    publish(scope, source="aws.sagemaker", detail_type=detail_type, resources=resources, detail=detail)


def _milliseconds(document: Document) -> Document:
    """A description as events carry it: times in milliseconds."""
    result = copy.deepcopy(document)
    for name, value in document.items():
        if name.endswith("Time") and isinstance(value, float):
            result[name] = int(value * 1000)
    for transition in result.get("SecondaryStatusTransitions", []):
        for name in ("StartTime", "EndTime"):
            if name in transition:
                transition[name] = int(transition[name] * 1000)
    return result


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_none(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}
