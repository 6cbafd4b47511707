"""The roles of a model where it is served."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.guarded_endpoint import endpoint_log_group
from mlops_constructs.job_log_groups import PROCESSING_LOG_GROUP
from mlops_constructs.job_role import JobRole
from mlops_constructs.object_prefix import Storage
from plumbline.configuration import LABELLED, Deployment, Model, ModelJob


class ServingRoles(Construct):
    """One role to serve a model and one to watch it, each with the prefixes of its own work.

    | role | reads | writes |
    |---|---|---|
    | serve | the model's artifacts that are served here | capture of its own endpoint |
    | monitor | capture, labels and windows; artifacts with their baselines | reports; in production labelled data too |

    They live apart from the endpoint, so that whoever releases a version makes no role.

    Attributes:
        serve: Role of the endpoint.
        monitor: Role of the monitoring jobs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        values: EnvironmentValues,
    ) -> None:
        """Defines the roles.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            values: Network and keys of the environment.
        """
        super().__init__(scope, construct_id)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        capture = storage.capture(f"{model.name}/")
        artifacts = deployment.artifacts_prefix(model)
        self.serve = JobRole(
            self,
            "Serve",
            deployment=deployment,
            model=model,
            job=ModelJob.SERVE,
            values=values,
            log_group=endpoint_log_group(deployment, model),
            metrics_namespace="/aws/sagemaker/Endpoints",
            reads=[storage.artifacts(artifacts)],
            # SageMaker appends the endpoint's name to the place that it is told. Labels and windows lie beside it: an
            # endpoint that writes them judges itself.
            writes=[storage.capture(f"{model.name}/{deployment.endpoint_name(model)}/")],
            volume_key_arn=values.models_key_arn,
        )
        self.monitor = JobRole(
            self,
            "Monitor",
            deployment=deployment,
            model=model,
            job=ModelJob.MONITOR,
            values=values,
            log_group=PROCESSING_LOG_GROUP,
            metrics_namespace=PROCESSING_LOG_GROUP,
            reads=[capture, storage.models(artifacts)],
            writes=[
                storage.data(f"{model.name}/monitoring/"),
                *([storage.data(f"{LABELLED}/{model.name}/")] if deployment.monitors else []),
            ],
            volume_key_arn=values.data_key_arn,
        )
