"""The versions of one model."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from mlops_constructs.foreign_reader import ForeignReader
from mlops_constructs.policy import Statement, document
from plumbline.configuration import Deployment, Model


class ModelRegistry(Construct):
    """A model package group.

    Guarantees: another account reads versions only with the roles named here, and makes no model of them; the group
    outlives its stack.

    Leaves out: approving. Whoever may call UpdateModelPackage is said by identity policies of this account alone.

    Attributes:
        group: The model package group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        readers: Sequence[ForeignReader] = (),
    ) -> None:
        """Defines the group.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            readers: Roles of other accounts that copy versions; left out, no other account reads any.
        """
        super().__init__(scope, construct_id)
        name = deployment.model_package_group(model)
        self.group = sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            model_package_group_name=name,
            model_package_group_description=model.description,
            model_package_group_policy=_policy(deployment, name, readers) if readers else None,
        )
        self.group.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)


def _policy(deployment: Deployment, group: str, readers: Sequence[ForeignReader]) -> iam.PolicyDocument:
    return document(
        [
            Statement(
                sid=f"CopyFrom{reader.account}",
                principal={"AWS": reader.root},
                actions=["sagemaker:DescribeModelPackage"],
                resources=[deployment.arn("sagemaker", f"model-package/{group}/*")],
                conditions=reader.condition,
            )
            for reader in readers
        ]
    )
