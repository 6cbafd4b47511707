"""The role that deploys serving stacks."""

from datetime import date

from aws_cdk import aws_iam as iam
from constructs import Construct

from mlops_constructs.bootstrap import execution_role_arn
from mlops_constructs.policy import Statement, document
from mlops_constructs.waiver import Waiver, waive
from plumbline.configuration import Deployment


class ReleaseRole(Construct):
    """What the release pipeline assumes in an environment.

    Guarantees: only release roles of the delivery account assume it; it does nothing but make and execute change sets
    of this environment's serving stacks, and CloudFormation does the rest with the role that the bootstrap made.

    Leaves out: what a change set holds. Whoever can assume it can have CloudFormation make, in a stack of that name,
    whatever the bootstrap's execution policy allows. The delivery account is to be guarded like production for it.

    Attributes:
        role: The role.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
        """
        super().__init__(scope, construct_id)
        platform = deployment.platform
        stacks = deployment.arn("cloudformation", f"stack/{deployment.prefix}-serving-*/*")
        parameters = deployment.arn("ssm", f"parameter{deployment.parameter('*')}")
        self.role = iam.Role(
            self,
            "Role",
            role_name=deployment.release_role_name,
            description=f"Deploys serving stacks of {deployment.prefix}",
            assumed_by=iam.AccountPrincipal(platform.delivery_account).with_conditions(
                {
                    "ArnLike": {
                        "aws:PrincipalArn": f"arn:{deployment.partition}:iam::{platform.delivery_account}"
                        f":role/{platform.name}-release-*"
                    }
                }
            ),
            inline_policies={
                "release": document(
                    [
                        Statement(
                            sid="DeployServingStacks",
                            actions=[
                                "cloudformation:CreateChangeSet",
                                "cloudformation:DescribeChangeSet",
                                "cloudformation:DescribeStacks",
                                "cloudformation:ExecuteChangeSet",
                            ],
                            resources=[stacks],
                        ),
                        # CreateChangeSet evaluates SSM parameters for its caller, says the CDK's bootstrap template.
                        Statement(sid="ReadValues", actions=["ssm:GetParameters"], resources=[parameters]),
                        Statement(
                            sid="PassExecutionRole",
                            actions=["iam:PassRole"],
                            resources=[execution_role_arn(deployment)],
                            conditions={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
                        ),
                    ]
                )
            },
        )
        waive(
            self.role,
            Waiver(
                rule="AwsSolutions::AwsSolutions-IAM5",
                reason="CloudFormation appends an id of its own to a stack's name, and there is one serving stack a "
                "model; the name's beginning bounds them.",
                owner="platform",
                until=date(2027, 11, 30),
                findings=(f"Resource::{stacks}",),
            ),
            Waiver(
                rule="AwsSolutions::AwsSolutions-IAM5",
                reason="The platform publishes ids of the network and keys below this path, and nothing secret; the "
                "path is this environment's own.",
                owner="platform",
                until=date(2027, 11, 30),
                findings=(f"Resource::{parameters}",),
            ),
        )
