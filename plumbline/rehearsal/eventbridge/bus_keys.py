"""Keys of event buses and archives, which EventBridge uses as itself.

Sources: EventBridge user guide, "Encrypting EventBridge event buses with AWS KMS keys" ("Events from AWS services are
encrypted using an AWS owned key"), "Encrypting EventBridge archives with AWS KMS keys" and "Authorizing EventBridge to
use a customer managed key".
"""

from collections.abc import Sequence

from ministack.services import eventbridge

from plumbline.rehearsal.enforcement import Context
from plumbline.rehearsal.enforcement.object_keys import arn_of_key
from plumbline.rehearsal.enforcement.service_principals import KEY_USE, refused_key_use
from plumbline.rehearsal.eventbridge.delivery import Event
from plumbline.rehearsal.eventbridge.failures import EVENTBRIDGE, DeliveryError, no_permission


def source_of(bus_arn: str) -> Context:
    """For whom EventBridge says that it acts when it acts for a bus."""
    return {"aws:SourceArn": bus_arn, "aws:SourceAccount": bus_arn.split(":")[4]}


def refusal(bus: str, event: Event) -> DeliveryError | None:
    """Why an event cannot be encrypted on a bus of the account in scope; None when it can."""
    record = eventbridge._event_buses.get(bus) or {}
    key = record.get("KmsKeyIdentifier")
    if not key or (bus == "default" and str(event.get("Source", "")).startswith("aws.")):
        return None
    return _refused(str(key), str(record["Arn"]), KEY_USE)


def archive_refusal(key: str, bus_arn: str) -> DeliveryError | None:
    """Why an event cannot be encrypted in an archive of a bus; None when it can."""
    return _refused(key, bus_arn, (*KEY_USE, "kms:ReEncryptFrom", "kms:ReEncryptTo"))


def _refused(key: str, bus_arn: str, actions: Sequence[str]) -> DeliveryError | None:
    context: Context = {
        **source_of(bus_arn),
        "kms:EncryptionContext:aws:events:event-bus:arn": bus_arn,
        "kms:EncryptionContextKeys": ["aws:events:event-bus:arn"],
    }
    action = refused_key_use(EVENTBRIDGE, key, context, actions)
    return no_permission(action, arn_of_key(key)) if action else None
