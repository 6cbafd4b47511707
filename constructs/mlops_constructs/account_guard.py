"""What keeps, in an account, things that no template can say."""

from dataclasses import dataclass

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.platform_function import PlatformFunction
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import INVENTED_NAMES, STACK_IDS, WITHOUT_RESOURCES
from plumbline.configuration import Delivery, Deployment, Placement

GUARD = "account_guard"
# States in which a stack has just been made or changed.
_SETTLED = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"]


@dataclass(frozen=True, kw_only=True)
class GuardedStacks:
    """The stacks of one part of the platform in its account.

    Attributes:
        placement: The environment, or delivery.
        names: Their names, `*` allowed at the end.
        before: Names of those that come before the guard, or with it.
        all_protected: Whether all are protected from termination, rather than those that come before.
    """

    placement: Placement
    names: tuple[str, ...]
    before: tuple[str, ...]
    all_protected: bool

    @property
    def arns(self) -> list[str]:
        """Patterns of their ARNs, which end in an id of CloudFormation's."""
        return [self.placement.arn("cloudformation", f"stack/{name}/*") for name in self.names]

    @property
    def beginnings(self) -> list[str]:
        """How their ARNs begin."""
        return [arn.partition("*")[0] for arn in self.arns]


def stacks_of_environment(deployment: Deployment) -> GuardedStacks:
    """The stacks of an environment."""
    return GuardedStacks(
        placement=deployment,
        names=(f"{deployment.prefix}-*",),
        before=tuple(deployment.stack_name(kind) for kind in ("foundation", "operations")),
        all_protected=deployment.is_production,
    )


def stacks_of_delivery(delivery: Delivery) -> GuardedStacks:
    """The stack of the delivery pipeline, and those of the models' release pipelines."""
    return GuardedStacks(
        placement=delivery,
        names=(delivery.prefix, f"{delivery.platform.name}-release-*"),
        before=(delivery.prefix,),
        all_protected=True,
    )


class AccountGuard(Construct):
    """After each deployment sets stack policies and termination protection, and empties the VPC's default group.

    Guarantees: no stack of the environment, or of delivery, made by whomever, lets an update replace or delete what
    cannot be made again; stateful stacks, and every stack of production and of delivery, are protected from
    termination; the default security group lets nothing in or out.

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
        guarded: GuardedStacks,
        failures: DeadLetterQueue,
        key_arn: str,
        vpc_id: str | None = None,
    ) -> None:
        """Defines function and rule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            guarded: The stacks.
            failures: Where events go that could not be handled.
            key_arn: Key of the function's log group and environment.
            vpc_id: Id of the VPC; left out, there is none.
        """
        super().__init__(scope, construct_id)
        placement = guarded.placement
        self.function = PlatformFunction(
            self,
            "Function",
            placement=placement,
            name=GUARD,
            description=f"Guards the stacks of {placement.prefix}",
            environment={
                "STACKS_BEFORE": ",".join(guarded.before),
                "PROTECTED": "*" if guarded.all_protected else ",".join(guarded.before),
                **({"VPC_ID": vpc_id} if vpc_id else {}),
            },
            statements=[
                Statement(
                    sid="GuardStacks",
                    actions=["cloudformation:SetStackPolicy", "cloudformation:UpdateTerminationProtection"],
                    resources=guarded.arns,
                ),
                *(_close_groups(placement, vpc_id) if vpc_id else []),
            ],
            failures=failures,
            key_arn=key_arn,
        )
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=f"{placement.prefix}-account-guard",
            description="A stack has been made or changed",
            event_pattern={
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [{"prefix": begins} for begins in guarded.beginnings],
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
            source_account=placement.account,
            source_arn=placement.arn("events", f"rule/{placement.prefix}-account-guard"),
        )
        self.rule.add_resource_dependency(permission)
        waive(
            self.function.role,
            STACK_IDS.on(*guarded.arns),
            *([INVENTED_NAMES.on(_groups(placement)), WITHOUT_RESOURCES.on("*")] if vpc_id else []),
        )


def _groups(placement: Placement) -> str:
    return placement.arn("ec2", "security-group/*")


def _close_groups(placement: Placement, vpc_id: str) -> list[Statement]:
    return [
        Statement(sid="FindGroups", actions=["ec2:DescribeSecurityGroups"], resources=["*"]),
        Statement(
            sid="CloseGroups",
            actions=["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
            resources=[_groups(placement)],
            conditions={"ArnEquals": {"ec2:Vpc": placement.arn("ec2", f"vpc/{vpc_id}")}},
        ),
    ]
