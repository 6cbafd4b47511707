"""The role that deploys the serving stack of a model."""

from constructs import Construct

from mlops_constructs.environment_values import serving_value_arns
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import pipeline_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import STACK_IDS
from plumbline.configuration import Deployment, Model, ModelJob


class ReleaseRole(Construct):
    """What the release pipeline of a model assumes in an environment.

    Guarantees: only the model's own release role of the delivery account assumes it; it does nothing but make and
    execute change sets of the model's serving stack, which CloudFormation carries out with the release execution role:
    whatever a change set holds, nothing but the model's endpoint comes of it.

    Attributes:
        role: The role.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
        """
        super().__init__(scope, construct_id)
        platform = deployment.platform
        stacks = deployment.arn("cloudformation", f"stack/{deployment.stack_name('serving', model)}/*")
        self.role = PlatformRole(
            self,
            "Role",
            platform=platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.RELEASE),
            description=f"Deploys the serving stack of {model.name}",
            trust=[
                pipeline_trust(
                    deployment, sid="AssumeFromReleasePipeline", role_name=platform.release_pipeline_role(model)
                )
            ],
            statements=[
                Statement(
                    sid="DeployServingStack",
                    actions=[
                        "cloudformation:CreateChangeSet",
                        "cloudformation:DescribeChangeSet",
                        "cloudformation:DescribeStacks",
                        "cloudformation:ExecuteChangeSet",
                    ],
                    resources=[stacks],
                ),
                # CreateChangeSet evaluates SSM parameters for its caller, says the CDK's bootstrap template.
                Statement(sid="ReadValues", actions=["ssm:GetParameters"], resources=serving_value_arns(deployment)),
                Statement(
                    sid="PassExecutionRole",
                    actions=["iam:PassRole"],
                    resources=[deployment.role_arn(model, ModelJob.RELEASE_EXECUTION)],
                    conditions={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
                ),
            ],
        )
        waive(self.role, STACK_IDS.on(stacks))
