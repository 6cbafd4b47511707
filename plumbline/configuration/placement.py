"""A part of the platform in its account: what its names begin with, and the ARNs of what they name."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plumbline.configuration.platform import Platform


class Person(StrEnum):
    """What a role of people is for."""

    DATA_SCIENTIST = "data-scientist"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ON_CALL = "on-call"
    BREAK_GLASS = "break-glass"


@dataclass(frozen=True, kw_only=True)
class Placement(ABC):
    """An environment, or delivery, in one account and region.

    Attributes:
        platform: The configuration it belongs to.
        account: 12-digit account id.
        region: AWS region, e.g. `eu-west-1`.
    """

    platform: "Platform"
    account: str
    region: str

    @property
    @abstractmethod
    def part(self) -> str:
        """Which part of the platform it is, e.g. `staging` or `delivery`."""

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.platform.partition

    @property
    def prefix(self) -> str:
        """What every name of this part begins with, e.g. `plumbline-staging`."""
        return f"{self.platform.name}-{self.part}"

    def bucket(self, purpose: str) -> str:
        """Globally unique bucket name, e.g. `plumbline-staging-data-222222222222`."""
        return f"{self.prefix}-{purpose}-{self.account}"

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
    def alarm_arns(self) -> list[str]:
        """Patterns of the ARNs of the alarms that the topic is told of."""
        return [self.arn("cloudwatch", f"alarm:{self.prefix}-*")]

    @property
    def rule_arns(self) -> list[str]:
        """Patterns of the ARNs of this part's rules, on the account's default bus and on the part's own."""
        return [self.arn("events", f"rule/{bus}{self.prefix}-*") for bus in ("", f"{self.prefix}/")]

    def person_role_name(self, person: Person) -> str:
        """Name of a role that people assume."""
        return f"{self.prefix}-{person}"

    def person_role_arn(self, person: Person) -> str:
        """ARN of a role that people assume."""
        return self.iam_arn(f"role/{self.person_role_name(person)}")

    @property
    def people_account(self) -> str:
        """Account in which the people of this part sign in."""
        return self.platform.people.account or self.account

    def parameter(self, path: str) -> str:
        """Name of an SSM parameter, e.g. `/plumbline/staging/keys/data`."""
        return f"/{self.platform.name}/{self.part}/{path}"

    def dead_letter_queue(self, purpose: str) -> str:
        """Name of the queue of what failed."""
        return f"{self.prefix}-{purpose}-failed"

    def function_name(self, name: str) -> str:
        """Name of a function, whose folder is named with underscores."""
        return f"{self.prefix}-{name.replace('_', '-')}"

    @property
    def execution_role_arn(self) -> str:
        """ARN of the role with which CloudFormation deploys in this account; `cdk bootstrap` makes it."""
        return self.platform.bootstrap_role_arn(self.account, "cfn-exec")

    @property
    def deploy_role_arn(self) -> str:
        """ARN of the role with which a stack's deployment is asked for in this account; `cdk bootstrap` makes it."""
        return self.platform.bootstrap_role_arn(self.account, "deploy")

    @property
    def publishing_role_arn(self) -> str:
        """ARN of the role with which files of stacks are published in this account; `cdk bootstrap` makes it."""
        return self.platform.bootstrap_role_arn(self.account, "file-publishing")

    def iam_arn(self, resource: str) -> str:
        """ARN of an IAM resource of this account."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    def arn(self, service: str, resource: str) -> str:
        """ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"
