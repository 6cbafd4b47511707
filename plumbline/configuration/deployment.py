"""Names and ARNs of one environment, computed from the configuration so that no account has to ask another."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from plumbline.configuration.managed import Backend
from plumbline.configuration.placement import Placement

if TYPE_CHECKING:
    from plumbline.configuration.model import Model
    from plumbline.configuration.monitoring import Monitor

# What begins the keys of labelled data in a data bucket: production's monitors write it, S3 replicates it to staging.
# No model has this name.
LABELLED = "labelled"


class Environment(StrEnum):
    """The three environments, in the order in which a change reaches them."""

    DEV = "dev"
    STAGING = "staging"
    PRODUCTION = "production"


class KeyPurpose(StrEnum):
    """What a KMS key protects."""

    DATA = "data"
    MODELS = "models"
    OPERATIONS = "operations"
    WORKBENCH = "workbench"


class ModelJob(StrEnum):
    """What a role of a model is for; one role each."""

    PIPELINE = "pipeline"
    PREPARE = "prepare"
    DATA_CHECK = "data-check"  # not "check": patterns of role names that end so would take in those of releases
    TRAIN = "train"
    EVALUATE = "evaluate"
    MONITOR = "monitor"
    MONITOR_PIPELINE = "monitor-pipeline"
    EXPLAIN = "explain-monitor"
    LABEL = "label"
    SERVE = "serve"
    DELIVER = "deliver"
    RELEASE = "release"
    RELEASE_EXECUTION = "release-execution"
    RELEASE_CHECK = "release-check"
    REGISTRY_READER = "registry-reader"
    COPY = "copy"


@dataclass(frozen=True, kw_only=True)
class Deployment(Placement):
    """One environment in its account and region.

    Attributes:
        environment: Which of the three.
        cidr: IPv4 block of the VPC.
    """

    environment: Environment
    cidr: str

    @property
    def part(self) -> str:
        """`dev`, `staging` or `production`."""
        return self.environment.value

    @property
    def is_production(self) -> bool:
        """Whether customers depend on this environment."""
        return self.environment is Environment.PRODUCTION

    @property
    def is_dev(self) -> bool:
        """Whether people experiment here."""
        return self.environment is Environment.DEV

    @property
    def is_first_in_account(self) -> bool:
        """Whether no environment comes before it in its account; what an account has once is this one's."""
        return next(d for d in self.platform.deployments() if d.account == self.account) == self

    @property
    def has_workbench(self) -> bool:
        """Whether there is a Studio for data scientists (dev, when the configuration says so)."""
        return self.is_dev and self.platform.workbench is not None

    @property
    def trains(self) -> bool:
        """Whether training pipelines run here (dev and staging)."""
        return not self.is_production

    @property
    def registers(self) -> bool:
        """Whether the versions that are released are registered here (staging)."""
        return self.environment is Environment.STAGING

    @property
    def serves(self) -> bool:
        """Whether endpoints run here (staging and production)."""
        return self.environment is not Environment.DEV

    @property
    def image_account(self) -> str:
        """Account whose registry the environment's jobs and endpoints pull from; production has its own copies."""
        return self.account if self.is_production else self.platform.delivery_account

    @property
    def image_repository_arn(self) -> str:
        """ARN of the repository of the runtime image that the environment pulls from."""
        repository = f"repository/{self.platform.runtime_repository}"
        return f"arn:{self.partition}:ecr:{self.region}:{self.image_account}:{repository}"

    @property
    def image_repository_uri(self) -> str:
        """URI, without tag, of the repository of the runtime image that the environment pulls from."""
        return self.platform.runtime_repository_uri(self.image_account)

    @property
    def monitors(self) -> bool:
        """Whether endpoints are watched here (production, where the traffic is)."""
        return self.is_production

    @property
    def has_model_monitor(self) -> bool:
        """Whether SageMaker Model Monitor watches endpoints here, and not jobs of the platform's own."""
        return self.monitors and self.platform.monitoring.backend is Backend.MANAGED

    @property
    def governs(self) -> bool:
        """Whether it is decided here what is trained anew (staging, whose runs are those of record)."""
        return self.registers

    @property
    def retraining_table(self) -> str:
        """Name of the table of what was decided on retraining."""
        return f"{self.prefix}-retraining"

    @property
    def retraining_settings(self) -> str:
        """Path of the SSM parameters, one a model, with what holds its retraining back."""
        return self.parameter("retraining")

    @property
    def data_bucket(self) -> str:
        """Bucket of datasets, prepared data and evaluations."""
        return self.bucket("data")

    @property
    def models_bucket(self) -> str:
        """Bucket of code archives, checkpoints and model artifacts."""
        return self.bucket("models")

    @property
    def capture_bucket(self) -> str:
        """Bucket of what endpoints were asked and answered."""
        return self.bucket("capture")

    @property
    def event_bus(self) -> str:
        """Name of the platform's event bus."""
        return self.prefix

    @property
    def event_bus_arn(self) -> str:
        """ARN of the platform's event bus."""
        return self.arn("events", f"event-bus/{self.event_bus}")

    @property
    def events_rule(self) -> str:
        """Name of the rule that sends what happens in the account to the central bus, and of its role."""
        return f"{self.prefix}-events"

    def key_alias(self, purpose: KeyPurpose | str) -> str:
        """Alias of the KMS key of a purpose."""
        return f"alias/{self.prefix}-{purpose}"

    @property
    def replication_role_name(self) -> str:
        """Name of the role in which S3 replicates labelled data from here."""
        return f"{self.prefix}-labelled-replication"

    @property
    def replication_role_arn(self) -> str:
        """ARN of the role in which S3 replicates labelled data from here."""
        return self.iam_arn(f"role/{self.replication_role_name}")

    @property
    def replication_rule(self) -> str:
        """Name of the rule by which S3 replicates labelled data from here."""
        return f"{self.prefix}-labelled"

    @property
    def replication_alarm(self) -> str:
        """Name of the alarm that labelled data is not replicated from here."""
        return f"{self.prefix}-labelled-not-replicated"

    def stack_name(self, kind: str, model: "Model | None" = None) -> str:
        """Name of a stack, e.g. `plumbline-staging-training-flight-delays`."""
        return "-".join([self.prefix, kind, *([model.slug] if model else [])])

    def model_name(self, model: "Model") -> str:
        """Name of a model's pipeline, package group and endpoint in this environment."""
        return f"{self.prefix}-{model.slug}"

    pipeline_name = model_name
    model_package_group = model_name
    endpoint_name = model_name

    def monitor_pipeline_name(self, model: "Model") -> str:
        """Name of the pipeline that runs a model's monitors."""
        return f"{self.model_name(model)}-monitor"

    def monitoring_schedule(self, model: "Model", monitor: "Monitor") -> str:
        """Name of Model Monitor's schedule of one check of a model."""
        return f"{self.endpoint_name(model)}-{monitor}"

    def explained_model(self, model: "Model", version: str) -> str:
        """Name of the SageMaker model that Clarify asks for the reasons of a release's answers."""
        return f"{self.explaining_prefix(model)}-{version}"

    def explaining_prefix(self, model: "Model") -> str:
        """What begins the names of the endpoints that Clarify makes, each for one window."""
        return f"{self.model_name(model)}-why"

    def drift_alarm(self, model: "Model") -> str:
        """Name of the alarm that a model deviates from its baselines."""
        return f"{self.model_name(model)}-drift"

    @property
    def monitoring_namespace(self) -> str:
        """CloudWatch namespace of what monitors find."""
        return f"{self.platform.name}/monitoring"

    @property
    def artifacts_prefix_name(self) -> str:
        """Below a model's name, the prefix of the artifacts that are served here: runs wrote them, or releases."""
        return "released" if self.is_production else "training"

    def artifacts_prefix(self, model: "Model") -> str:
        """What begins the keys of a model's artifacts that are served here."""
        return f"{model.name}/{self.artifacts_prefix_name}/"

    def labelled_uri(self, model: "Model") -> str:
        """What begins the URIs of a model's labelled windows."""
        return f"s3://{self.data_bucket}/{LABELLED}/{model.name}/"

    def versions_arn(self, model: "Model") -> str:
        """What begins the ARNs of a model's versions in this environment's registry."""
        return self.arn("sagemaker", f"model-package/{self.model_package_group(model)}/")

    def approvals_rule(self, model: "Model") -> str:
        """Name of the rule that tells a delivery account of its own of approvals, and of its role."""
        return f"{self.model_name(model)}-approvals"

    def role_name(self, model: "Model", job: ModelJob | str) -> str:
        """Name of the role of one job of a model."""
        return f"{self.model_name(model)}-{job}"

    def role_arn(self, model: "Model", job: ModelJob | str) -> str:
        """ARN of the role of one job of a model."""
        return self.iam_arn(f"role/{self.role_name(model, job)}")

    @property
    def break_glass_rule(self) -> str:
        """Name of the rule that tells of the use of break-glass."""
        return f"{self.prefix}-break-glass"

    @property
    def notebook_role_name(self) -> str:
        """Name of the role in which Studio spaces run."""
        return f"{self.prefix}-notebook"

    @property
    def notebook_role_arn(self) -> str:
        """ARN of the role in which Studio spaces run."""
        return self.iam_arn(f"role/{self.notebook_role_name}")

    @property
    def commit_parameter(self) -> str:
        """Name of the SSM parameter that says which commit this environment was deployed from."""
        return self.parameter("delivered/commit")

    @property
    def check_role_name(self) -> str:
        """Name of the role in which delivery checks what it has deployed."""
        return f"{self.prefix}-check"

    @property
    def check_role_arn(self) -> str:
        """ARN of the role in which delivery checks what it has deployed."""
        return self.iam_arn(f"role/{self.check_role_name}")

    @property
    def boundary_arn(self) -> str:
        """ARN of the permission boundary of this account."""
        return self.platform.boundary_arn(self.account)
