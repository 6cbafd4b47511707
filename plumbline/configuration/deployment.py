"""Names and ARNs of one environment, computed from the configuration so that no account has to ask another."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plumbline.configuration.model import Model
    from plumbline.configuration.platform import Platform


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
    TRAIN = "train"
    EVALUATE = "evaluate"
    MONITOR = "monitor"
    SERVE = "serve"
    DELIVER = "deliver"
    RELEASE = "release"
    RELEASE_EXECUTION = "release-execution"


class Person(StrEnum):
    """What a role of people is for."""

    DATA_SCIENTIST = "data-scientist"
    APPROVER = "approver"
    AUDITOR = "auditor"
    BREAK_GLASS = "break-glass"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One environment in its account and region.

    Attributes:
        platform: The configuration it belongs to.
        environment: Which of the three.
        account: 12-digit account id.
        region: AWS region, e.g. `eu-west-1`.
        cidr: IPv4 block of the VPC.
    """

    platform: "Platform"
    environment: Environment
    account: str
    region: str
    cidr: str

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.platform.partition

    @property
    def prefix(self) -> str:
        """What every name of this environment begins with, e.g. `plumbline-staging`."""
        return f"{self.platform.name}-{self.environment}"

    @property
    def is_production(self) -> bool:
        """Whether customers depend on this environment."""
        return self.environment is Environment.PRODUCTION

    @property
    def is_dev(self) -> bool:
        """Whether people experiment here."""
        return self.environment is Environment.DEV

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

    def bucket(self, purpose: str) -> str:
        """Globally unique bucket name, e.g. `plumbline-staging-data-222222222222`."""
        return f"{self.prefix}-{purpose}-{self.account}"

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
    def logs_bucket(self) -> str:
        """Bucket of S3 access logs (SSE-S3: the service writes with no other key)."""
        return self.bucket("logs")

    @property
    def trail_bucket(self) -> str:
        """Bucket of the audit trail."""
        return self.bucket("trail")

    @property
    def trail_name(self) -> str:
        """Name of the account's audit trail."""
        return f"{self.prefix}-audit"

    @property
    def trail_arn(self) -> str:
        """ARN of the account's audit trail."""
        return self.arn("cloudtrail", f"trail/{self.trail_name}")

    @property
    def operations_topic(self) -> str:
        """Name of the topic that tells people what needs them."""
        return f"{self.prefix}-operations"

    @property
    def operations_topic_arn(self) -> str:
        """ARN of the topic that tells people what needs them."""
        return self.arn("sns", self.operations_topic)

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

    def parameter(self, path: str) -> str:
        """Name of an SSM parameter, e.g. `/plumbline/staging/keys/data`."""
        return f"/{self.platform.name}/{self.environment}/{path}"

    def stack_name(self, kind: str, model: "Model | None" = None) -> str:
        """Name of a stack, e.g. `plumbline-staging-training-flight-delays`."""
        return "-".join([self.prefix, kind, *([model.slug] if model else [])])

    def model_name(self, model: "Model") -> str:
        """Name of a model's pipeline, package group and endpoint in this environment."""
        return f"{self.prefix}-{model.slug}"

    pipeline_name = model_name
    model_package_group = model_name
    endpoint_name = model_name

    def role_name(self, model: "Model", job: ModelJob | str) -> str:
        """Name of the role of one job of a model."""
        return f"{self.model_name(model)}-{job}"

    def role_arn(self, model: "Model", job: ModelJob | str) -> str:
        """ARN of the role of one job of a model."""
        return self.iam_arn(f"role/{self.role_name(model, job)}")

    def person_role_name(self, person: Person) -> str:
        """Name of a role that people assume."""
        return f"{self.prefix}-{person}"

    def person_role_arn(self, person: Person) -> str:
        """ARN of a role that people assume."""
        return self.iam_arn(f"role/{self.person_role_name(person)}")

    def dead_letter_queue(self, purpose: str) -> str:
        """Name of the queue of what failed."""
        return f"{self.prefix}-{purpose}-failed"

    def function_name(self, name: str) -> str:
        """Name of a function, whose folder is named with underscores."""
        return f"{self.prefix}-{name.replace('_', '-')}"

    @property
    def break_glass_rule(self) -> str:
        """Name of the rule that tells of the use of break-glass."""
        return f"{self.prefix}-break-glass"

    @property
    def people_account(self) -> str:
        """Account in which the people of this environment sign in."""
        return self.platform.people.account or self.account

    @property
    def notebook_role_name(self) -> str:
        """Name of the role in which Studio spaces run."""
        return f"{self.prefix}-notebook"

    @property
    def notebook_role_arn(self) -> str:
        """ARN of the role in which Studio spaces run."""
        return self.iam_arn(f"role/{self.notebook_role_name}")

    @property
    def boundary_arn(self) -> str:
        """ARN of the permission boundary of this account."""
        return self.platform.boundary_arn(self.account)

    def iam_arn(self, resource: str) -> str:
        """ARN of an IAM resource of this account."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    def arn(self, service: str, resource: str) -> str:
        """ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"
