"""An approval in the registry, told to the account that delivers."""

from aws_cdk import aws_events as events
from constructs import Construct

from mlops_constructs.event_forwarding import retries
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import service_trust
from plumbline.configuration import Delivery, Deployment, Model


class ApprovalForwarding(Construct):
    """Sends approvals of a model's versions to the default bus of a delivery account of its own.

    Guarantees: one hop, under a role that may put events on that bus and nothing else; what cannot be delivered within
    a day is kept in the environment's queue.

    Attributes:
        role: The role.
        rule: What is told.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model) -> None:
        """Defines role and rule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment whose registry holds the versions.
            model: The model.
        """
        super().__init__(scope, construct_id)
        name = deployment.approvals_rule(model)
        told = deployment.platform.delivery.default_bus_arn
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=name,
            description=f"EventBridge tells delivery of approvals of {model.name}",
            trust=[
                service_trust(
                    "events.amazonaws.com",
                    account=deployment.account,
                    source_arn=deployment.arn("events", f"rule/{name}"),
                )
            ],
            statements=[Statement(sid="Tell", actions=["events:PutEvents"], resources=[told])],
        )
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=name,
            description=f"Approvals of {model.name}, for its release",
            event_pattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {"ModelPackageGroupName": [deployment.model_package_group(model)]},
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Delivery",
                    arn=told,
                    role_arn=self.role.role_arn,
                    retry_policy=retries(),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=deployment.arn("sqs", deployment.dead_letter_queue("events"))
                    ),
                )
            ],
        )


class ApprovalsAdmitted(Construct):
    """Lets the registry's account tell the delivery account's default bus of approvals.

    Guarantees: by the roles of `ApprovalForwarding` and by no others.

    Attributes:
        policy: The bus's statement.
    """

    def __init__(self, scope: Construct, construct_id: str, *, delivery: Delivery, registry: Deployment) -> None:
        """Defines the statement.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers, in an account of its own.
            registry: The environment whose registry holds the versions.
        """
        super().__init__(scope, construct_id)
        name = f"{delivery.platform.name}-approvals"
        self.policy = events.CfnEventBusPolicy(
            self,
            "Policy",
            event_bus_name="default",
            statement_id=name,
            statement=Statement(
                sid=name,
                principal={"AWS": registry.iam_arn("root")},
                actions=["events:PutEvents"],
                resources=[delivery.default_bus_arn],
                conditions={"ArnLike": {"aws:PrincipalArn": registry.iam_arn(f"role/{registry.prefix}-*-approvals")}},
            ).as_json(),
        )
