"""What a bucket says about who may do what with it."""

import functools
from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_s3 as s3

from mlops_constructs.policy import Statement


@functools.cache
def closed_to_the_public() -> s3.BlockPublicAccess:
    """No public access of any kind; crosses to JavaScript once a process."""
    return s3.BlockPublicAccess.BLOCK_ALL


def extend_policy(bucket: s3.Bucket, statements: Sequence[Statement]) -> None:
    """Adds statements to the policy that a bucket has because it enforces TLS.

    The policy stays as long as the bucket does. `add_to_resource_policy` would cross to JavaScript three times a
    statement; the statements of a bucket cross together.

    Args:
        bucket: The bucket; it enforces TLS.
        statements: The statements.

    Raises:
        ValueError: The bucket has no policy.
    """
    policy = bucket.policy
    if policy is None:
        raise ValueError("a bucket that does not enforce TLS has no policy to extend")
    policy.document.add_statements(*(statement.as_statement() for statement in statements))
    # A bucket that outlives its stack must not outlive its policy.
    policy.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
