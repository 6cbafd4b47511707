"""The functions around the monitoring jobs of an account's models."""

from collections.abc import Mapping, Sequence

from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_permissions import publish_metrics
from mlops_constructs.platform_function import PlatformFunction
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import INVENTED_NAMES, OBJECT_NAMES, ONE_A_MODEL, WITHOUT_RESOURCES, Wildcards
from plumbline.configuration import Deployment

WINDOW, PUBLISHER = "monitor_window", "metrics_publisher"
_SHARED = "monitor_shared"
# A window of a month has thousands of captures, listed a thousand at a time.
_SECONDS = 300


class MonitorFunctions(Construct):
    """Two functions, each with a role of its own, for all models of the account.

    | function | called | does |
    |---|---|---|
    | monitor_window | a window may have ended | lists what is of it, and starts the job that looks at it |
    | metrics_publisher | that job has ended | publishes what it has found |

    Guarantees: neither reads what was asked or answered: the first lists names of captures, and reads again what it has
    written of them; the second reads the numbers that a job has left, and whether what is said of a labelled window has
    been replicated. They publish to the namespace of monitoring.

    Leaves out: schedules and rules, of which each model has its own (`DriftMonitors`).

    Attributes:
        window: The function that closes windows.
        publisher: The function that publishes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        values: EnvironmentValues,
        failures: DeadLetterQueue,
    ) -> None:
        """Defines the functions.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            values: Keys of the environment.
            failures: Where events go that could not be handled.
        """
        super().__init__(scope, construct_id)
        self._deployment, self._values, self._failures = deployment, values, failures
        publishing = publish_metrics(deployment.monitoring_namespace)
        endpoints = deployment.arn("sagemaker", f"endpoint/{deployment.prefix}-*")
        configs, models = (deployment.arn("sagemaker", f"{kind}/*") for kind in ("endpoint-config", "model"))
        versions = deployment.arn("sagemaker", f"model-package/{deployment.prefix}-*/*")
        pipelines = deployment.arn("sagemaker", f"pipeline/{deployment.prefix}-*-monitor")
        capture = f"arn:{deployment.partition}:s3:::{deployment.capture_bucket}"
        windows = f"{capture}/*/windows/*"
        data = f"arn:{deployment.partition}:s3:::{deployment.data_bucket}"
        metrics, labelled = f"{data}/*/monitoring/*/metrics.json", f"{data}/labelled/*/*/labelled.json"
        self.window = self._function(
            WINDOW,
            "Closes windows of traffic and starts the jobs that look at them",
            environment={"CAPTURE_BUCKET": deployment.capture_bucket, "PREFIX": deployment.prefix},
            statements=[
                Statement(
                    sid="FindServedVersion",
                    actions=[
                        "sagemaker:DescribeEndpoint",
                        "sagemaker:DescribeEndpointConfig",
                        "sagemaker:DescribeModel",
                        "sagemaker:DescribeModelPackage",
                    ],
                    resources=[endpoints, configs, models, versions],
                ),
                Statement(sid="FindCaptures", actions=["s3:ListBucket"], resources=[capture]),
                # An event that comes twice is about the files that the first one has found.
                Statement(sid="KeepWindows", actions=["s3:GetObject", "s3:PutObject"], resources=[windows]),
                self._through_s3("EncryptWindows", ["kms:Decrypt", "kms:GenerateDataKey"]),
                Statement(sid="StartMonitors", actions=["sagemaker:StartPipelineExecution"], resources=[pipelines]),
                publishing,
            ],
            waived={
                ONE_A_MODEL: [endpoints, versions, pipelines],
                INVENTED_NAMES: [configs, models],
                OBJECT_NAMES: [windows],
                WITHOUT_RESOURCES: ["*"],
            },
        )
        self.publisher = self._function(
            PUBLISHER,
            "Publishes what monitoring jobs have found",
            environment={"DATA_BUCKET": deployment.data_bucket},
            statements=[
                Statement(sid="ReadMetrics", actions=["s3:GetObject"], resources=[metrics, labelled]),
                self._through_s3("DecryptMetrics", ["kms:Decrypt"]),
                publishing,
            ],
            waived={OBJECT_NAMES: [metrics, labelled], WITHOUT_RESOURCES: ["*"]},
        )

    def _function(
        self,
        name: str,
        description: str,
        *,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
        waived: Mapping[Wildcards, Sequence[str]],
    ) -> PlatformFunction:
        function = PlatformFunction(
            self,
            "".join(part.capitalize() for part in name.split("_")),
            placement=self._deployment,
            name=name,
            shared=_SHARED,
            description=description,
            environment={**environment, "NAMESPACE": self._deployment.monitoring_namespace},
            statements=statements,
            failures=self._failures,
            key_arn=self._values.operations_key_arn,
            timeout_seconds=_SECONDS,
        )
        waive(function.role, *(reason.on(*resources) for reason, resources in waived.items()))
        return function

    def _through_s3(self, sid: str, actions: Sequence[str]) -> Statement:
        return Statement(
            sid=sid,
            actions=actions,
            resources=[self._values.data_key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{self._deployment.region}.amazonaws.com"}},
        )
