"""How one model is watched."""

from constructs import Construct

from mlops_constructs.drift_monitors import DriftMonitors
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.managed_monitors import ManagedMonitors
from mlops_constructs.model_alarms import ModelAlarms
from plumbline.configuration import Deployment, Model, Monitoring
from stacks.environment_stack import EnvironmentStack


class MonitoringStack(EnvironmentStack):
    """Monitors and alarms of one model where it has its traffic.

    Apart from the endpoint: a release changes which version is watched, and not how.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        monitoring: Monitoring,
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            model: The model.
            monitoring: What is watched of it.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="monitoring",
            description=f"Monitors and alarms of {model.name}",
            stateful=False,
            model=model,
        )
        monitors = self._monitors(deployment, model, monitoring)
        ModelAlarms(
            self,
            "Alarms",
            deployment=deployment,
            model=model,
            monitoring=monitoring,
            metrics=monitors.metrics,
            between_calls=monitors.between_calls,
        )

    def _monitors(
        self, deployment: Deployment, model: Model, monitoring: Monitoring
    ) -> DriftMonitors | ManagedMonitors:
        if deployment.has_model_monitor:
            return ManagedMonitors(self, "Monitors", deployment=deployment, model=model, monitoring=monitoring)
        values = EnvironmentValues(self, "Values", deployment=deployment)
        return DriftMonitors(self, "Monitors", deployment=deployment, model=model, monitoring=monitoring, values=values)
