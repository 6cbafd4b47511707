"""Replication configurations that a bucket gets, from a stack too, and those that it does not get.

Sources: S3 API reference, "PutBucketReplication"; S3 user guide, "Requirements and considerations for replication".
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.provisioning.notation import Properties
from plumbline.rehearsal.provisioning.types.service import ServiceRefusedError
from plumbline.rehearsal.replication.rules import enabled_rule, not_done

Answer = tuple[int, dict[str, str], bytes]
_own_put = s3._put_bucket_replication
# Names that a template has otherwise than the API.
_ELEMENTS = {"Rules": "Rule", "Id": "ID"}


def install() -> None:
    """Has the emulator of this process check configurations, and its CloudFormation bring them to buckets."""
    s3._put_bucket_replication = _put
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        ("ReplicationConfiguration", as_xml, _put_of_stack, s3._delete_bucket_replication),
    )


def as_xml(properties: Properties) -> bytes:
    """The XML of the configuration that a template has."""
    root = Element("ReplicationConfiguration")
    _fill(root, properties)
    return tostring(root)


def _fill(element: Element, value: object) -> None:
    if not isinstance(value, Mapping):
        element.text = str(value)
        return
    for member, part in value.items():
        for one in part if isinstance(part, list) else [part]:
            _fill(SubElement(element, _ELEMENTS.get(str(member), str(member))), one)


def _put(bucket: str, body: bytes) -> Answer:
    """Stands in for the emulator's own, and takes back what cannot be carried out."""
    before = s3._bucket_replication.get(bucket)
    answer: Answer = _own_put(bucket, body)
    if answer[0] != 200:
        return answer
    configuration = s3._bucket_replication[bucket]
    refusal = _refusal(configuration)
    if refusal is None:
        return answer
    if before is None:
        del s3._bucket_replication[bucket]
    else:
        s3._bucket_replication[bucket] = before
    return refusal


def _refusal(configuration: Mapping[str, object]) -> Answer | None:
    refused: Answer
    if lacking := not_done(configuration):
        refused = s3._error("NotImplemented", f"The rehearsal's S3 does not have {lacking}", 501)
        return refused
    rule = enabled_rule(configuration)
    if rule is not None and s3._bucket_owner_account(rule.bucket) is None:
        refused = s3._error("InvalidRequest", "Destination bucket must exist.", 400)
        return refused
    return None


def _put_of_stack(bucket: str, body: bytes) -> None:
    status, _, answer = s3._put_bucket_replication(bucket, body)
    if status >= 400:
        raise ServiceRefusedError(f"{bucket}: {answer.decode(errors='replace')}")
