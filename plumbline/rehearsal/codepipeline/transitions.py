"""Which status may follow which, for executions, stages and actions, and where AWS says so.

The engine changes a status through :func:`move` alone, so what is not in the table cannot happen.
"""

from collections.abc import Mapping
from enum import StrEnum

from plumbline.rehearsal.api.lifecycle import Lifecycle, lifecycle


class Kind(StrEnum):
    """What has a status."""

    EXECUTION = "pipeline execution"
    STAGE = "stage execution"
    ACTION = "action execution"


LIFECYCLES: Mapping[Kind, Lifecycle] = {
    Kind.EXECUTION: lifecycle(
        Kind.EXECUTION,
        "InProgress",
        {
            "InProgress": "Succeeded Failed Stopping Stopped Superseded Cancelled",
            "Stopping": "Stopped Cancelled",
            # a retry of the stage in which it failed or was stopped
            "Failed": "InProgress",
            "Stopped": "InProgress",
            "Succeeded": "",
            "Superseded": "",
            "Cancelled": "",
        },
        "API reference, PipelineExecution (status); user guide, Stop a pipeline execution; Retry a failed stage",
    ),
    Kind.STAGE: lifecycle(
        Kind.STAGE,
        "InProgress",
        {
            "InProgress": "Succeeded Failed Stopping Stopped Cancelled",
            "Stopping": "Stopped Cancelled",
            "Failed": "InProgress",
            "Stopped": "InProgress",
            "Succeeded": "",
            "Cancelled": "",
        },
        "API reference, StageExecution (status); user guide, Stop a pipeline execution; Retry a failed stage",
    ),
    Kind.ACTION: lifecycle(
        Kind.ACTION,
        "InProgress",
        {"InProgress": "Succeeded Failed Abandoned", "Succeeded": "", "Failed": "", "Abandoned": ""},
        "API reference, ActionExecution (status)",
    ),
}


def begin(kind: Kind) -> str:
    """The status that everything of a kind begins with."""
    return LIFECYCLES[kind].begin("InProgress")


def move(kind: Kind, present: str, following: str) -> str:
    """The next status.

    Raises:
        IllegalTransitionError: It cannot follow the present one.
    """
    return LIFECYCLES[kind].move(present, following)
