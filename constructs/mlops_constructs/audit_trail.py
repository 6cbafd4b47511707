"""What was done in an account, by whom, in files that nobody can change."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from mlops_constructs.log_retention import retention
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.protected_bucket import ProtectedBucket
from mlops_constructs.service_trust import service_trust
from plumbline.configuration import Placement

_TRAIL = "cloudtrail.amazonaws.com"


class AuditTrail(Construct):
    """The account's trail: every management event of every region, and every access to objects of the platform.

    Guarantees: files are encrypted, validated by digests, and locked for as long as logs are kept; nobody shortens the
    lock without `s3:BypassGovernanceRetention`, which the boundary denies to every role of the platform; a copy goes to
    CloudWatch Logs.

    Leaves out: other accounts. An organisation's trail, named in `platform.toml`, takes this one's place.

    Attributes:
        bucket: Where the files lie.
        log_group: Where the copy goes.
        trail: The trail.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        placement: Placement,
        key: kms.IKey,
        access_logs: s3.IBucket,
        watched: Sequence[s3.IBucket],
    ) -> None:
        """Defines the trail.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            placement: The environment, or delivery.
            key: Key of the files and of the log group; its policy admits CloudTrail for this trail.
            access_logs: Where S3 writes the access logs of the trail's bucket.
            watched: Buckets whose objects' reads and writes are recorded one by one.
        """
        super().__init__(scope, construct_id)
        self.bucket = ProtectedBucket(
            self,
            "Files",
            bucket_name=placement.trail_bucket,
            key=key,
            access_logs=access_logs,
            accounts=placement.platform.account_ids,
            locked_days=placement.platform.compliance.log_retention_days,
            service_access=_delivery(placement),
        )
        self.log_group = logs.LogGroup(
            self,
            "Copy",
            log_group_name=f"/{placement.platform.name}/{placement.part}/audit-trail",
            encryption_key=key,
            retention=retention(placement.platform),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        group_arn = self.log_group.log_group_arn
        role = PlatformRole(
            self,
            "Role",
            platform=placement.platform,
            account=placement.account,
            role_name=f"{placement.prefix}-audit-trail",
            description="CloudTrail copies events to their log group",
            # "Role policy document for CloudTrail to use CloudWatch Logs for monitoring", CloudTrail user guide: it
            # "doesn't support the use of aws:SourceArn and aws:SourceAccount".
            trust=[service_trust(_TRAIL)],
            statements=[
                Statement(
                    sid="WriteEvents", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group_arn]
                )
            ],
        )
        self.trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=placement.trail_name,
            is_logging=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            s3_bucket_name=self.bucket.bucket.bucket_name,
            kms_key_id=key.key_arn,
            cloud_watch_logs_log_group_arn=group_arn,
            cloud_watch_logs_role_arn=role.role_arn,
            event_selectors=[
                cloudtrail.CfnTrail.EventSelectorProperty(
                    read_write_type="All",
                    include_management_events=True,
                    data_resources=[
                        cloudtrail.CfnTrail.DataResourceProperty(
                            type="AWS::S3::Object", values=[f"{bucket.bucket_arn}/" for bucket in watched]
                        )
                    ],
                )
            ],
        )
        # CreateTrail tries the bucket: its policy, and not only its name, has to be there.
        policy = self.bucket.bucket.policy
        if policy is not None:
            self.trail.node.add_dependency(policy)


def _delivery(placement: Placement) -> list[Statement]:
    """CloudTrail user guide, "Amazon S3 bucket policy for CloudTrail"."""
    bucket_arn = f"arn:{placement.partition}:s3:::{placement.trail_bucket}"
    source = {"aws:SourceArn": placement.trail_arn}
    return [
        Statement(
            sid="TrailLooks",
            principal={"Service": _TRAIL},
            actions=["s3:GetBucketAcl"],
            resources=[bucket_arn],
            conditions={"StringEquals": source},
        ),
        Statement(
            sid="TrailWrites",
            principal={"Service": _TRAIL},
            actions=["s3:PutObject"],
            resources=[f"{bucket_arn}/AWSLogs/{placement.account}/*"],
            conditions={"StringEquals": {**source, "s3:x-amz-acl": "bucket-owner-full-control"}},
        ),
    ]
