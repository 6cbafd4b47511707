"""A bucket for what must neither leak nor get lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mlops_constructs.bucket_policy import closed_to_the_public, extend_policy
from mlops_constructs.durations import days
from mlops_constructs.foreign_reader import ForeignReader
from mlops_constructs.perimeter import deny_strangers, replicas_only
from mlops_constructs.policy import Statement
from mlops_constructs.unreplicated import waive_replication


@dataclass(frozen=True, kw_only=True)
class ForeignRead:
    """Read access of another account to a part of a bucket.

    Attributes:
        reader: The roles.
        objects: Pattern of the object keys, e.g. `*/training/*`.
    """

    reader: ForeignReader
    objects: str


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """A part of a bucket that only S3 writes, in a role of another environment.

    Attributes:
        replicator: The role.
        prefix: Beginning of the object keys, ending with `/`.
    """

    replicator: ForeignReader
    prefix: str


class ProtectedBucket(Construct):
    """A versioned bucket, encrypted with one key and closed to strangers.

    Guarantees: every object is encrypted with the given key (a request that asks for another, or for KMS without
    saying which key, is denied), TLS 1.2, no public access, no ACLs, nobody from outside the platform's accounts,
    access logged, kept when its stack goes but released when its first creation fails.

    One exception: a checkpoint may come with S3's own KMS key. `CheckpointConfig` names no key, and how SageMaker then
    asks is not documented; a role without access to the bucket's key still gets none to the other objects.

    Leaves out: deleting old versions. Runs record the version of their dataset, so versions are evidence.

    Attributes:
        bucket: The bucket.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket_name: str,
        key: kms.IKey,
        access_logs: s3.IBucket,
        accounts: Sequence[str],
        foreign_reads: Sequence[ForeignRead] = (),
        replicas: Replicas | None = None,
        replication: s3.CfnBucket.ReplicationConfigurationProperty | None = None,
        service_access: Sequence[Statement] = (),
        locked_days: int | None = None,
        tells_events: bool = False,
    ) -> None:
        """Defines the bucket.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            bucket_name: Globally unique name.
            key: Key of every object.
            access_logs: Where S3 writes access logs, below the bucket's name.
            accounts: Accounts whose identities may be let in.
            foreign_reads: What other accounts read; left out, nothing.
            replicas: What is replicated to it, and written by nobody else; left out, nothing is.
            replication: How it is replicated; left out, it is not.
            service_access: What AWS services do with it as themselves; left out, nothing.
            locked_days: Days for which no version of an object can be deleted (S3 Object Lock, governance mode); left
                out, none is locked.
            tells_events: Whether S3 tells EventBridge what happens to objects; left out, it does not.
        """
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=closed_to_the_public(),
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            object_lock_default_retention=s3.ObjectLockRetention.governance(days(locked_days)) if locked_days else None,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{bucket_name}/",
            lifecycle_rules=[
                s3.LifecycleRule(id="AbandonUnfinishedUploads", abort_incomplete_multipart_upload_after=days(7))
            ],
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        resource = cast("s3.CfnBucket", self.bucket.node.default_child)
        if tells_events:
            # The CDK's own property of this name would bring a function along that sets what the bucket can say itself.
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
        if replication is None:
            waive_replication(self.bucket)
        else:
            # The CDK's own property would make the role, without boundary and name, and open it for deletions as well.
            resource.replication_configuration = replication
        arn = self.bucket.bucket_arn
        extend_policy(
            self.bucket,
            [
                deny_strangers(arn, accounts=accounts),
                *_deny_other_keys(arn, key),
                *(_allow(arn, foreign_read) for foreign_read in foreign_reads),
                *(replicas_only(arn, replicas.prefix, replicas.replicator) if replicas else []),
                *service_access,
            ],
        )


def _deny_other_keys(bucket_arn: str, key: kms.IKey) -> list[Statement]:
    """A request without encryption headers gets the bucket's key by default; one with others is refused."""
    encryption, key_id = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
    return [
        # S3 would take the account's key aws/s3, which no policy of ours guards (API_PutObject, SSEKMSKeyId).
        Statement(
            sid="DenyUnnamedKeys",
            effect="Deny",
            principal={"AWS": "*"},
            actions=["s3:PutObject"],
            not_resources=[f"{bucket_arn}/*/checkpoints/*"],
            conditions={"StringEquals": {encryption: "aws:kms"}, "Null": {key_id: "true"}},
        ),
        *(
            Statement(
                sid=sid,
                effect="Deny",
                principal={"AWS": "*"},
                actions=["s3:PutObject"],
                resources=[f"{bucket_arn}/*"],
                conditions={"Null": {header: "false"}, "StringNotEquals": {header: value}},
            )
            for sid, header, value in (
                ("DenyOtherEncryption", encryption, "aws:kms"),
                ("DenyOtherKeys", key_id, key.key_arn),
            )
        ),
    ]


def _allow(bucket_arn: str, read: ForeignRead) -> Statement:
    return Statement(
        sid=f"Read{read.reader.name}From{read.reader.account}",
        principal={"AWS": read.reader.root},
        # The version as well: what was recorded of a version is read of that version.
        actions=["s3:GetObject", "s3:GetObjectVersion"],
        resources=[f"{bucket_arn}/{read.objects}"],
        conditions=read.reader.condition,
    )
