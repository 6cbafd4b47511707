"""SQS queues.

Sources: EventBridge user guide, "Amazon SQS permissions"; SQS developer guide, "Enable compatibility between event
sources from AWS services and encrypted queues".
"""

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import request_scope
from ministack.services import eventbridge, sqs

from plumbline.rehearsal.enforcement import Context
from plumbline.rehearsal.enforcement.object_keys import arn_of_key
from plumbline.rehearsal.enforcement.service_principals import allows, refused_key_use
from plumbline.rehearsal.eventbridge.delivery import Delivery
from plumbline.rehearsal.eventbridge.failures import EVENTBRIDGE, DeliveryError, no_permission, no_resource

_ACTION = "sqs:SendMessage"


def send(delivery: Delivery) -> None:
    """Sends what the target gets to its queue.

    Raises:
        DeliveryError: The queue is not there, or it or its key does not let EventBridge send.
    """
    error = refusal(delivery.arn, delivery.source)
    if error is not None:
        raise error
    spec = parse_arn(delivery.arn)
    with request_scope(spec.account_id, spec.region):
        eventbridge._dispatch_to_sqs(spec, delivery.payload, delivery.target.get("SqsParameters") or {})


def refusal(queue_arn: str, source: Context) -> DeliveryError | None:
    """Why EventBridge cannot send to a queue for a rule or a bus; None when it can.

    Args:
        queue_arn: The queue.
        source: ``aws:SourceArn`` and ``aws:SourceAccount``.
    """
    try:
        spec = parse_arn(queue_arn)
    except ArnParseError:
        return no_resource(queue_arn)
    with request_scope(spec.account_id, spec.region):
        queue = sqs._queue_by_arn(queue_arn)
        if queue is None:
            return no_resource(queue_arn)
        if not allows(EVENTBRIDGE, _ACTION, queue_arn, source):
            return no_permission(_ACTION, queue_arn)
        key = str(queue["attributes"].get("KmsMasterKeyId") or "")
        context: Context = {
            **source,
            "kms:EncryptionContext:aws:sqs:arn": queue_arn,
            "kms:EncryptionContextKeys": ["aws:sqs:arn"],
        }
        action = refused_key_use(EVENTBRIDGE, key, context) if key else ""
        return no_permission(action, arn_of_key(key)) if action else None
