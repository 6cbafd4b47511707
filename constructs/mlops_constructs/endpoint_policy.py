"""Who gets through a VPC endpoint, and to what: the platform's identities, and what their jobs do.

Policies are plain documents, as `AWS::EC2::VPCEndpoint` takes them.
"""

from collections.abc import Sequence

Policy = dict[str, str | list[dict[str, object]]]

_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def s3_policy(*, accounts: Sequence[str], region: str, partition: str) -> Policy:
    """S3: the platform's identities to the platform's buckets, and ECR's own bucket, where image layers lie."""
    actions = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
    layers = f"arn:{partition}:s3:::prod-{region}-starport-layer-bucket/*"
    return _policy(_platform(accounts, actions), _allow("ImageLayers", ("s3:GetObject",), resource=layers))


def ecr_api_policy(*, accounts: Sequence[str]) -> Policy:
    """The ECR API: logging in, and finding the layers of an image."""
    log_in = _allow("LogIn", ("ecr:GetAuthorizationToken",), conditions={"aws:PrincipalAccount": list(accounts)})
    return _policy(_platform(accounts, _PULL), log_in)


def ecr_pull_policy(*, accounts: Sequence[str]) -> Policy:
    """The image registry: pulling, from the platform's accounts only."""
    return _policy(_platform(accounts, _PULL))


def kms_policy(*, accounts: Sequence[str]) -> Policy:
    """KMS: using the platform's keys, never administering them."""
    return _policy(_platform(accounts, ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")))


def logs_policy(*, accounts: Sequence[str]) -> Policy:
    """CloudWatch Logs: writing."""
    return _policy(_platform(accounts, ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")))


def _policy(*statements: dict[str, object]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _platform(accounts: Sequence[str], actions: Sequence[str]) -> dict[str, object]:
    ours = list(accounts)
    return _allow("PlatformAccounts", actions, conditions={"aws:PrincipalAccount": ours, "aws:ResourceAccount": ours})


def _allow(
    sid: str, actions: Sequence[str], *, resource: str = "*", conditions: dict[str, list[str]] | None = None
) -> dict[str, object]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(actions),
        "Resource": resource,
        **({"Condition": {"StringEquals": conditions}} if conditions else {}),
    }
