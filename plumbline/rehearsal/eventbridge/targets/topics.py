"""SNS topics.

Source: EventBridge user guide, "Using resource-based policies for Amazon EventBridge": a topic takes no role, and no
condition in its policy, so that EventBridge sends neither ``aws:SourceAccount`` nor ``aws:SourceArn``.
"""

import types

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, request_scope
from ministack.services import eventbridge, sns

from plumbline.rehearsal.enforcement.record import record
from plumbline.rehearsal.enforcement.service_principals import publishes
from plumbline.rehearsal.eventbridge.delivery import Delivery
from plumbline.rehearsal.eventbridge.failures import EVENTBRIDGE, DeliveryError, no_permission, no_resource

_ACTION = "sns:Publish"


def publish(delivery: Delivery) -> None:
    """Publishes what the target gets to its topic.

    Raises:
        DeliveryError: The topic is not there, it or its key does not let EventBridge publish, or the target has a role.
    """
    if delivery.target.get("RoleArn"):
        reason = "a target that is a topic takes no role"
        record(str(get_account_id()), EVENTBRIDGE, _ACTION, delivery.arn, {}, reason)
        raise DeliveryError("NO_PERMISSIONS", f"{EVENTBRIDGE} does not publish to {delivery.arn}: {reason}")
    if sns._topic_by_arn_any_scope(delivery.arn) is None:
        raise no_resource(delivery.arn)
    if not publishes(EVENTBRIDGE, delivery.arn, types.MappingProxyType({})):
        raise no_permission(_ACTION, delivery.arn)
    spec = parse_arn(delivery.arn)
    with request_scope(spec.account_id, spec.region):
        eventbridge._dispatch_to_sns(delivery.arn, delivery.payload)
