"""Properties of MiniStack's own types that its CloudFormation drops, and that decide what may happen later.

A bucket's default encryption, which brings its key into every write, and its Object Lock; an event bus's key and
dead-letter queue.

Source: CloudFormation template reference, "AWS::S3::Bucket" and "AWS::Events::EventBus".
"""

from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import eventbridge, s3
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.provisioning.notation import Properties
from plumbline.rehearsal.provisioning.types.service import Created, ServiceRefusedError, ask

Put = Callable[[str, bytes], tuple[int, Mapping[str, str], bytes]]
_BUS_MEMBERS = ("DeadLetterConfig", "Description", "KmsKeyIdentifier", "LogConfig")
_LISTS: Mapping[str, str] = {"ServerSideEncryptionConfiguration": "Rule"}
_ELEMENTS: Mapping[str, str] = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}


def register() -> None:
    """Has the emulator of this process keep them."""
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        ("BucketEncryption", _encryption, _checked(s3._put_bucket_encryption), s3._delete_bucket_encryption),
        ("ObjectLockConfiguration", _lock, _checked(s3._put_object_lock_configuration), _keep_lock),
    )
    _keep_lock_of_bucket()
    _keep_members_of_bus()


def _encryption(properties: Properties) -> bytes:
    """The XML of a bucket's default encryption, which names some members otherwise than a template does."""
    return _xml("ServerSideEncryptionConfiguration", properties.get("ServerSideEncryptionConfiguration"))


def _lock(properties: Properties) -> bytes:
    return _xml("ObjectLockConfiguration", properties)


def _xml(name: str, value: object) -> bytes:
    root = Element(name)
    _fill(root, name, value)
    return tostring(root)


def _fill(element: Element, name: str, value: object) -> None:
    if isinstance(value, Mapping):
        for member, part in value.items():
            _fill(SubElement(element, _ELEMENTS.get(member, member)), member, part)
    elif isinstance(value, list):
        for part in value:
            _fill(SubElement(element, _LISTS[name]), name, part)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def _checked(put: Put) -> Callable[[str, bytes], None]:
    def checked(bucket: str, body: bytes) -> None:
        status, _, answer = put(bucket, body)
        if status >= 400:
            raise ServiceRefusedError(f"{bucket}: {answer.decode(errors='replace')}")

    return checked


def _keep_lock(bucket: str) -> None:
    """Nothing takes a lock away: "After you enable Object Lock on a bucket, you can't disable Object Lock"."""


def _keep_lock_of_bucket() -> None:
    own = provisioners._s3_apply_configurations

    def apply(bucket: str, properties: Properties, old: Properties | None = None) -> None:
        if str(properties.get("ObjectLockEnabled", "")).lower() == "true" and bucket not in s3._bucket_object_lock:
            # Object Lock turns versioning on: S3 user guide, "Object Lock considerations".
            s3._bucket_versioning[bucket] = "Enabled"
            s3._bucket_object_lock[bucket] = {"enabled": True, "default_retention": None}
        own(bucket, properties, old)

    provisioners._s3_apply_configurations = apply


def _keep_members_of_bus() -> None:
    handler = provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"]
    create, update = handler["create"], handler["update"]

    def keep(created: Created, properties: Properties) -> Created:
        given = {member: properties[member] for member in _BUS_MEMBERS if member in properties}
        if given:
            ask(eventbridge._update_event_bus, given | {"Name": created[0]})
        return created

    def create_bus(logical_id: str, properties: Properties, stack: str) -> Created:
        return keep(create(logical_id, properties, stack), properties)

    def update_bus(physical_id: str, old: Properties, new: Properties, stack: str) -> Created:
        return keep(update(physical_id, old, new, stack), new)

    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"] = handler | {"create": create_bus, "update": update_bus}
