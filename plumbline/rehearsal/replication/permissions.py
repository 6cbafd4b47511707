"""What S3 does in the role of a replication configuration, decision by decision.

Sources: S3 user guide, "Setting up permissions for live replication", "Changing the replica owner" and "Replicating
encrypted objects". S3 is not documented to send `aws:SourceAccount` or `aws:SourceArn` when it assumes the role.
"""

from collections.abc import Iterator

from ministack.core import iam_evaluator
from ministack.core.responses import get_region

from plumbline.rehearsal.enforcement import AccessDenied, Caller, Context, assume_service_role, authorize
from plumbline.rehearsal.enforcement.object_keys import key_use
from plumbline.rehearsal.replication.rules import Rule

_S3 = "s3.amazonaws.com"
_NO_KEYS: Context = {}


def refusal(rule: Rule, *, account: str, bucket: str, key: str, version: str, encrypted: bool) -> str:
    """Why the role may not replicate an object; empty when it may. Every decision is logged.

    Args:
        rule: The rule.
        account: Account of the bucket that the object leaves.
        bucket: That bucket.
        key: The object's key.
        version: Its version.
        encrypted: Whether it is encrypted by KMS, so that the copy is.
    """
    # S3 asks itself for what it replicates as everybody asks it, over TLS.
    iam_evaluator.pin_request_origin("", True)
    try:
        credentials = assume_service_role(
            role_arn=rule.role, service=_S3, source_account=account, source_arn=None, session_name="s3-replication"
        )
        caller = Caller(access_key=credentials.access_key, account=rule.role.split(":")[4], region=str(get_region()))
        source, replica = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{rule.bucket}/{key}"
        for action, resource, context in (
            ("s3:GetReplicationConfiguration", source, _NO_KEYS),
            ("s3:ListBucket", source, _NO_KEYS),
            ("s3:GetObjectVersionForReplication", f"{source}/{key}", {"s3:versionid": version}),
            ("s3:GetObjectVersionAcl", f"{source}/{key}", {"s3:versionid": version}),
            *_decryption(f"{source}/{key}", version),
            ("s3:ReplicateObject", replica, _NO_KEYS),
            *([("s3:ObjectOwnerOverrideToBucketOwner", replica, _NO_KEYS)] if rule.account else []),
            *(_encryption(replica, rule.key) if encrypted else ()),
        ):
            authorize(principal=caller, action=action, resource=resource, context=context)
    except AccessDenied as error:
        return str(error)
    return ""


def _decryption(resource: str, version: str) -> Iterator[tuple[str, str, Context]]:
    """What reading asks of the object's key, if it has one."""
    use = key_use("s3:GetObjectVersion", resource, {"s3:versionid": version}, region=str(get_region()), of_upload=False)
    if use is not None:
        yield use.action, use.resource, use.context


def _encryption(resource: str, key: str) -> Iterator[tuple[str, str, Context]]:
    """What writing asks of the rule's key: which of the two is not documented to depend on anything, so both."""
    asked = {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": key,
    }
    use = key_use("s3:PutObject", resource, asked, region=str(get_region()), of_upload=False)
    if use is not None:
        yield "kms:Encrypt", use.resource, use.context
        yield use.action, use.resource, use.context
