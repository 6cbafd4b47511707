"""The role in which delivery checks what it has deployed."""

from constructs import Construct

from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import pipeline_trust
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import ONE_A_MODEL, STACK_IDS
from plumbline.configuration import DeliveryStep, Deployment


class CheckRole(Construct):
    """What the delivery account's check assumes in an environment.

    Guarantees: only that check assumes it; it looks at the environment's stacks and asks its endpoints, and changes
    nothing.

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
        stacks = deployment.arn("cloudformation", f"stack/{deployment.prefix}-*/*")
        endpoints = deployment.arn("sagemaker", f"endpoint/{deployment.prefix}-*")
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.check_role_name,
            description=f"Checks what was deployed to {deployment.prefix}",
            trust=[
                pipeline_trust(
                    deployment,
                    sid="AssumeFromCheck",
                    role_names=[deployment.platform.delivery.role_name(DeliveryStep.CHECK)],
                )
            ],
            statements=[
                Statement(sid="SeeStacks", actions=["cloudformation:DescribeStacks"], resources=[stacks]),
                Statement(
                    sid="AskEndpoints",
                    actions=["sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"],
                    resources=[endpoints],
                ),
            ],
        )
        waive(self.role, STACK_IDS.on(stacks), ONE_A_MODEL.on(endpoints))
