"""Which status may follow which, per kind of resource, and where AWS says so.

The services change a status through :func:`move` alone, so what is not in the table cannot happen.
"""

import dataclasses
from collections.abc import Mapping
from enum import StrEnum


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """The life of one kind of resource.

    Attributes:
        start: The status it is created with.
        after: For each status, those that may follow; one with none is final.
        source: Where the statuses and their order come from.
    """

    start: frozenset[str]
    after: Mapping[str, frozenset[str]]
    source: str

    @property
    def final(self) -> frozenset[str]:
        """The statuses that nothing follows."""
        return frozenset(status for status, following in self.after.items() if not following)


def _lifecycle(start: str, after: Mapping[str, str], source: str) -> Lifecycle:
    return Lifecycle(
        start=frozenset(start.split()),
        after={status: frozenset(following.split()) for status, following in after.items()},
        source=source,
    )


_JOB = {
    "InProgress": "Completed Failed Stopping Stopped",
    "Stopping": "Stopped Failed Completed",
    "Completed": "",
    "Failed": "",
    "Stopped": "",
}

LIFECYCLES: Mapping[Kind, Lifecycle] = {
    Kind.EXECUTION: _lifecycle(
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
    Kind.STEP: _lifecycle(
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
    Kind.TRAINING_JOB: _lifecycle(
        "InProgress", _JOB, "API reference, DescribeTrainingJob (TrainingJobStatus) and StopTrainingJob"
    ),
    Kind.TRAINING_PHASE: _lifecycle(
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
    Kind.PROCESSING_JOB: _lifecycle(
        "InProgress", _JOB, "API reference, DescribeProcessingJob (ProcessingJobStatus) and StopProcessingJob"
    ),
    Kind.MODEL_PACKAGE: _lifecycle(
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
    Kind.APPROVAL: _lifecycle(
        "PendingManualApproval Approved Rejected",
        {
            "PendingManualApproval": "PendingManualApproval Approved Rejected",
            "Approved": "PendingManualApproval Approved Rejected",
            "Rejected": "PendingManualApproval Approved Rejected",
        },
        "Developer guide, Update the Approval Status of a Model: the three statuses, in any order",
    ),
    Kind.ENDPOINT: _lifecycle(
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
    Kind.DOMAIN: _lifecycle(
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


class IllegalTransitionError(Exception):
    """A status that cannot follow the present one: a fault of the rehearsal, never an answer to a request."""


def begin(kind: Kind, status: str) -> str:
    """The status of a new resource.

    Raises:
        IllegalTransitionError: Nothing of this kind begins with it.
    """
    if status not in LIFECYCLES[kind].start:
        raise IllegalTransitionError(f"no {kind} begins as {status}")
    return status


def move(kind: Kind, present: str, following: str) -> str:
    """The next status of a resource.

    Raises:
        IllegalTransitionError: It cannot follow the present one.
    """
    if following not in LIFECYCLES[kind].after.get(present, frozenset()):
        raise IllegalTransitionError(f"a {kind} cannot go from {present} to {following}")
    return following


def is_final(kind: Kind, status: str) -> bool:
    """Whether nothing follows a status."""
    return status in LIFECYCLES[kind].final
