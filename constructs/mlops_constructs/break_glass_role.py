"""What a person may do in an emergency, and who is told of it."""

from datetime import date

from aws_cdk import aws_events as events
from constructs import Construct

from mlops_constructs.person_role import PersonRole
from mlops_constructs.policy import Statement
from mlops_constructs.told_by_topic import told_by_topic
from mlops_constructs.waiver import Waiver, waive
from mlops_constructs.wildcards import LOG_STREAMS, STACK_IDS, WITHOUT_RESOURCES
from plumbline.configuration import Deployment, Person


class BreakGlassRole(Construct):
    """Stops, restarts and rolls back what runs, when no pipeline can; whoever takes it is announced at once.

    Guarantees: a second factor and one hour; the operations topic is told of every use, wherever the person signs in;
    it changes what runs and never who may do what: no role, policy, key, bucket, trail or network.

    Leaves out: reading data.

    Attributes:
        person: The role.
        rule: What tells of its use.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        """Defines the role and the rule.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
        """
        super().__init__(scope, construct_id)
        stacks = deployment.arn("cloudformation", f"stack/{deployment.prefix}-*/*")
        rules = deployment.arn("events", f"rule/{deployment.prefix}-*")
        running = [
            deployment.arn("sagemaker", f"endpoint/{deployment.prefix}-*"),
            deployment.arn("sagemaker", f"pipeline/{deployment.prefix}-*"),
            deployment.arn("sagemaker", "processing-job/pipelines-*"),
            deployment.arn("sagemaker", "training-job/pipelines-*"),
        ]
        configs = deployment.arn("sagemaker", "endpoint-config/*")
        functions = f"/{deployment.platform.name}/{deployment.environment}/functions/*"
        log_groups = [deployment.arn("logs", f"log-group:{name}:*") for name in ("/aws/sagemaker/*", functions)]
        self.person = PersonRole(
            self,
            "Person",
            placement=deployment,
            person=Person.BREAK_GLASS,
            description=f"Emergencies in {deployment.prefix}; every use raises an alarm",
            statements=[
                Statement(
                    sid="MendStacks",
                    actions=[
                        "cloudformation:CancelUpdateStack",
                        "cloudformation:ContinueUpdateRollback",
                        "cloudformation:DescribeStackEvents",
                        "cloudformation:DescribeStackResources",
                        "cloudformation:DescribeStacks",
                        "cloudformation:RollbackStack",
                    ],
                    resources=[stacks],
                ),
                # UpdateEndpoint to a configuration that exists: a step back, or to another number of instances.
                Statement(
                    sid="StepBack",
                    actions=[
                        "sagemaker:DescribeEndpoint",
                        "sagemaker:DescribeEndpointConfig",
                        "sagemaker:DescribePipelineExecution",
                        "sagemaker:DescribeProcessingJob",
                        "sagemaker:DescribeTrainingJob",
                        "sagemaker:ListPipelineExecutionSteps",
                        "sagemaker:ListPipelineExecutions",
                        "sagemaker:StopPipelineExecution",
                        "sagemaker:StopProcessingJob",
                        "sagemaker:StopTrainingJob",
                        "sagemaker:UpdateEndpoint",
                        "sagemaker:UpdateEndpointWeightsAndCapacities",
                    ],
                    resources=[*running, configs],
                ),
                Statement(
                    sid="HoldAutomation",
                    actions=["events:DescribeRule", "events:DisableRule", "events:EnableRule"],
                    resources=[rules],
                ),
                # Whoever breaks the glass does not silence what tells of it.
                Statement(
                    sid="DenySilence",
                    effect="Deny",
                    actions=["events:DisableRule"],
                    resources=[deployment.arn("events", f"rule/{deployment.break_glass_rule}")],
                ),
                Statement(
                    sid="ReadLogs",
                    actions=["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"],
                    resources=log_groups,
                ),
                Statement(
                    sid="SeeAlarms", actions=["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"], resources=["*"]
                ),
            ],
        )
        # AssumeRole reaches rules in this state only (EventBridge user guide, "Read-only management events from AWS
        # services"). The account's trail, or the organisation's, has to be logging.
        self.rule = events.CfnRule(
            self,
            "Rule",
            name=deployment.break_glass_rule,
            description="Somebody has taken the break-glass role",
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
            event_pattern={
                "source": ["aws.sts"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventName": ["AssumeRole"],
                    "requestParameters": {"roleArn": [deployment.person_role_arn(Person.BREAK_GLASS)]},
                },
            },
            targets=[events.CfnRule.TargetProperty(id="Operations", arn=deployment.operations_topic_arn)],
        )
        waive(self.rule, told_by_topic("Operations"))
        waive(
            self.person,
            STACK_IDS.on(stacks),
            Waiver(
                id="emergency-changes",
                rule="AwsSolutions::AwsSolutions-IAM5",
                reason="What runs comes and goes, and CloudFormation invents the names of endpoint configurations; "
                "prefixes bound the rest, an endpoint takes only a configuration that a release has made, and the rule "
                "that tells of this role is excepted.",
                owner="platform",
                until=date(2027, 11, 30),
                findings=tuple(f"Resource::{resource}" for resource in (*running, configs, rules)),
            ),
            LOG_STREAMS.on(*log_groups),
            WITHOUT_RESOURCES.on("*"),
        )
