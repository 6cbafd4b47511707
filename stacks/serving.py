"""How one model answers."""

from aws_cdk import CfnParameter
from constructs import Construct

from mlops_constructs.deployment_strategy import AllAtOnce
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.guarded_endpoint import GuardedEndpoint
from mlops_constructs.object_prefix import Storage
from plumbline.configuration import Deployment, Model, ModelJob
from stacks.environment_stack import EnvironmentStack


class ServingStack(EnvironmentStack):
    """Endpoint of one model, for the version that the parameter `ModelPackageArn` names."""

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, model: Model, registered_in: Deployment
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            model: The model.
            registered_in: The environment whose registry holds the versions.
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
        versions = registered_in.arn("sagemaker", f"model-package/{registered_in.model_package_group(model)}/")
        model_package_arn = CfnParameter(
            self,
            "ModelPackageArn",
            description="The registered version to serve",
            allowed_pattern=f"^{versions}[0-9]+$",
            constraint_description=f"a version of {registered_in.model_package_group(model)}",
        )
        values = EnvironmentValues(self, "Values", deployment=deployment)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        GuardedEndpoint(
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
