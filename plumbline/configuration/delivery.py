"""Names of what delivers to all accounts, in the delivery account."""

from dataclasses import dataclass
from enum import StrEnum

from plumbline.configuration.placement import Placement
from plumbline.configuration.source import SourceProvider


class DeliveryStep(StrEnum):
    """What a build of the delivery pipeline is for; each has a project, a role and a log group of its own."""

    BUILD = "build"
    UPDATE = "update"
    ASSETS = "assets"
    PRODUCTION_ASSETS = "production-assets"
    IMAGE = "image"
    CODE = "code"
    CHECK = "check"
    COMPARE = "compare"

    @property
    def action(self) -> str:
        """Name of its action and its constructs, such as `ProductionAssets`."""
        return "".join(word.capitalize() for word in self.value.split("-"))


def artifacts_folder(pipeline: str) -> str:
    """What begins the keys of what a pipeline's actions hand to each other: 20 characters of its name at most.

    CodePipeline shortens both names in `<pipeline>/<artifact>/<random>`; observed, and not documented.
    """
    return pipeline[:20]


@dataclass(frozen=True, kw_only=True)
class Delivery(Placement):
    """The delivery pipeline in its account and region."""

    @property
    def part(self) -> str:
        """`delivery`."""
        return "delivery"

    @property
    def has_own_account(self) -> bool:
        """Whether no environment is in its account, which therefore needs safeguards of its own."""
        return all(deployment.account != self.account for deployment in self.platform.deployments())

    @property
    def records_itself(self) -> bool:
        """Whether its account has a trail that is delivery's: its own account, and no trail of an organisation."""
        return self.has_own_account and self.platform.keeps_own_trails

    @property
    def pipeline_name(self) -> str:
        """Name of the pipeline that takes a commit to every account."""
        return self.prefix

    @property
    def pipeline_arn(self) -> str:
        """ARN of the pipeline that takes a commit to every account."""
        return self.arn("codepipeline", self.pipeline_name)

    @property
    def pipeline_role_name(self) -> str:
        """Name of the pipeline's own role."""
        return f"{self.prefix}-pipeline"

    @property
    def pipeline_role_arn(self) -> str:
        """ARN of the pipeline's own role."""
        return self.iam_arn(f"role/{self.pipeline_role_name}")

    @property
    def alarm_arns(self) -> list[str]:
        """Patterns of the ARNs of the alarms that the topic is told of: those of releases as well."""
        return [*super().alarm_arns, self.arn("cloudwatch", f"alarm:{self.platform.name}-release-*")]

    @property
    def default_bus_arn(self) -> str:
        """ARN of the account's default event bus."""
        return self.arn("events", "event-bus/default")

    @property
    def artifacts_bucket(self) -> str:
        """Bucket of what the pipeline's actions hand to each other."""
        return self.bucket("artifacts")

    @property
    def records_bucket(self) -> str:
        """Bucket of evidence that nobody changes: what an approval was decided on."""
        return self.bucket("records")

    def evidence_key(self, execution: str) -> str:
        """What begins the keys of the records of one execution of the pipeline."""
        return f"audit/{execution}/"

    def evidence_url(self, execution: str) -> str:
        """Where a person reads, in the console, what an approval is decided on."""
        return self.record_url(f"{self.evidence_key(execution)}difference.md")

    def record_url(self, key: str) -> str:
        """Where a person reads a record in the console."""
        host = "console.amazonaws.cn" if self.partition == "aws-cn" else "console.aws.amazon.com"
        host = "console.amazonaws-us-gov.com" if self.partition == "aws-us-gov" else host
        return f"https://{host}/s3/object/{self.records_bucket}?region={self.region}&prefix={key}"

    @property
    def source_bucket(self) -> str:
        """Bucket into which a source archive is put, when the source is S3."""
        return self.bucket("source")

    @property
    def source_archive(self) -> str:
        """Key of the source archive in its bucket."""
        return "source.zip"

    @property
    def starts_by_rule(self) -> bool:
        """Whether a rule starts the pipeline when the source has changed; a connection does so by itself."""
        return self.platform.source.provider is not SourceProvider.CODECONNECTIONS

    @property
    def source_rule(self) -> str:
        """Name of the rule that starts the pipeline when the source has changed."""
        return f"{self.prefix}-source-changed"

    @property
    def source_role_name(self) -> str:
        """Name of the role in which that rule starts the pipeline."""
        return f"{self.prefix}-source"

    @property
    def connection_arn(self) -> str:
        """ARN of the connection to the repository, when the source has one."""
        return self.arn("codeconnections", f"connection/{self.platform.source.connection}")

    @property
    def key_alias(self) -> str:
        """Alias of the key of images, artifacts, records and logs."""
        return f"alias/{self.prefix}"

    @property
    def records_key_alias(self) -> str:
        """Alias of the key with which release records are made and verified."""
        return f"{self.key_alias}-records"

    @property
    def key_parameter(self) -> str:
        """Name of the SSM parameter that tells the ARN of the key of images, artifacts, records and logs."""
        return self.parameter("keys/delivery")

    @property
    def records_key_parameter(self) -> str:
        """Name of the SSM parameter that tells the ARN of the key of release records."""
        return self.parameter("keys/records")

    def artifact_objects(self, pipeline: str) -> str:
        """Pattern of the ARNs of what the actions of a pipeline hand to each other."""
        return f"arn:{self.partition}:s3:::{self.artifacts_bucket}/{artifacts_folder(pipeline)}*"

    @property
    def built_objects(self) -> list[str]:
        """Patterns of the ARNs of what the build of a commit hands on, and of nothing else that actions hand on."""
        folder = artifacts_folder(self.pipeline_name)
        # What is left of Build_Output and Build_audit, as CDK Pipelines names them, however short they are cut.
        return [
            f"arn:{self.partition}:s3:::{self.artifacts_bucket}/{folder}*/{one}*" for one in ("Build_Ou", "Build_au")
        ]

    def publishing_role_arns(self, step: DeliveryStep) -> list[str]:
        """ARNs of the roles in which a build publishes files of stacks; none, unless it is one that publishes.

        Those of production, and of the release pipelines, have a build of their own: it runs after the approval.
        """
        deployments = self.platform.deployments()
        publishing: dict[DeliveryStep, list[Placement]] = {
            DeliveryStep.ASSETS: [one for one in deployments if not one.is_production],
            DeliveryStep.PRODUCTION_ASSETS: [*(one for one in deployments if one.is_production), self],
        }
        return list(dict.fromkeys(one.publishing_role_arn for one in publishing.get(step, [])))

    def project_name(self, step: DeliveryStep) -> str:
        """Name of a build project."""
        return f"{self.prefix}-{step}"

    def project_arn(self, step: DeliveryStep) -> str:
        """ARN of a build project."""
        return self.arn("codebuild", f"project/{self.project_name(step)}")

    def role_name(self, step: DeliveryStep) -> str:
        """Name of the role of a build."""
        return f"{self.prefix}-{step}"

    def role_arn(self, step: DeliveryStep) -> str:
        """ARN of the role of a build."""
        return self.iam_arn(f"role/{self.role_name(step)}")

    def log_group(self, step: DeliveryStep) -> str:
        """Name of the log group of a build."""
        return f"/{self.platform.name}/{self.part}/{step}"
