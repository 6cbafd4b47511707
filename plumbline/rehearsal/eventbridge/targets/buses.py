"""Event buses of the same and of other accounts.

Source: EventBridge user guide, "Sending and receiving events between AWS accounts in Amazon EventBridge" and "Sending
events between event buses in the same account and Region": what a bus has received from another goes to no third.
"""

from plumbline.rehearsal.enforcement.callers import principal_arn_of
from plumbline.rehearsal.enforcement.evaluation import decide, denial_message
from plumbline.rehearsal.eventbridge.delivery import Delivery
from plumbline.rehearsal.eventbridge.failures import DeliveryError, no_resource
from plumbline.rehearsal.eventbridge.put_events import arrive, has_come_from_another_bus

_ACTION = "events:PutEvents"


def put(delivery: Delivery) -> None:
    """Puts the event on the bus in the target's role, where role and bus let it.

    Raises:
        DeliveryError: They do not, the role cannot be assumed, there is no such bus, or the event has made its hop.
    """
    if has_come_from_another_bus(delivery.event):
        raise DeliveryError(
            "THIRD_ACCOUNT_HOP_DETECTED", f"An event that came from another event bus is not sent to {delivery.arn}."
        )
    key = delivery.assume().access_key
    denied = decide(key, delivery.account, delivery.region, _ACTION, delivery.arn, {})
    if denied is not None:
        principal = principal_arn_of(key, delivery.account)
        raise DeliveryError("NO_PERMISSIONS", denial_message(principal, _ACTION, delivery.arn, denied))
    if not arrive(delivery.arn, delivery.event):
        raise no_resource(delivery.arn)
