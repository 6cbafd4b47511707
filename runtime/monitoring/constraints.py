"""`constraints.json`: what a window of data must keep, in the format of SageMaker Model Monitor.

Source: "Schema for constraints (constraints.json file)", Amazon SageMaker developer guide.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.monitoring.documents import document_text, read_model, refuse_twice
from runtime.monitoring.estimate import LINE
from runtime.monitoring.statistics import Feature, Statistics
from runtime.monitoring.summary import Kind

_Share = Annotated[float, Field(ge=0, le=1)]
_Switch = Literal["Enabled", "Disabled"]
# A text column with more values than this is no set of categories: names and identifiers are always new.
_DOMAIN = 120
# Model Monitor knows one method more.
_ACCEPTED = "Model Monitor, with the methods Simple and Robust, and LInfinity of categories"


class _Part(BaseModel):
    # A key that is misspelt would leave the default in its place, and nobody would know.
    model_config = ConfigDict(frozen=True, extra="forbid")


class NumConstraints(_Part):
    """What numbers keep."""

    is_non_negative: bool


class StringConstraints(_Part):
    """What texts keep: the categories that there are."""

    domains: list[str]


class DistributionConstraints(_Part):
    """How distributions are compared.

    Of categories Model Monitor also knows `ChiSquared`, which has no distance between 0 and 1 and is not accepted.
    """

    perform_comparison: _Switch = "Enabled"
    comparison_threshold: _Share = LINE
    comparison_method: Literal["Simple", "Robust"] = "Robust"
    categorical_comparison_threshold: _Share = LINE
    categorical_drift_method: Literal["LInfinity"] = "LInfinity"


class MonitoringConfig(_Part):
    """What is checked, and how strictly."""

    evaluate_constraints: _Switch = "Enabled"
    emit_metrics: _Switch = "Enabled"
    datatype_check_threshold: _Share = 0.1
    domain_content_threshold: _Share = 0.1
    distribution_constraints: DistributionConstraints = DistributionConstraints()


class FeatureConstraints(_Part):
    """What a column must keep.

    Attributes:
        name: The column.
        inferred_type: What its values are.
        completeness: The least share of rows that must have a value.
        num_constraints: What numbers keep.
        string_constraints: What texts keep.
        overrides: The configuration for this column alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str
    inferred_type: Kind
    completeness: _Share
    num_constraints: NumConstraints | None = None
    string_constraints: StringConstraints | None = None
    overrides: MonitoringConfig | None = Field(default=None, alias="monitoringConfigOverrides")


class Constraints(_Part):
    """What a window of data must keep."""

    version: Annotated[float, Field(ge=0, lt=1)] = 0.0  # of Model Monitor's format: 0 is the only one there is
    features: list[FeatureConstraints]
    monitoring_config: MonitoringConfig = MonitoringConfig()

    def config_of(self, feature: FeatureConstraints) -> MonitoringConfig:
        """The configuration of a column: the file's, but for what the column's own says."""
        if feature.overrides is None:
            return self.monitoring_config
        own, asked = self.monitoring_config.model_dump(), feature.overrides.model_dump(exclude_unset=True)
        compared = own["distribution_constraints"] | asked.pop("distribution_constraints", {})
        return MonitoringConfig.model_validate(own | asked | {"distribution_constraints": compared})

    def text(self) -> str:
        """The file's content."""
        return document_text(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def suggested(baseline: Statistics) -> Constraints:
    """The constraints that the baseline itself keeps, for a person to look at.

    Args:
        baseline: The statistics of the data that a model was trained on, or of a window that was good.
    """
    return Constraints(features=[_of_feature(feature) for feature in baseline.features])


def comparing(constraints: Constraints, features: Collection[str]) -> Constraints:
    """The same constraints, but that the distributions of these features alone are compared.

    What moves with the calendar breaks no constraint by moving; its type, its completeness and its categories count.

    Args:
        constraints: The constraints.
        features: The names of the features.
    """
    apart = MonitoringConfig(distribution_constraints=DistributionConstraints(perform_comparison="Disabled"))
    kept = [
        each if each.name in features else each.model_copy(update={"overrides": apart}) for each in constraints.features
    ]
    return constraints.model_copy(update={"features": kept})


def read_constraints(path: Path) -> Constraints:
    """Reads `constraints.json`, ours or Model Monitor's.

    Raises:
        JobError: It is missing, is none, asks for what is not known, or has a column twice.
    """
    found = read_model(path, Constraints, of=_ACCEPTED)
    refuse_twice(path, (feature.name for feature in found.features))
    return found


def _of_feature(feature: Feature) -> FeatureConstraints:
    common = feature.common
    rows = common.num_present + common.num_missing
    numbers, texts = feature.numerical_statistics, feature.string_statistics
    domain = None
    if texts is not None and feature.inferred_type is Kind.STRING:
        counts, others = texts.counts()
        if not others and 0 < len(counts) <= _DOMAIN:
            domain = StringConstraints(domains=sorted(counts))
    return FeatureConstraints(
        name=feature.name,
        inferred_type=feature.inferred_type,
        completeness=common.num_present / rows if rows else 0.0,
        num_constraints=NumConstraints(is_non_negative=numbers.min is not None and numbers.min >= 0)
        if numbers
        else None,
        string_constraints=domain,
    )
