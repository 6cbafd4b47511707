"""Why an event does not reach a target, in the codes that a dead-letter queue's messages carry.

Source of codes: EventBridge user guide, "Using dead-letter queues to process undelivered events in EventBridge". It
says that what lacks permissions or is no more is not tried again, and leaves open which others are; here it is what
may pass by itself.
"""

EVENTBRIDGE = "events.amazonaws.com"


class DeliveryError(Exception):
    """One attempt has failed.

    Args:
        code: AWS's code, such as ``NO_PERMISSIONS``.
        message: What it says.
        passing: Whether it may pass by itself, so that EventBridge tries again.
    """

    def __init__(self, code: str, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.passing = passing


def no_permission(action: str, resource: str) -> DeliveryError:
    """A resource's own policy does not let EventBridge do something."""
    return DeliveryError(
        "NO_PERMISSIONS",
        f"User: {EVENTBRIDGE} is not authorized to perform: {action} on resource: {resource} because no "
        f"resource-based policy allows the {action} action",
    )


def no_resource(arn: str) -> DeliveryError:
    """The target is not there."""
    return DeliveryError("NO_RESOURCE", f"The target {arn} does not exist.")
