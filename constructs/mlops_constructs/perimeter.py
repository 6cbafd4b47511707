"""Who may be let in at all, whatever any other policy allows."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_s3 as s3

from mlops_constructs.policy import Statement

# Reads and writes of content. Never `s3:*`: a mistake in the condition would then lock out PutBucketPolicy as well.
_CONTENT_ACTIONS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:PutObject",
)


def deny_strangers(bucket: s3.Bucket, *, accounts: Sequence[str]) -> None:
    """Denies a bucket's content to every identity outside the platform's accounts.

    AWS services that act as themselves (access-log delivery, say) are exempt; an anonymous request is not. The bucket's
    policy stays as long as the bucket does.

    Args:
        bucket: The bucket.
        accounts: 12-digit ids of the accounts whose identities are known.
    """
    bucket.add_to_resource_policy(
        Statement(
            sid="DenyStrangers",
            effect="Deny",
            principal={"AWS": "*"},
            actions=_CONTENT_ACTIONS,
            resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
            conditions={
                "StringNotEquals": {"aws:PrincipalAccount": accounts},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ).as_statement()
    )
    if bucket.policy is not None:
        # A bucket that outlives its stack must not outlive its policy.
        bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
