"""Why a rule that tells a topic needs no dead-letter queue."""

from datetime import date

from mlops_constructs.waiver import Waiver


def told_by_topic(*targets: str) -> Waiver:
    """The waiver of a rule whose targets are topics of the same account.

    Args:
        targets: Ids of the targets.
    """
    return Waiver(
        id="told-by-topic",
        rule="Plumbline::PL-EVT-04",
        reason="The target is a topic of the same account, which EventBridge tries for a day; what happened is "
        "recorded as well where it happened: in the trail, or in the state of the pipeline.",
        owner="platform",
        until=date(2027, 11, 30),
        findings=targets,
    )
