"""Who gets through a VPC endpoint, and to what: the platform's identities, and what their jobs do."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam


def _for_accounts(accounts: Sequence[str], actions: Sequence[str]) -> iam.PolicyDocument:
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                sid="PlatformAccounts",
                principals=[iam.AnyPrincipal()],
                actions=list(actions),
                resources=["*"],
                conditions={
                    "StringEquals": {
                        "aws:PrincipalAccount": list(accounts),
                        "aws:ResourceAccount": list(accounts),
                    }
                },
            )
        ]
    )


def s3_policy(*, accounts: Sequence[str], region: str, partition: str) -> iam.PolicyDocument:
    """S3: the platform's identities to the platform's buckets, and ECR's own bucket, where image layers lie."""
    policy = _for_accounts(accounts, ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"))
    policy.add_statements(
        iam.PolicyStatement(
            sid="ImageLayers",
            principals=[iam.AnyPrincipal()],
            actions=["s3:GetObject"],
            resources=[f"arn:{partition}:s3:::prod-{region}-starport-layer-bucket/*"],
        )
    )
    return policy


def ecr_api_policy(*, accounts: Sequence[str]) -> iam.PolicyDocument:
    """The ECR API: logging in, and finding the layers of an image."""
    policy = ecr_pull_policy(accounts=accounts)
    policy.add_statements(
        iam.PolicyStatement(
            sid="LogIn",
            principals=[iam.AnyPrincipal()],
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": list(accounts)}},
        )
    )
    return policy


def ecr_pull_policy(*, accounts: Sequence[str]) -> iam.PolicyDocument:
    """The image registry: pulling, from the platform's accounts only."""
    return _for_accounts(
        accounts, ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    )


def kms_policy(*, accounts: Sequence[str]) -> iam.PolicyDocument:
    """KMS: using the platform's keys, never administering them."""
    return _for_accounts(accounts, ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))


def logs_policy(*, accounts: Sequence[str]) -> iam.PolicyDocument:
    """CloudWatch Logs: writing."""
    return _for_accounts(accounts, ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"))
