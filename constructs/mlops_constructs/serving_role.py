"""The role of an endpoint."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.guarded_endpoint import endpoint_log_group
from mlops_constructs.job_role import JobRole
from mlops_constructs.object_prefix import Storage, foreign_artifacts
from plumbline.configuration import Deployment, Model, ModelJob


class ServingRole(Construct):
    """With which SageMaker fetches a model's artifact and stores what the endpoint was asked and answered.

    Attributes:
        capture: Where captured requests and answers go.
        job_role: The role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        values: EnvironmentValues,
        registered_in: Deployment,
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            values: Network and keys of the environment.
            registered_in: The environment whose artifacts are served; it may be of another account.
        """
        super().__init__(scope, construct_id)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        artifacts = f"{model.name}/training/"
        own = registered_in.account == deployment.account
        self.capture = storage.capture(f"{model.name}/")
        self.job_role = JobRole(
            self,
            ModelJob.SERVE.value.capitalize(),
            deployment=deployment,
            model=model,
            job=ModelJob.SERVE,
            values=values,
            log_group=endpoint_log_group(deployment, model),
            metrics_namespace="/aws/sagemaker/Endpoints",
            reads=[storage.artifacts(artifacts) if own else foreign_artifacts(registered_in, artifacts)],
            writes=[self.capture],
            volume_key_arn=values.models_key_arn,
        )
