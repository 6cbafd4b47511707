"""Which status may follow which, per kind of resource, and where AWS says so.

The services change a status through :func:`move` alone, so what is not in the table cannot happen.
"""

from collections.abc import Mapping
from enum import StrEnum

from plumbline.rehearsal.api.lifecycle import Lifecycle, lifecycle


class Kind(StrEnum):
    """What has a status."""

    EXECUTION = "pipeline execution"
    STEP = "pipeline execution step"
    TRAINING_JOB = "training job"
    TRAINING_PHASE = "secondary status of a training job"
    PROCESSING_JOB = "processing job"
    MODEL_PACKAGE = "model package"
    APPROVAL = "approval of a model package"
    ENDPOINT = "endpoint"
    DOMAIN = "Studio domain or user profile"


_JOB = {
    "InProgress": "Completed Failed Stopping Stopped",
    "Stopping": "Stopped Failed Completed",
    "Completed": "",
    "Failed": "",
    "Stopped": "",
}

LIFECYCLES: Mapping[Kind, Lifecycle] = {
    Kind.EXECUTION: lifecycle(
        Kind.EXECUTION,
        "Executing",
        {
            "Executing": "Succeeded Failed Stopping",
            "Stopping": "Stopped Failed",
            "Succeeded": "",
            "Failed": "",
            "Stopped": "",
        },
        "API reference, DescribePipelineExecution (PipelineExecutionStatus) and StopPipelineExecution",
    ),
    Kind.STEP: lifecycle(
        Kind.STEP,
        "Starting",
        {
            "Starting": "Executing Failed Stopped Succeeded",
            "Executing": "Succeeded Failed Stopping",
            "Stopping": "Stopped Failed Succeeded",
            "Succeeded": "",
            "Failed": "",
            "Stopped": "",
        },
        "API reference, PipelineExecutionStep (StepStatus)",
    ),
    Kind.TRAINING_JOB: lifecycle(
        Kind.TRAINING_JOB,
        "InProgress",
        _JOB,
        "API reference, DescribeTrainingJob (TrainingJobStatus) and StopTrainingJob",
    ),
    Kind.TRAINING_PHASE: lifecycle(
        Kind.TRAINING_PHASE,
        "Starting",
        {
            "Starting": "Downloading DownloadingTrainingImage Failed Stopping",
            "Downloading": "DownloadingTrainingImage Training Failed Stopping",
            "DownloadingTrainingImage": "Downloading Training Failed Stopping",
            "Training": "Uploading Failed Stopping MaxRuntimeExceeded",
            # the model of a job whose time was up is uploaded too, and the last status says why it ended
            "Uploading": "Completed Failed Stopping MaxRuntimeExceeded",
            "MaxRuntimeExceeded": "",
            "Stopping": "Stopped Failed",
            "Completed": "",
            "Failed": "",
            "Stopped": "",
        },
        "API reference, DescribeTrainingJob (SecondaryStatus) and SecondaryStatusTransition",
    ),
    Kind.PROCESSING_JOB: lifecycle(
        Kind.PROCESSING_JOB,
        "InProgress",
        _JOB,
        "API reference, DescribeProcessingJob (ProcessingJobStatus) and StopProcessingJob",
    ),
    Kind.MODEL_PACKAGE: lifecycle(
        Kind.MODEL_PACKAGE,
        "Pending",
        {
            "Pending": "InProgress Completed Failed Deleting",
            "InProgress": "Completed Failed",
            "Completed": "Deleting",
            "Failed": "Deleting",
            "Deleting": "",
        },
        "API reference, DescribeModelPackage (ModelPackageStatus)",
    ),
    Kind.APPROVAL: lifecycle(
        Kind.APPROVAL,
        "PendingManualApproval Approved Rejected",
        {
            "PendingManualApproval": "PendingManualApproval Approved Rejected",
            "Approved": "PendingManualApproval Approved Rejected",
            "Rejected": "PendingManualApproval Approved Rejected",
        },
        "Developer guide, Update the Approval Status of a Model: the three statuses, in any order",
    ),
    Kind.ENDPOINT: lifecycle(
        Kind.ENDPOINT,
        "Creating",
        {
            "Creating": "InService Failed Deleting",
            "InService": "Updating SystemUpdating Deleting",
            "Updating": "InService RollingBack Failed UpdateRollbackFailed",
            "SystemUpdating": "InService Failed",
            "RollingBack": "InService UpdateRollbackFailed",
            "UpdateRollbackFailed": "Deleting",
            "Failed": "Deleting",
            "Deleting": "",
        },
        "API reference, DescribeEndpoint (EndpointStatus)",
    ),
    Kind.DOMAIN: lifecycle(
        Kind.DOMAIN,
        "Pending",
        {
            "Pending": "InService Failed",
            "InService": "Updating Deleting",
            "Updating": "InService Update_Failed",
            "Update_Failed": "Updating Deleting",
            "Failed": "Deleting",
            "Deleting": "",
        },
        "API reference, DescribeDomain and DescribeUserProfile (Status); DeleteDomain",
    ),
}


def begin(kind: Kind, status: str) -> str:
    """The status of a new resource.

    Raises:
        IllegalTransitionError: Nothing of this kind begins with it.
    """
    return LIFECYCLES[kind].begin(status)


def move(kind: Kind, present: str, following: str) -> str:
    """The next status of a resource.

    Raises:
        IllegalTransitionError: It cannot follow the present one.
    """
    return LIFECYCLES[kind].move(present, following)


def is_final(kind: Kind, status: str) -> bool:
    """Whether nothing follows a status."""
    return status in LIFECYCLES[kind].final
