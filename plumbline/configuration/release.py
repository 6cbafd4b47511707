"""Names of what releases one model, in the delivery account."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from plumbline.configuration.placement import Placement

if TYPE_CHECKING:
    from plumbline.configuration.model import Model


class ReleaseStep(StrEnum):
    """What a function of a release is for; each has a role and a log group of its own."""

    RECORDER = "recorder"
    VERIFIER = "verifier"
    CHECKER = "checker"
    COPIER = "copier"


@dataclass(frozen=True, kw_only=True)
class Release(Placement):
    """The release pipeline of one model in its account and region.

    Attributes:
        model: The model.
    """

    model: "Model"

    @property
    def part(self) -> str:
        """For example `release-flight-delays`."""
        return f"release-{self.model.slug}"

    @property
    def pipeline_name(self) -> str:
        """Name of the pipeline, and of its role."""
        return self.prefix

    @property
    def pipeline_arn(self) -> str:
        """ARN of the pipeline."""
        return self.arn("codepipeline", self.pipeline_name)

    @property
    def source_action(self) -> str:
        """Name of the action that takes the record."""
        return "Record"

    @property
    def approval_stage(self) -> str:
        """Name of the stage in which a person agrees."""
        return "Approval"

    @property
    def approval_action(self) -> str:
        """Name of the action with which a person agrees."""
        return "Approve"

    @property
    def records_prefix(self) -> str:
        """What begins the keys of the model's records, in delivery's bucket of records."""
        return f"releases/{self.model.name}/"

    def record_key(self, version: int | str) -> str:
        """Key of the record of a version."""
        return f"{self.records_prefix}{version}/record.zip"

    @property
    def answers_prefix(self) -> str:
        """What begins the keys that say who agreed to which release."""
        return f"{self.records_prefix}answers/"

    @property
    def approved_rule(self) -> str:
        """Name of the rule that hears of approved versions."""
        return f"{self.prefix}-approved"

    @property
    def operations_topic(self) -> str:
        """Name of delivery's topic, which tells people what needs them."""
        return self.platform.delivery.operations_topic

    def step_name(self, step: ReleaseStep) -> str:
        """Name of a function and of its role."""
        return f"{self.prefix}-{step}"

    def step_role_arn(self, step: ReleaseStep) -> str:
        """ARN of the role of a function."""
        return self.iam_arn(f"role/{self.step_name(step)}")

    def step_arn(self, step: ReleaseStep) -> str:
        """ARN of a function."""
        return self.arn("lambda", f"function:{self.step_name(step)}")
