"""What whoever is called may do: see why, and have an event handled again."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.account_guard import GUARD
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.managed_monitor_function import PUBLISHER as MANAGED
from mlops_constructs.monitor_functions import PUBLISHER, WINDOW
from mlops_constructs.person_role import PersonRole
from mlops_constructs.policy import Statement
from mlops_constructs.retraining_governor import GOVERNOR
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import LOG_STREAMS, OBJECT_NAMES, ONE_A_MODEL, WITHOUT_RESOURCES
from plumbline.configuration import Deployment, Person

# What a monitoring job says of a window. Its statistics.json holds sketches, which are values as they came.
_FINDINGS = ("constraint_violations.json", "metrics.json", "report.html")


class OnCallRole(Construct):
    """Opens what alarms point at, and sends what failed to its function again.

    Guarantees: of data it reads the reports and numbers of monitors alone: no dataset, no captured request, no label,
    no artifact. It asks no endpoint, approves nothing, and starts no pipeline: it has monitors' runs continued that
    have failed.

    Leaves out: the queues of releases, which are delivery's, for what is in them was approved there. What an event says
    when a function is called directly: no rule has sent it, and the function cannot tell. The guard only ever protects,
    the monitors' functions start and publish what is stored under a window's name, and the brakes of the governor hold
    but for `resume`, which a person in this role could ask for in an approver's stead.

    Attributes:
        person: The role.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, values: EnvironmentValues
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: Staging or production.
            values: Keys of the environment.
        """
        super().__init__(scope, construct_id)
        self._deployment, self._values = deployment, values
        watching = [MANAGED] if deployment.has_model_monitor else [WINDOW, PUBLISHER]
        functions = [GUARD, *(watching if deployment.monitors else [])]
        functions += [GOVERNOR] if deployment.governs else []
        alarms = deployment.arn("cloudwatch", f"alarm:{deployment.prefix}-*")
        dashboards = f"arn:{deployment.partition}:cloudwatch::{deployment.account}:dashboard/{deployment.prefix}-*"
        written = f"/{deployment.platform.name}/{deployment.part}/functions/*"
        log_groups = [
            deployment.arn("logs", f"log-group:{name}:*") for name in ("/aws/sagemaker/ProcessingJobs", written)
        ]
        queue = deployment.arn("sqs", deployment.dead_letter_queue("events"))
        self.person = PersonRole(
            self,
            "Person",
            placement=deployment,
            person=Person.ON_CALL,
            description=f"Whoever is called by alarms of {deployment.prefix}",
            statements=[
                Statement(
                    sid="SeeMetrics",
                    actions=[
                        "cloudwatch:DescribeAlarms",
                        "cloudwatch:GetMetricData",
                        "cloudwatch:GetMetricStatistics",
                        "cloudwatch:ListDashboards",
                        "cloudwatch:ListMetrics",
                    ],
                    resources=["*"],
                ),
                Statement(
                    sid="SeeAlarmsAndDashboards",
                    actions=["cloudwatch:DescribeAlarmHistory", "cloudwatch:GetDashboard"],
                    resources=[alarms, dashboards],
                ),
                # Whether a rule is enabled, and what it makes of an event before it calls a function.
                Statement(
                    sid="SeeRules",
                    actions=["events:DescribeRule", "events:ListTargetsByRule"],
                    resources=deployment.rule_arns,
                ),
                Statement(
                    sid="ReadLogs",
                    actions=["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"],
                    resources=log_groups,
                ),
                Statement(
                    sid="TakeWhatFailed",
                    actions=[
                        "sqs:ChangeMessageVisibility",
                        "sqs:DeleteMessage",
                        "sqs:GetQueueAttributes",
                        "sqs:GetQueueUrl",
                        "sqs:ReceiveMessage",
                    ],
                    resources=[queue],
                ),
                self._decrypt("OpenWhatFailed", values.operations_key_arn, "sqs"),
                # Each finds out for itself what holds, and does nothing twice.
                Statement(
                    sid="HaveItHandledAgain",
                    actions=["lambda:InvokeFunction"],
                    resources=[
                        deployment.arn("lambda", f"function:{deployment.function_name(name)}") for name in functions
                    ],
                ),
                *(self._see_windows() if deployment.monitors else []),
                *(self._see_decisions() if deployment.governs else []),
            ],
        )
        waive(
            self.person,
            WITHOUT_RESOURCES.on("*"),
            LOG_STREAMS.on(*log_groups),
            ONE_A_MODEL.on(alarms, dashboards, *deployment.rule_arns),
        )
        if deployment.monitors:
            waive(self.person, OBJECT_NAMES.on(*self._findings), ONE_A_MODEL.on(*self._runs))

    def _see_windows(self) -> list[Statement]:
        pipelines, executions, jobs = self._runs
        return [
            Statement(
                sid="FindReports",
                actions=["s3:ListBucket"],
                resources=[self._data],
                conditions={"StringLike": {"s3:prefix": "*/monitoring/*"}},
            ),
            Statement(sid="ReadReports", actions=["s3:GetObject"], resources=self._findings),
            self._decrypt("DecryptReports", self._values.data_key_arn, "s3"),
            Statement(
                sid="SeeMonitors",
                actions=[
                    "sagemaker:DescribePipeline",
                    "sagemaker:DescribePipelineExecution",
                    "sagemaker:ListPipelineExecutionSteps",
                    "sagemaker:ListPipelineExecutions",
                    "sagemaker:ListPipelineParametersForExecution",
                ],
                resources=[pipelines, executions],
            ),
            Statement(sid="SeeJobs", actions=["sagemaker:DescribeProcessingJob"], resources=[jobs]),
            Statement(sid="RetryMonitors", actions=["sagemaker:RetryPipelineExecution"], resources=[executions]),
        ]

    def _see_decisions(self) -> list[Statement]:
        table = self._deployment.arn("dynamodb", f"table/{self._deployment.retraining_table}")
        return [
            Statement(sid="SeeDecisions", actions=["dynamodb:GetItem", "dynamodb:Query"], resources=[table]),
            self._decrypt("OpenDecisions", self._values.operations_key_arn, "dynamodb"),
        ]

    def _decrypt(self, sid: str, key_arn: str, service: str) -> Statement:
        return Statement(
            sid=sid,
            actions=["kms:Decrypt"],
            resources=[key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"{service}.{self._deployment.region}.amazonaws.com"}},
        )

    @property
    def _data(self) -> str:
        return f"arn:{self._deployment.partition}:s3:::{self._deployment.data_bucket}"

    @property
    def _findings(self) -> Sequence[str]:
        return [f"{self._data}/*/monitoring/*/{name}" for name in _FINDINGS]

    @property
    def _runs(self) -> tuple[str, str, str]:
        pipelines = self._deployment.arn("sagemaker", f"pipeline/{self._deployment.prefix}-*-monitor")
        return pipelines, f"{pipelines}/execution/*", self._deployment.arn("sagemaker", "processing-job/pipelines-*")
