"""The bucket in which S3 writes down who asked the other buckets for what."""

from collections.abc import Sequence
from datetime import date

from aws_cdk import RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mlops_constructs.bucket_policy import closed_to_the_public, extend_policy
from mlops_constructs.durations import days
from mlops_constructs.perimeter import deny_strangers
from mlops_constructs.unreplicated import waive_replication
from mlops_constructs.waiver import Waiver, compliance_rules, waive


class AccessLogBucket(Construct):
    """Target of S3 server access logs.

    Guarantees: encrypted with S3's own key (log delivery writes with no other), TLS only, no public access, nobody
    from outside the platform's accounts, logs deleted when their time is over, the bucket kept when its stack goes.

    Attributes:
        bucket: The bucket.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, bucket_name: str, accounts: Sequence[str], retention_days: int
    ) -> None:
        """Defines the bucket.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            bucket_name: Globally unique name.
            accounts: Accounts whose identities may be let in.
            retention_days: Days after which a log is deleted.
        """
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=closed_to_the_public(),
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ExpireLogs",
                    expiration=days(retention_days),
                    # As long as a log itself: deleting one early leaves its content to read.
                    noncurrent_version_expiration=days(retention_days),
                    abort_incomplete_multipart_upload_after=days(7),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        waive_replication(self.bucket)
        waive(
            self.bucket,
            *(
                Waiver(
                    id="access-log-encryption",
                    rule=rule,
                    reason="S3 delivers access logs to no bucket that a customer's key encrypts by default; they are "
                    "encrypted by S3 and hold no content of objects.",
                    owner="platform",
                    until=date(2027, 11, 30),
                )
                for rule in compliance_rules("S3DefaultEncryptionKMS")
            ),
        )
        extend_policy(self.bucket, [deny_strangers(self.bucket.bucket_arn, accounts=accounts)])
