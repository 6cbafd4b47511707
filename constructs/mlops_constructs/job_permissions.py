"""What SageMaker does with a job's role before, while and after a container runs, one function a concern.

The actions are those of the developer guide's page on execution roles ("How to use SageMaker execution roles"), without
`logs:CreateLogGroup`: the groups exist, encrypted, before any job does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mlops_constructs.object_prefix import ObjectPrefix
from mlops_constructs.policy import Statement, once
from plumbline.configuration import Deployment


def read_objects(prefixes: Sequence[ObjectPrefix]) -> list[Statement]:
    """Listing and reading prefixes, one listing statement a bucket."""
    listed = [prefix for prefix in prefixes if prefix.listed]
    listing = [
        Statement(
            sid=f"ListObjects{number}",
            actions=["s3:ListBucket"],
            resources=[bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{p.prefix}*" for p in listed if p.bucket_arn == bucket_arn]}},
        )
        for number, bucket_arn in enumerate(once(prefix.bucket_arn for prefix in listed))
    ]
    reading = Statement(
        sid="ReadObjects", actions=["s3:GetObject"], resources=[prefix.objects_arn for prefix in prefixes]
    )
    return [*listing, reading]


def write_objects(prefixes: Sequence[ObjectPrefix]) -> list[Statement]:
    """Writing below prefixes."""
    return [
        Statement(sid="WriteObjects", actions=["s3:PutObject"], resources=[prefix.objects_arn for prefix in prefixes])
    ]


def decrypt_objects(deployment: Deployment, prefixes: Sequence[ObjectPrefix]) -> list[Statement]:
    """Decrypting what is read, through S3 only; a key that is known by its alias only is bound to that alias."""
    own = [prefix.key_arn for prefix in prefixes if prefix.key_alias is None]
    foreign = dict.fromkeys((prefix.key_arn, prefix.key_alias) for prefix in prefixes if prefix.key_alias is not None)
    statements = [_through_s3(deployment, "DecryptObjects", ["kms:Decrypt"], own)] if own else []
    for number, (key_arn, alias) in enumerate(foreign):
        statement = _through_s3(deployment, f"DecryptForeignObjects{number}", ["kms:Decrypt"], [key_arn])
        by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        statements.append(replace(statement, conditions={**statement.conditions, **by_alias}))
    return statements


def encrypt_objects(deployment: Deployment, prefixes: Sequence[ObjectPrefix]) -> list[Statement]:
    """Encrypting what is written, through S3 only.

    Decrypting belongs to it: S3 asks for both when an object is uploaded in parts (S3 user guide, "Protecting data with
    server-side encryption", multipart uploads). It lets nobody read an object without `s3:GetObject`.
    """
    keys = [prefix.key_arn for prefix in prefixes]
    return [_through_s3(deployment, "EncryptObjects", ["kms:Decrypt", "kms:GenerateDataKey"], keys)]


def encrypt_volume(key_arn: str) -> list[Statement]:
    """Letting an AWS service use the key of the storage volume, and nobody else."""
    return [
        Statement(sid="DescribeVolumeKey", actions=["kms:DescribeKey"], resources=[key_arn]),
        Statement(
            sid="EncryptVolume",
            actions=["kms:CreateGrant"],
            resources=[key_arn],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def pull_image(repositories: Sequence[str]) -> list[Statement]:
    """Pulling images from repositories."""
    return [
        Statement(sid="LogInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            sid="PullImage",
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=once(repositories),
        ),
    ]


def write_logs(deployment: Deployment, log_group: str) -> Statement:
    """Writing the container's output to streams of one log group."""
    return Statement(
        sid="WriteLogs",
        actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        resources=[deployment.arn("logs", f"log-group:{log_group}:*")],
    )


def publish_metrics(namespace: str) -> Statement:
    """Publishing numbers in one namespace: IAM knows no resource of it."""
    return Statement(
        sid="PublishMetrics",
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
    )


def join_network(deployment: Deployment, *, subnets: Sequence[str], security_group: str) -> list[Statement]:
    """Placing network interfaces into the job subnets with the job security group, and taking only those away."""
    interfaces = deployment.arn("ec2", "network-interface/*")
    subnet_arns = [deployment.arn("ec2", f"subnet/{subnet}") for subnet in subnets]
    return [
        Statement(
            sid="DescribeNetwork",
            actions=[
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            resources=["*"],
        ),
        Statement(
            sid="CreateInterfaces",
            actions=["ec2:CreateNetworkInterface"],
            resources=[interfaces, *subnet_arns, deployment.arn("ec2", f"security-group/{security_group}")],
        ),
        Statement(
            sid="UseInterfacesOfJobSubnets",
            actions=[
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            resources=[interfaces],
            conditions={"ArnEquals": {"ec2:Subnet": subnet_arns}},
        ),
    ]


def _through_s3(deployment: Deployment, sid: str, actions: Sequence[str], key_arns: Iterable[str]) -> Statement:
    return Statement(
        sid=sid,
        actions=actions,
        resources=once(key_arns),
        conditions={"StringEquals": {"kms:ViaService": f"s3.{deployment.region}.amazonaws.com"}},
    )
