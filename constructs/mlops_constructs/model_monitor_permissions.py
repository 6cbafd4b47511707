"""What CloudFormation needs to release Model Monitor's jobs with a version."""

from dataclasses import dataclass

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.policy import Statement
from plumbline.configuration import Deployment, Model, ModelJob, Monitor, Monitoring

_KINDS = {
    Monitor.DATA_QUALITY: "DataQuality",
    Monitor.MODEL_QUALITY: "ModelQuality",
    Monitor.BIAS: "ModelBias",
    Monitor.EXPLAINABILITY: "ModelExplainability",
}
_RESOURCES = {
    Monitor.DATA_QUALITY: "data-quality-job-definition",
    Monitor.MODEL_QUALITY: "model-quality-job-definition",
    Monitor.BIAS: "model-bias-job-definition",
    Monitor.EXPLAINABILITY: "model-explainability-job-definition",
}
_LOOKING_AFTER = ("Delete", "Describe")


@dataclass(frozen=True, kw_only=True)
class ModelMonitorPermissions:
    """Making the job definitions that a model asks for, in the job subnets, and their schedules.

    Isolated ones, but for explainability. Where Model Monitor does not watch the model, there is none of it.

    Attributes:
        deployment: The environment.
        model: The model.
        values: Network of the environment.
    """

    deployment: Deployment
    model: Model
    values: EnvironmentValues

    @property
    def _watched(self) -> Monitoring | None:
        return self.model.monitoring if self.deployment.has_model_monitor else None

    @property
    def _checks(self) -> tuple[Monitor, ...]:
        return self._watched.checks if self._watched else ()

    @property
    def jobs(self) -> tuple[ModelJob, ...]:
        """What the roles that it passes are for."""
        if not self._checks:
            return ()
        return (ModelJob.MONITOR, *((ModelJob.EXPLAIN,) if Monitor.EXPLAINABILITY in self._checks else ()))

    @property
    def patterns(self) -> list[str]:
        """Patterns of the ARNs of job definitions, whose names CloudFormation invents, and of the model's schedules."""
        if not self._checks:
            return []
        endpoint = self.deployment.endpoint_name(self.model)
        schedules = self.deployment.arn("sagemaker", f"monitoring-schedule/{endpoint}-*")
        return [*map(self._definitions, self._checks), schedules]

    @property
    def isolated_definitions(self) -> list[str]:
        """Patterns of the ARNs of the job definitions that are isolated."""
        return [self._definitions(monitor) for monitor in self._isolated]

    @property
    def making_isolated(self) -> list[str]:
        """The actions that make them."""
        return [f"sagemaker:Create{_KINDS[monitor]}JobDefinition" for monitor in self._isolated]

    @property
    def looking_after(self) -> list[str]:
        """The actions that look after definitions, and make and look after schedules."""
        if not self._checks:
            return []
        definitions = [f"sagemaker:{verb}{_KINDS[one]}JobDefinition" for one in self._checks for verb in _LOOKING_AFTER]
        schedules = [f"sagemaker:{verb}MonitoringSchedule" for verb in ("Create", *_LOOKING_AFTER, "Update")]
        return [*definitions, *schedules]

    @property
    def making_others(self) -> list[Statement]:
        """Making the one that asks an endpoint, and therefore is not isolated."""
        if Monitor.EXPLAINABILITY not in self._checks:
            return []
        return [
            Statement(
                sid="MakeMonitorsThatAsk",
                actions=[f"sagemaker:Create{_KINDS[Monitor.EXPLAINABILITY]}JobDefinition"],
                resources=[self._definitions(Monitor.EXPLAINABILITY)],
                conditions={
                    "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": self.values.subnets},
                    # ForAllValues holds for a request without the key, too.
                    "Null": {"sagemaker:VpcSubnets": "false"},
                },
            )
        ]

    @property
    def _isolated(self) -> list[Monitor]:
        return [monitor for monitor in self._checks if monitor is not Monitor.EXPLAINABILITY]

    def _definitions(self, monitor: Monitor) -> str:
        return self.deployment.arn("sagemaker", f"{_RESOURCES[monitor]}/*")
