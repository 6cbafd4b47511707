"""`platform.toml`: the accounts, where they are, and what holds for all of them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, field_validator, model_validator

from plumbline.configuration.accounts import Account, AccountId, Accounts
from plumbline.configuration.delivery import Delivery
from plumbline.configuration.deployment import Deployment, Environment
from plumbline.configuration.managed import Watching
from plumbline.configuration.reading import Settings, read_settings, refusal
from plumbline.configuration.release import Release
from plumbline.configuration.source import Source

if TYPE_CHECKING:
    from plumbline.configuration.model import Model

# CloudWatch Logs, PutRetentionPolicy: the only numbers of days that the service accepts.
LOG_RETENTION_DAYS = frozenset(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)


class Organization(Settings):
    """The AWS organisation that the accounts belong to.

    Attributes:
        id: Organisations outside it are strangers to endpoints and buckets.
        management_account: Where the service control policy is deployed.
        targets: What the service control policy is attached to.
        landing_zone_roles: Names of roles, `*` allowed at their end, that the service control policy exempts because
            they look after every account.
        trail: ARN of the organisation's trail; left out, each account records its own.
    """

    id: str = Field(pattern=r"^o-[a-z0-9]{10,32}$", description="an organisation's id, e.g. o-exampleorg1")
    management_account: AccountId
    targets: list[Annotated[str, Field(pattern=r"^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|\d{12})$")]] = (
        Field(min_length=1, description="ids of roots, organisational units or accounts, e.g. ou-exam-ple12345")
    )
    landing_zone_roles: list[Annotated[str, Field(pattern=r"^[\w+=,.@-]{3,64}\*?$")]] = Field(
        default_factory=list, description="role names of 3 to 64 characters, * allowed at the end"
    )
    trail: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:cloudtrail:[a-z0-9-]+:[0-9]{12}:trail/[A-Za-z0-9._-]{3,128}$",
        description="the ARN of the organisation's CloudTrail trail",
    )


class People(Settings):
    """Where people come from.

    Attributes:
        account: The account in which people sign in; left out, each account has its own users.
        sign_in_roles: Names of that account's roles, `*` allowed at their end, which people have through an identity
            provider that asks for a second factor itself, e.g. `aws-reserved/sso.amazonaws.com/*`; left out, whoever
            assumes a role for people shows the second factor to AWS.
    """

    account: AccountId | None = Field(
        default=None, description="an AWS account id: 12 digits, as text; left out, each account has its own users"
    )
    sign_in_roles: list[Annotated[str, Field(pattern=r"^[\w+=,.@/-]{3,128}\*?$")]] = Field(
        default_factory=list,
        description="names of roles, with their paths, of 3 to 128 characters, * allowed at the end",
    )


class Workbench(Settings):
    """Studio in dev.

    Attributes:
        profiles: One Studio user profile each.
        idle_minutes: After which an idle space is stopped.
        instance_types: What spaces may run on.
    """

    profiles: list[Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9]){0,30}$")]] = Field(
        min_length=1, description="names of 1 to 31 lower-case letters, digits and single hyphens"
    )
    # CreateDomain, IdleSettings: IdleTimeoutInMinutes is 60 to 525600.
    idle_minutes: int = Field(default=60, ge=60, le=525_600, description="60 to 525600 minutes")
    instance_types: list[Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]] = Field(
        default=["ml.t3.medium", "ml.m5.large"], min_length=1, description="SageMaker instance types, e.g. ml.t3.medium"
    )

    @field_validator("profiles")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError(value)
        return value


class Alerts(Settings):
    """Who is told when something needs a person."""

    email: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="an address that gets what the operations topics say; left out, nobody is subscribed",
    )


class Compliance(Settings):
    """What auditors ask for."""

    log_retention_days: int = Field(
        default=365, description=f"one of {', '.join(map(str, sorted(LOG_RETENTION_DAYS)))}"
    )

    @field_validator("log_retention_days")
    @classmethod
    def _known_to_cloudwatch(cls, value: int) -> int:
        if value not in LOG_RETENTION_DAYS:
            raise ValueError(value)
        return value


class Platform(Settings):
    """The whole of `platform.toml`."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9]{2,9}$",
        description="3 to 10 lower-case letters and digits, a letter first (it is the CDK bootstrap qualifier too)",
    )
    region: str = Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", description="an AWS region such as eu-west-1, the same for all accounts"
    )
    zones: list[str] = Field(
        default=["a", "b"], description='two different letters of availability zones of the region, e.g. ["a", "b"]'
    )
    tags: dict[str, str] = Field(default_factory=dict, description="a table of tag names and values, both text")
    accounts: Accounts = Field(description="tables dev, staging and production")
    source: Source = Field(description="a table with provider, and what that provider needs")
    compliance: Compliance = Field(default_factory=Compliance, description="a table with log_retention_days")
    organization: Organization | None = Field(
        default=None, description="a table with id, management_account and targets; left out, there is none"
    )
    people: People = Field(default_factory=People, description="a table with account")
    workbench: Workbench | None = Field(default=None, description="a table with profiles; left out, dev has no Studio")
    alerts: Alerts = Field(default_factory=Alerts, description="a table with email")
    monitoring: Watching = Field(default_factory=Watching, description="a table with backend")

    @field_validator("zones")
    @classmethod
    def _two_zones(cls, value: list[str]) -> list[str]:
        if len(set(value)) != 2 or len(value) != 2 or not all(re.fullmatch("[a-f]", zone) for zone in value):
            raise ValueError(value)
        return value

    @model_validator(mode="after")
    def _managed_from_outside(self) -> Self:
        """Service control policies do not bind the management account (AWS Organizations user guide, "SCPs")."""
        if self.organization and self.organization.management_account in self.account_ids:
            raise refusal(
                field="organization.management_account",
                value=f"{self.organization.management_account}, one of accounts too",
                accepted="an account in which nothing of the platform runs: service control policies do not bind it",
            )
        return self

    @model_validator(mode="after")
    def _production_alone_in_an_organization(self) -> Self:
        """The service control policy leaves production's account to delivery alone."""
        if self.organization and self.beside_production:
            raise refusal(
                field="organization",
                value=f"given, and production shares its account with {self.beside_production}",
                accepted="with [organization], an account of production's own: the service control policy closes it to "
                "all but delivery",
            )
        return self

    @property
    def partition(self) -> str:
        """AWS partition of the region (AWS General Reference, "ARN format")."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def url_suffix(self) -> str:
        """Domain of the partition's service endpoints."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    @property
    def delivery_account(self) -> str:
        """Account of the pipelines and of the runtime image."""
        return self.accounts.delivery.id if self.accounts.delivery else self.accounts.staging.id

    @property
    def delivery(self) -> Delivery:
        """What delivers to all accounts, with its names."""
        return Delivery(platform=self, account=self.delivery_account, region=self.region)

    @property
    def account_ids(self) -> tuple[str, ...]:
        """Every account of the platform, once, in a fixed order."""
        return tuple(dict.fromkeys([*(d.account for d in self.deployments()), self.delivery_account]))

    @property
    def beside_production(self) -> str:
        """The other environments, and delivery, in production's account, in words; empty if it is protected from them.

        Delivery that is in staging's account, as it is unless an account is named for it, goes without saying.
        """
        account = self.accounts.production.id
        parts = [d.part for d in self.deployments() if d.account == account and not d.is_production]
        if self.accounts.delivery and self.accounts.delivery.id == account:
            parts.append(self.delivery.part)
        return " and ".join(parts)

    @property
    def unprotected(self) -> str:
        """A sentence on what production is not protected from; empty if its account is its own."""
        if not self.beside_production:
            return ""
        shared = f"production shares account {self.accounts.production.id} with {self.beside_production}"
        return f"{shared}: it is not protected from who may act there"

    def deployment(self, environment: Environment) -> Deployment:
        """One environment with its names."""
        account: Account = getattr(self.accounts, environment.value)
        return Deployment(
            platform=self, environment=environment, account=account.id, region=self.region, cidr=account.cidr
        )

    def deployments(self) -> tuple[Deployment, ...]:
        """The environments in the order in which a change reaches them."""
        return tuple(self.deployment(environment) for environment in Environment)

    @property
    def boundary_name(self) -> str:
        """Name of the permission boundary that every role of the platform carries; `bootstrap/` makes it."""
        return f"{self.name}-boundary"

    @property
    def bootstrap_stack(self) -> str:
        """Name of the stack of `bootstrap/template.yaml` in each account."""
        return f"{self.name}-bootstrap"

    def boundary_arn(self, account: str) -> str:
        """ARN of the permission boundary in an account."""
        return f"arn:{self.partition}:iam::{account}:policy/{self.boundary_name}"

    @property
    def runtime_repository(self) -> str:
        """Name of the ECR repository of the runtime image."""
        return f"{self.name}-runtime"

    @property
    def keeps_own_trails(self) -> bool:
        """Whether each account records itself, since no trail of an organisation is named."""
        return self.organization is None or self.organization.trail is None

    def bootstrap_role_arn(self, account: str, purpose: str) -> str:
        """ARN of a role that `cdk bootstrap` makes in an account.

        Args:
            account: The account.
            purpose: `cfn-exec`, `deploy`, `file-publishing`, `image-publishing` or `lookup`.
        """
        return f"arn:{self.partition}:iam::{account}:role/cdk-{self.name}-{purpose}-role-{account}-{self.region}"

    def release(self, model: "Model") -> Release:
        """What releases a model, with its names."""
        return Release(platform=self, account=self.delivery_account, region=self.region, model=model)

    def runtime_repository_uri(self, account: str) -> str:
        """URI, without tag, of the repository of the runtime image in an account."""
        return f"{account}.dkr.ecr.{self.region}.{self.url_suffix}/{self.runtime_repository}"

    @property
    def governing(self) -> Deployment:
        """The environment in which it is decided what is trained anew."""
        return next(deployment for deployment in self.deployments() if deployment.governs)

    def runtime_image(self, tag: str) -> str:
        """URI of a runtime image in the delivery account.

        Args:
            tag: Tag of the image: the hash of the runtime's content.
        """
        return f"{self.runtime_repository_uri(self.delivery_account)}:{tag}"


def load_platform(root: Path) -> Platform:
    """Reads `platform.toml` of the project at `root`.

    Raises:
        PlumblineError: The file is missing or breaks a rule.
    """
    return read_settings(root / "platform.toml", Platform)
