"""What keeps, in an account, things that no template can say."""

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.platform_function import PlatformFunction
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import INVENTED_NAMES, STACK_IDS, WITHOUT_RESOURCES
from plumbline.configuration import Deployment

# States in which a stack has just been made or changed.
_SETTLED = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]


class AccountGuard(Construct):
    """After each deployment sets stack policies and termination protection, and empties the VPC's default group.

    Guarantees: no stack of the environment, made by whomever, lets an update replace or delete what cannot be made
    again; stateful stacks, and every stack of production, are protected from termination; the default security group
    lets nothing in or out.

    Leaves out: the seconds between a stack's creation and its event.

    Attributes:
        function: What does it.
        rule: When it does.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        failures: DeadLetterQueue,
        key_arn: str,
        vpc_id: str,
    ) -> None:
        """Defines function and rule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            failures: Where events go that could not be handled.
            key_arn: Key of the function's log group and environment.
            vpc_id: Id of the VPC.
        """
        super().__init__(scope, construct_id)
        before = [deployment.stack_name(kind) for kind in ("foundation", "operations")]
        stacks = deployment.arn("cloudformation", f"stack/{deployment.prefix}-*/*")
        groups = deployment.arn("ec2", "security-group/*")
        self.function = PlatformFunction(
            self,
            "Function",
            placement=deployment,
            name="account_guard",
            description=f"Guards the stacks of {deployment.prefix}",
            environment={
                "STACKS_BEFORE": ",".join(before),
                "PROTECTED": "*" if deployment.is_production else ",".join(before),
                "VPC_ID": vpc_id,
            },
            statements=[
                Statement(
                    sid="GuardStacks",
                    actions=["cloudformation:SetStackPolicy", "cloudformation:UpdateTerminationProtection"],
                    resources=[stacks],
                ),
                Statement(sid="FindGroups", actions=["ec2:DescribeSecurityGroups"], resources=["*"]),
                Statement(
                    sid="CloseGroups",
                    actions=["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
                    resources=[groups],
                    conditions={"ArnEquals": {"ec2:Vpc": deployment.arn("ec2", f"vpc/{vpc_id}")}},
                ),
            ],
            failures=failures,
            key_arn=key_arn,
        )
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=f"{deployment.prefix}-account-guard",
            description="A stack has been made or changed",
            event_pattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [{"prefix": deployment.arn("cloudformation", f"stack/{deployment.prefix}-")}],
                    "status-details": {"status": _SETTLED},
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Guard",
                    arn=self.function.function_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=failures.queue_arn),
                )
            ],
        )
        permission = lambda_.CfnPermission(
            self,
            "Invoke",
            action="lambda:InvokeFunction",
            function_name=self.function.function.ref,
            principal="events.amazonaws.com",
            source_account=deployment.account,
            source_arn=deployment.arn("events", f"rule/{deployment.prefix}-account-guard"),
        )
        self.rule.add_resource_dependency(permission)
        waive(
            self.function.role,
            STACK_IDS.on(stacks),
            INVENTED_NAMES.on(groups),
            WITHOUT_RESOURCES.on("*"),
        )
