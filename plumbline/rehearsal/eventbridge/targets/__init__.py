"""The kinds of targets that the rehearsal delivers to, and who decides whether it may."""

import dataclasses
from collections.abc import Callable, Mapping

from plumbline.rehearsal.eventbridge.delivery import Delivery
from plumbline.rehearsal.eventbridge.targets import buses, functions, queues, requests, topics


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of target.

    Attributes:
        attempt: Makes one attempt, and raises ``DeliveryError`` when it fails.
        needs_role: Whether a target without a role is refused when it is put.
        by_request: Whether an attempt is a request to the emulator, which therefore must not wait for it.
    """

    attempt: Callable[[Delivery], None]
    needs_role: bool = False
    by_request: bool = False


_KINDS: Mapping[str, Kind] = {
    "codepipeline": Kind(attempt=requests.start_delivery_pipeline, needs_role=True, by_request=True),
    "events": Kind(attempt=buses.put, needs_role=True),
    "lambda": Kind(attempt=functions.invoke),
    "sagemaker": Kind(attempt=requests.start_training_pipeline, needs_role=True, by_request=True),
    "sns": Kind(attempt=topics.publish),
    "sqs": Kind(attempt=queues.send),
}


def knows(arn: str) -> bool:
    """Whether the rehearsal delivers to a target."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[2] in _KINDS and (parts[2] != "events" or parts[5].startswith("event-bus/"))


def kind_of(arn: str) -> Kind:
    """The kind of a target that the rehearsal knows."""
    return _KINDS[arn.split(":")[2]]
