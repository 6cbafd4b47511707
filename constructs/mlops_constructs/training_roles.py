"""The roles of the four jobs of a training run."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_log_groups import PROCESSING_LOG_GROUP, TRAINING_LOG_GROUP
from mlops_constructs.job_role import JobRole
from mlops_constructs.object_prefix import ObjectPrefix, Storage
from plumbline.configuration import Deployment, Model, ModelJob


class TrainingRoles(Construct):
    """One role a job, each with the prefixes of its own step.

    | job | reads | writes |
    |---|---|---|
    | prepare | datasets, labelled windows, code, champion marker | prepared data |
    | data check | prepared data, labelled windows, evaluations, champion marker | checks |
    | train | prepared data, code, checkpoints | models, checkpoints |
    | evaluate | prepared data, code, models, champion marker | evaluations |

    Attributes:
        prepare: Role of the preparing job.
        data_check: Role of the job that says whether data may train a model.
        train: Role of the training job.
        evaluate: Role of the evaluating job.
        evaluations: Where evaluation reports lie.
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
        code = storage.models(f"{model.name}/code/")
        prepared = storage.data(f"{model.name}/prepared/")
        trained = storage.models(f"{model.name}/training/")
        checkpoints = storage.models(f"{model.name}/checkpoints/")
        self.evaluations = storage.data(f"{model.name}/evaluations/")
        # The files that stand for "no champion" and "no labelled windows" lie where a champion's would.
        champion = storage.models(f"{model.name}/champion/")
        # What production has answered, and which of it a run takes.
        labelled = [storage.data(f"labelled/{model.name}/"), storage.data(f"{model.name}/labelled/")]

        def role(
            job: ModelJob, log_group: str, reads: list[ObjectPrefix], writes: list[ObjectPrefix], volume_key_arn: str
        ) -> JobRole:
            return JobRole(
                self,
                "".join(word.capitalize() for word in job.value.split("-")),
                deployment=deployment,
                model=model,
                job=job,
                values=values,
                log_group=log_group,
                # SageMaker names the namespace of a job's metrics as it names its log group.
                metrics_namespace=log_group,
                reads=reads,
                writes=writes,
                volume_key_arn=volume_key_arn,
            )

        self.prepare = role(
            ModelJob.PREPARE,
            PROCESSING_LOG_GROUP,
            [storage.data(f"{model.name}/datasets/"), *labelled, code, champion],
            [prepared],
            values.data_key_arn,
        )
        self.data_check = role(
            ModelJob.DATA_CHECK,
            PROCESSING_LOG_GROUP,
            [prepared, *labelled, self.evaluations, champion],
            [storage.data(f"{model.name}/checks/")],
            values.data_key_arn,
        )
        self.train = role(
            ModelJob.TRAIN,
            TRAINING_LOG_GROUP,
            [prepared, code, checkpoints],
            [trained, checkpoints],
            values.models_key_arn,
        )
        self.evaluate = role(
            ModelJob.EVALUATE,
            PROCESSING_LOG_GROUP,
            [prepared, code, trained, champion],
            [self.evaluations],
            values.data_key_arn,
        )

    @property
    def by_job(self) -> dict[ModelJob, JobRole]:
        """The roles by job."""
        return {
            ModelJob.PREPARE: self.prepare,
            ModelJob.DATA_CHECK: self.data_check,
            ModelJob.TRAIN: self.train,
            ModelJob.EVALUATE: self.evaluate,
        }
