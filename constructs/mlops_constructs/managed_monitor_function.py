"""The function that publishes what SageMaker Model Monitor has found of an account's models."""

from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_permissions import publish_metrics
from mlops_constructs.platform_function import PlatformFunction
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import WITHOUT_RESOURCES
from plumbline.configuration import Deployment

PUBLISHER = "managed_publisher"


class ManagedMonitorFunction(Construct):
    """One function, with a role of its own, for all models of the account that Model Monitor watches.

    Guarantees: it reads no object; it lists executions, and publishes to the namespace of monitoring alone.

    Leaves out: the rules that call it, of which each model has its own (`ManagedMonitors`).

    Attributes:
        publisher: The function.
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
        """Defines the function.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            values: Keys of the environment.
            failures: Where events go that could not be handled.
        """
        super().__init__(scope, construct_id)
        self.publisher = PlatformFunction(
            self,
            "Publisher",
            placement=deployment,
            name=PUBLISHER,
            description="Publishes what Model Monitor has found",
            environment={"NAMESPACE": deployment.monitoring_namespace},
            statements=[
                Statement(sid="FindExecutions", actions=["sagemaker:ListMonitoringExecutions"], resources=["*"]),
                publish_metrics(deployment.monitoring_namespace),
            ],
            failures=failures,
            key_arn=values.operations_key_arn,
        )
        waive(self.publisher.role, WITHOUT_RESOURCES.on("*"))
