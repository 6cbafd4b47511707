"""Why an event does not reach a target, in the codes that a dead-letter queue's messages carry.

Source of codes: EventBridge user guide, "Using dead-letter queues to process undelivered events in EventBridge". It
says that what lacks permissions or is no more is not tried again, and leaves open which others are; here it is what
may pass by itself.
"""

from collections.abc import Mapping

from botocore.exceptions import ClientError

EVENTBRIDGE = "events.amazonaws.com"
_SERVER_FAULT = 500
# A service's error → EventBridge's code, and whether it may pass by itself.
_CODES: Mapping[str, tuple[str, bool]] = {
    "AccessDenied": ("NO_PERMISSIONS", False),
    "AccessDeniedException": ("NO_PERMISSIONS", False),
    "ConflictException": ("RESOURCE_MODIFICATION_COLLISION", True),
    "ConcurrentModificationException": ("RESOURCE_MODIFICATION_COLLISION", True),
    "PipelineNotFoundException": ("NO_RESOURCE", False),
    "ResourceLimitExceeded": ("RESOURCE_LIMIT_EXCEEDED", True),
    "ResourceNotFound": ("NO_RESOURCE", False),
    "ResourceNotFoundException": ("NO_RESOURCE", False),
    "Throttling": ("THROTTLING", True),
    "ThrottlingException": ("THROTTLING", True),
    "TooManyRequestsException": ("THROTTLING", True),
}


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


def of_answer(error: ClientError) -> DeliveryError:
    """What a service's error means for a delivery: throttling, faults and collisions may pass, all others do not."""
    said = error.response.get("Error", {})
    code, message = str(said.get("Code", "")), str(said.get("Message", error))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _CODES:
        meaning, passing = _CODES[code]
        return DeliveryError(meaning, message, passing=passing)
    if status >= _SERVER_FAULT:
        return DeliveryError("ERROR_FROM_TARGET", message, passing=True)
    return DeliveryError("INVALID_PARAMETER" if "Validation" in code else "SDK_CLIENT_ERROR", message)
