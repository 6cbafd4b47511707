"""Who may be let in at all, whatever any other policy allows."""

from collections.abc import Sequence

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
