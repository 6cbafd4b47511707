"""How one model answers."""

from aws_cdk import CfnParameter
from constructs import Construct

from mlops_constructs.deployment_strategy import AllAtOnce
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.guarded_endpoint import GuardedEndpoint
from mlops_constructs.model_monitor_jobs import ModelMonitorJobs
from mlops_constructs.object_prefix import Storage
from plumbline.configuration import Deployment, Model, ModelJob
from stacks.environment_stack import EnvironmentStack


class ServingStack(EnvironmentStack):
    """Endpoint of one model, for the version that the parameter `ModelPackageArn` names.

    Where Model Monitor watches it, its jobs are of that version too: they are released with it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            model: The model.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="serving",
            description=f"Endpoint of {model.name}",
            stateful=False,
            model=model,
        )
        model_package_arn = CfnParameter(
            self,
            "ModelPackageArn",
            description="The registered version to serve",
            allowed_pattern=f"^{deployment.versions_arn(model)}[0-9]+$",
            constraint_description=f"a version of {deployment.model_package_group(model)}",
        )
        values = EnvironmentValues(self, "Values", deployment=deployment)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        guarded = GuardedEndpoint(
            self,
            "Endpoint",
            deployment=deployment,
            model=model,
            model_package_arn=model_package_arn.value_as_string,
            role_arn=deployment.role_arn(model, ModelJob.SERVE),
            values=values,
            capture=storage.capture(f"{model.name}/"),
            strategy=AllAtOnce(),
        )
        if deployment.has_model_monitor and model.monitoring is not None:
            version = CfnParameter(
                self,
                "ReleasedVersion",
                description="The number of the version that is released, below which its baselines lie",
                allowed_pattern="^[1-9][0-9]*$",
                constraint_description="the number of a version",
            )
            ModelMonitorJobs(
                self,
                "Monitors",
                deployment=deployment,
                model=model,
                monitoring=model.monitoring,
                values=values,
                served=guarded.model,
                endpoint=guarded.endpoint,
                version=version.value_as_string,
            )
