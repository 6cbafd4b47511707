"""What CloudFormation needs to release Model Monitor's jobs with a version."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.policy import Conditions, Statement
from plumbline.configuration import Deployment, Model, ModelJob, Monitor, Monitoring

_KINDS = {
    Monitor.DATA_QUALITY: "DataQuality",
    Monitor.MODEL_QUALITY: "ModelQuality",
    Monitor.BIAS: "ModelBias",
    Monitor.EXPLAINABILITY: "ModelExplainability",
}


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
        # One pattern for the four types: a policy holds 6,144 characters.
        return [
            self.deployment.arn("sagemaker", "*-job-definition/*"),
            self.deployment.arn("sagemaker", f"monitoring-schedule/{endpoint}-*"),
        ]

    @property
    def statements(self) -> list[Statement]:
        """The statements."""
        if not self._checks:
            return []
        isolated = [monitor for monitor in self._checks if monitor is not Monitor.EXPLAINABILITY]
        others = [monitor for monitor in self._checks if monitor is Monitor.EXPLAINABILITY]
        return [
            *self._making("MakeIsolatedMonitors", isolated, {"Bool": {"sagemaker:NetworkIsolation": "true"}}),
            *self._making("MakeMonitorsThatAsk", others, {}),
            Statement(
                sid="LookAfterMonitors",
                actions=[
                    *(
                        f"sagemaker:{verb}{_KINDS[monitor]}JobDefinition"
                        for monitor in self._checks
                        for verb in ("Delete", "Describe")
                    ),
                    "sagemaker:AddTags",
                    "sagemaker:CreateMonitoringSchedule",
                    "sagemaker:DeleteMonitoringSchedule",
                    "sagemaker:DeleteTags",
                    "sagemaker:DescribeMonitoringSchedule",
                    "sagemaker:ListTags",
                    "sagemaker:UpdateMonitoringSchedule",
                ],
                resources=self.patterns,
            ),
        ]

    def _making(self, sid: str, monitors: Sequence[Monitor], isolation: Conditions) -> list[Statement]:
        if not monitors:
            return []
        return [
            Statement(
                sid=sid,
                actions=[f"sagemaker:Create{_KINDS[monitor]}JobDefinition" for monitor in monitors],
                resources=self.patterns[:1],
                conditions={
                    **isolation,
                    "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": self.values.subnets},
                    # ForAllValues holds for a request without the key, too.
                    "Null": {"sagemaker:VpcSubnets": "false"},
                },
            )
        ]
