"""The roles of a model where it is served."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.clarify_explanations import CLARIFY_ACTIONS, explaining
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.guarded_endpoint import endpoint_log_group
from mlops_constructs.job_log_groups import PROCESSING_LOG_GROUP
from mlops_constructs.job_role import JobRole
from mlops_constructs.object_prefix import Storage
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import INVENTED_NAMES
from plumbline.configuration import LABELLED, Deployment, Model, ModelJob, Monitor, image_repository_arns


class ServingRoles(Construct):
    """One role to serve a model and one to watch it, each with the prefixes of its own work.

    | role | reads | writes |
    |---|---|---|
    | serve | the model's artifacts that are served here | capture of its own endpoint |
    | monitor | capture, labels and windows; artifacts with their baselines | reports; in production labelled data too |

    Where Model Monitor watches the model, the second runs its images, and a third, which explains, is the second with
    leave to make, ask and delete endpoints of the prefix that Clarify gives to its own; neither writes labelled data.

    They live apart from the endpoint, so that whoever releases a version makes no role.

    Attributes:
        serve: Role of the endpoint.
        monitor: Role of the monitoring jobs.
        explain: Role of Clarify's jobs that explain answers; none where it makes none.
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
        self.serve = JobRole(
            self,
            "Serve",
            deployment=deployment,
            model=model,
            job=ModelJob.SERVE,
            values=values,
            log_group=endpoint_log_group(deployment, model),
            metrics_namespace="/aws/sagemaker/Endpoints",
            reads=[storage.artifacts(deployment.artifacts_prefix(model))],
            # SageMaker appends the endpoint's name to the place that it is told. Labels and windows lie beside it: an
            # endpoint that writes them judges itself.
            writes=[storage.capture(f"{model.name}/{deployment.endpoint_name(model)}/")],
            volume_key_arn=values.models_key_arn,
        )
        self._storage, self._values = storage, values
        watched = model.monitoring if deployment.has_model_monitor else None
        images = image_repository_arns(deployment.platform, watched.checks) if watched else []
        self.monitor = self._watching("Monitor", deployment, model, ModelJob.MONITOR, pulls=images)
        self.explain = self._explaining(deployment, model) if watched and watched.explainability else None

    def _watching(
        self,
        construct_id: str,
        deployment: Deployment,
        model: Model,
        job: ModelJob,
        *,
        pulls: Sequence[str],
        also: Sequence[Statement] = (),
    ) -> JobRole:
        storage = self._storage
        # Model Monitor's jobs keep none of what they compare.
        keeps_labelled = deployment.monitors and not deployment.has_model_monitor
        return JobRole(
            self,
            construct_id,
            deployment=deployment,
            model=model,
            job=job,
            values=self._values,
            log_group=PROCESSING_LOG_GROUP,
            metrics_namespace=PROCESSING_LOG_GROUP,
            reads=[storage.capture(f"{model.name}/"), storage.models(deployment.artifacts_prefix(model))],
            writes=[
                storage.data(f"{model.name}/monitoring/"),
                *([storage.data(f"{LABELLED}/{model.name}/")] if keeps_labelled else []),
            ],
            volume_key_arn=self._values.data_key_arn,
            pulls=pulls,
            also=also,
        )

    def _explaining(self, deployment: Deployment, model: Model) -> JobRole:
        prefix = deployment.explaining_prefix(model)
        endpoints, configs, models = (
            deployment.arn("sagemaker", f"{kind}/{prefix}-*") for kind in ("endpoint", "endpoint-config", "model")
        )
        made = self._watching(
            "Explain",
            deployment,
            model,
            ModelJob.EXPLAIN,
            pulls=image_repository_arns(deployment.platform, [Monitor.EXPLAINABILITY]),
            also=[
                Statement(
                    sid="AskOwnEndpoints",
                    actions=[*CLARIFY_ACTIONS, "sagemaker:InvokeEndpoint"],
                    resources=[endpoints, configs, models],
                ),
            ],
        )
        waive(
            made.role,
            INVENTED_NAMES.on(endpoints, configs, models),
            explaining("Plumbline::PL-IAM-10", "AskOwnEndpoints"),
        )
        return made
