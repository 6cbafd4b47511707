"""The key behind an S3 object: what reading or writing the object asks of KMS, in the caller's name."""

import dataclasses
import re
from collections.abc import Mapping

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms, s3

from plumbline.rehearsal.enforcement.callers import Context

ARN_SCOPE = re.compile(r"arn:[^:]+:[^:]+:([^:]*):(\d{12}):")
_KMS_OF_READS = frozenset({"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Implied:
    """A decision that a request needs beside the one on its first resource."""

    action: str
    resource: str
    context: Context = dataclasses.field(default_factory=dict)


def key_use(action: str, resource: str, context: Context, *, region: str, of_upload: bool) -> Implied | None:
    """What an action on an S3 object asks of KMS; None where the object is not under a KMS key.

    Args:
        action: The S3 action.
        resource: The object's ARN.
        context: The condition keys of the S3 request: the version it names, the encryption it asks for.
        region: The region, for the name under which S3 calls KMS.
        of_upload: Whether the request is a part of a multipart upload or completes one. The upload's beginning makes
            the data key, as a single write does; S3 decrypts it for each part and to put the parts together
            ("CreateMultipartUpload", Permissions).
    """
    if action in _KMS_OF_READS:
        key_action, key = "kms:Decrypt", _key_of_stored_object(resource, context)
    elif action == "s3:PutObject":
        key_action = "kms:Decrypt" if of_upload else "kms:GenerateDataKey"
        key = _key_of_written_object(resource, context)
    else:
        return None
    if key is None:
        return None
    key_arn, encryption_context_arn = key
    through_s3: dict[str, str | list[str]] = {
        # "Forward access sessions": S3 asks KMS with the caller's own permissions.
        "aws:viaawsservice": "true",
        "aws:calledvia": ["s3.amazonaws.com"],
        "aws:calledviafirst": "s3.amazonaws.com",
        "aws:calledvialast": "s3.amazonaws.com",
        "kms:viaservice": f"s3.{region}.amazonaws.com",
        "kms:encryptioncontext:aws:s3:arn": encryption_context_arn,
        "kms:encryptioncontextkeys": ["aws:s3:arn"],
    }
    return Implied(action=key_action, resource=key_arn, context=through_s3)


def _key_of_stored_object(resource: str, context: Context) -> tuple[str, str] | None:
    bucket, _, name = resource.removeprefix("arn:aws:s3:::").partition("/")
    owner = s3._bucket_owner_account(bucket)
    if not owner or not name:
        return None
    with request_scope(owner, get_region()):
        record = _stored_object(bucket, name, str(context.get("s3:versionid", "")))
        headers = (record or {}).get("preserved_headers", {})
        return _named_key(bucket, resource, headers) if isinstance(headers, dict) else None


def _stored_object(bucket: str, name: str, version: str) -> Mapping[str, object] | None:
    if version:
        for stored in s3._object_versions.get((bucket, name), []):
            if stored["version_id"] == version:
                version_of: Mapping[str, object] = stored
                return version_of
    found: Mapping[str, object] | None = s3._buckets.get(bucket, {}).get("objects", {}).get(name)
    return found


def _key_of_written_object(resource: str, context: Context) -> tuple[str, str] | None:
    bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    owner = s3._bucket_owner_account(bucket)
    if not owner:
        return None
    with request_scope(owner, get_region()):
        algorithm = context.get("s3:x-amz-server-side-encryption")
        headers: dict[str, object]
        if algorithm:
            headers = {
                "x-amz-server-side-encryption": algorithm,
                "x-amz-server-side-encryption-aws-kms-key-id": context.get(
                    "s3:x-amz-server-side-encryption-aws-kms-key-id", ""
                ),
            }
        else:
            headers = dict(s3._bucket_default_sse_headers(bucket))
        return _named_key(bucket, resource, headers)


def _named_key(bucket: str, resource: str, headers: Mapping[str, object]) -> tuple[str, str] | None:
    if not str(headers.get("x-amz-server-side-encryption", "")).startswith("aws:kms"):
        return None
    key_arn = arn_of_key(str(headers.get("x-amz-server-side-encryption-aws-kms-key-id", "")))
    bucket_key = "<BucketKeyEnabled>true</BucketKeyEnabled>" in str(s3._bucket_encryption.get(bucket, ""))
    return key_arn, f"arn:aws:s3:::{bucket}" if bucket_key else resource


def arn_of_key(name: str) -> str:
    """A key's ARN from its id, alias or ARN, looked up in the account that the name names or that is in scope."""
    found = ARN_SCOPE.match(name)
    region, account = found.groups() if found else (get_region(), get_account_id())
    with request_scope(account, region):
        record = kms._resolve_key(name)
    return str(record["Arn"]) if record else name or "arn:aws:kms:::key/none"
