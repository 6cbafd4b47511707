"""Who may be let in at all, whatever any other policy allows."""

from collections.abc import Sequence

from mlops_constructs.foreign_reader import ForeignReader
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


def deny_strangers(bucket_arn: str, *, accounts: Sequence[str]) -> Statement:
    """Denies a bucket's content to every identity outside the platform's accounts.

    AWS services that act as themselves (access-log delivery, say) are exempt; an anonymous request is not.

    Args:
        bucket_arn: ARN of the bucket; may be a token.
        accounts: 12-digit ids of the accounts whose identities are known.
    """
    return Statement(
        sid="DenyStrangers",
        effect="Deny",
        principal={"AWS": "*"},
        actions=_CONTENT_ACTIONS,
        resources=[bucket_arn, f"{bucket_arn}/*"],
        conditions={
            "StringNotEquals": {"aws:PrincipalAccount": accounts},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        },
    )


def replicas_only(bucket_arn: str, prefix: str, replicator: ForeignReader) -> list[Statement]:
    """Lets S3 replicate to a prefix in one role, and nobody write there otherwise.

    What is written elsewhere in the bucket, and the bucket's policy, are not its business. Deleting is left to identity
    policies, of which none of the platform's allows it: what must not be kept can be deleted by an administrator.

    Args:
        bucket_arn: ARN of the bucket; may be a token.
        prefix: Beginning of the object keys, ending with `/`.
        replicator: The role.
    """
    objects = f"{bucket_arn}/{prefix}*"
    return [
        Statement(
            sid="Replicate",
            principal={"AWS": replicator.root},
            actions=["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateObject"],
            resources=[objects],
            conditions=replicator.condition,
        ),
        Statement(
            sid="DenyAllButReplicas",
            effect="Deny",
            principal={"AWS": "*"},
            actions=["s3:PutObject", "s3:ReplicateObject"],
            resources=[objects],
            # Also true of who has no ARN: an AWS service that acts as itself, and nobody in particular.
            conditions={"ArnNotLike": {"aws:PrincipalArn": list(replicator.role_arns)}},
        ),
    ]
