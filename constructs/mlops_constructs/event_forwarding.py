"""What happens in an account, told to the platform's central bus."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import service_trust
from plumbline.configuration import Deployment

# CloudWatch user guide, "Alarm events and EventBridge"; SageMaker developer guide, "Events that Amazon SageMaker AI
# sends to Amazon EventBridge".
_TOLD = (
    "CloudWatch Alarm State Change",
    "SageMaker Endpoint State Change",
    "SageMaker Model Building Pipeline Execution Status Change",
    "SageMaker Processing Job State Change",
    "SageMaker Training Job State Change",
    "SageMaker Transform Job State Change",
)
# EventBridge API reference, "RetryPolicy": the most there is, which also holds where nothing is said.
_ATTEMPTS, _AGE_SECONDS = 185, 86_400


class EventForwarding(Construct):
    """Sends changes of the environment's alarms, endpoints, pipelines and jobs from the default bus to a central one.

    Guarantees: one hop, under a role that may put events on that bus and nothing else, assumed by EventBridge for this
    rule only; what cannot be delivered within a day is kept in a queue, and told.

    Leaves out: steps of pipelines and packages of models, which whoever starts a release listens to where they are;
    what others of the same account do.

    Attributes:
        role: The role.
        rule: What is told.
        alarm: Says that something was not.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        told: Deployment,
        failures: DeadLetterQueue,
    ) -> None:
        """Defines role, rule and alarm.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            told: The environment whose bus is told; its bus admits this environment's roles.
            failures: Where events go that could not be delivered.
        """
        super().__init__(scope, construct_id)
        name = deployment.events_rule
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=name,
            description=f"EventBridge tells {told.event_bus} what happens in {deployment.prefix}",
            # "Confused deputy prevention", EventBridge user guide: the rule is the source.
            trust=[
                service_trust(
                    "events.amazonaws.com",
                    account=deployment.account,
                    source_arn=deployment.arn("events", f"rule/{name}"),
                )
            ],
            statements=[Statement(sid="Tell", actions=["events:PutEvents"], resources=[told.event_bus_arn])],
        )
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=name,
            description=f"What {told.prefix} hears of {deployment.prefix}",
            event_pattern={
                "source": ["aws.cloudwatch", "aws.sagemaker"],
                "detail-type": list(_TOLD),
                "resources": [{"prefix": prefix} for prefix in _ours(deployment)],
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Bus",
                    arn=told.event_bus_arn,
                    role_arn=self.role.role_arn,
                    retry_policy=retries(),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=failures.queue_arn),
                )
            ],
        )
        self.alarm = cloudwatch.CfnAlarm(
            self,
            "Alarm",
            alarm_name=f"{name}-untold",
            alarm_description=f"{told.event_bus} was not told of something; unless it is in {failures.queue_arn}, "
            "nobody ever will be; see docs/retraining.md#when-something-could-not-be-decided",
            namespace="AWS/Events",
            metric_name="FailedInvocations",
            dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="RuleName", value=name)],
            statistic="Sum",
            period=60,
            evaluation_periods=1,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[deployment.operations_topic_arn],
        )


def retries() -> events.CfnRule.RetryPolicyProperty:
    """A day of attempts, the most that there are."""
    return events.CfnRule.RetryPolicyProperty(
        maximum_retry_attempts=_ATTEMPTS, maximum_event_age_in_seconds=_AGE_SECONDS
    )


def _ours(deployment: Deployment) -> list[str]:
    """How ARNs of the environment's resources begin; a pipeline names its jobs itself."""
    named = [("cloudwatch", "alarm:"), ("sagemaker", "endpoint/"), ("sagemaker", "pipeline/")]
    jobs = ("processing-job", "training-job", "transform-job")
    return [
        *(deployment.arn(service, f"{kind}{deployment.prefix}-") for service, kind in named),
        *(deployment.arn("sagemaker", f"{job}/pipelines-") for job in jobs),
    ]
