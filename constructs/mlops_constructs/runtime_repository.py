"""The registry of the runtime image."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from mlops_constructs.durations import days
from mlops_constructs.foreign_reader import ForeignReader
from plumbline.configuration import Platform


class RuntimeRepository(Construct):
    """An ECR repository of the runtime image.

    Guarantees: a tag never changes its image, every image is scanned when it arrives, layers are encrypted with the
    given key, tagged images stay (a registered model names one), the given roles pull and nobody else of another
    account does.

    Attributes:
        repository: The repository.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        platform: Platform,
        key: kms.IKey,
        pullers: Sequence[ForeignReader],
    ) -> None:
        """Defines the repository.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            platform: The configuration.
            key: Key of the layers.
            pullers: The roles that pull.
        """
        super().__init__(scope, construct_id)
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=platform.runtime_repository,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="Pushes that were not finished",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=days(14),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.repository.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PullImages",
                principals=[iam.AccountPrincipal(puller.account) for puller in pullers],
                actions=[
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:DescribeImages",
                    "ecr:GetDownloadUrlForLayer",
                ],
                conditions={"ArnLike": {"aws:PrincipalArn": [arn for puller in pullers for arn in puller.role_arns]}},
            )
        )
