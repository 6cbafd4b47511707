"""Where EventBridge puts what it could not deliver.

Source: EventBridge user guide, "Using dead-letter queues to process undelivered events in EventBridge": a standard
queue of the rule's region whose policy lets EventBridge send for that rule, with a key that lets it too; the event is
the body, and what went wrong is in the message's attributes.
"""

from collections.abc import Mapping

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import eventbridge, sqs

from plumbline.rehearsal.enforcement import Context
from plumbline.rehearsal.eventbridge.targets.queues import refusal


def keep(queue_arn: str, *, body: str, attributes: Mapping[str, str], source: Context) -> bool:
    """Sends a message to a dead-letter queue, where queue and key let EventBridge; every decision is logged.

    Args:
        queue_arn: The queue.
        body: The event.
        attributes: The message's attributes, all of them texts.
        source: For which rule or bus EventBridge acts.

    Returns:
        Whether the message is in the queue.
    """
    if refusal(queue_arn, source) is not None:
        return False
    spec = parse_arn(queue_arn)
    with request_scope(spec.account_id, spec.region):
        eventbridge._dispatch_to_sqs(spec, body)
        message = sqs._queue_by_arn(queue_arn)["messages"][-1]
        message["message_attributes"] = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        }
        message["md5_attrs"] = sqs._md5_msg_attrs(message["message_attributes"])
    return True
