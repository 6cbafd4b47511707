"""`analysis.json` of SageMaker Clarify, or the `constraints.json` that Model Monitor makes of it, as it is read.

Source: "Analysis Results", Amazon SageMaker developer guide, schema 1.0. Sections that no check needs are passed over.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from runtime.monitoring.attribution import Explanation
from runtime.monitoring.bias import BiasAnalysis, BiasMetric, FacetBias
from runtime.monitoring.documents import read_model

ANALYSIS = "analysis.json"
_OF = "SageMaker Clarify"


def _defined(value: object) -> object:
    return None if value in ("Infinity", "-Infinity") else value


# Sums of a few are finite too. A text is no number, and neither is true.
_Finite = Annotated[float, Field(strict=True, gt=-1e300, lt=1e300, allow_inf_nan=False)]
_Value = Annotated[_Finite | None, BeforeValidator(_defined)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Metric(_Part):
    name: str
    description: str
    value: _Value = None
    standard_deviation: _Value = None
    lower_confidence: _Value = None
    upper_confidence: _Value = None

    def metric(self) -> BiasMetric:
        return BiasMetric(
            value=self.value,
            standard_deviation=self.standard_deviation,
            lower=self.lower_confidence,
            upper=self.upper_confidence,
            description=self.description,
        )


class _Facet(_Part):
    value_or_threshold: str
    metrics: list[_Metric]


class _Stage(_Part):
    label: str
    label_value_or_threshold: str
    facets: dict[str, list[_Facet]]

    def of_facets(self) -> Mapping[tuple[str, str], Mapping[str, BiasMetric]]:
        return {
            (name, facet.value_or_threshold): {metric.name: metric.metric() for metric in facet.metrics}
            for name, facets in self.facets.items()
            for facet in facets
        }


class BiasDocument(_Part):
    """The bias of one label: metrics that Clarify alone has, such as FT, are kept, and its "Infinity" is None."""

    version: Literal["1.0"]
    pre_training_bias_metrics: _Stage | None = None
    post_training_bias_metrics: _Stage | None = None

    @property
    def _stages(self) -> Sequence[_Stage]:
        return [stage for stage in (self.pre_training_bias_metrics, self.post_training_bias_metrics) if stage]

    @model_validator(mode="after")
    def _of_one_label(self) -> "BiasDocument":
        labels = {(stage.label, stage.label_value_or_threshold) for stage in self._stages}
        if len(labels) != 1:
            raise ValueError(
                f"the bias analysis has {len(labels)} labels; "
                "accepted: one, in pre_training_bias_metrics or post_training_bias_metrics"
            )
        return self

    def analysis(self) -> BiasAnalysis:
        """What it says."""
        before, after = (
            stage.of_facets() if stage else {}
            for stage in (self.pre_training_bias_metrics, self.post_training_bias_metrics)
        )
        return BiasAnalysis(
            label=self._stages[0].label,
            label_value_or_threshold=self._stages[0].label_value_or_threshold,
            facets=[
                FacetBias(
                    facet=facet,
                    value_or_threshold=value,
                    pre_training=before.get((facet, value), {}),
                    post_training=after.get((facet, value), {}),
                )
                for facet, value in dict.fromkeys([*before, *after])
            ],
        )


class _Explained(_Part):
    global_shap_values: Annotated[dict[str, Annotated[_Finite, Field(ge=0)]], Field(min_length=1)]
    expected_value: _Finite | None = None


class _Methods(_Part):
    kernel_shap: Annotated[dict[str, _Explained], Field(min_length=1)]


class ExplanationDocument(_Part):
    """What the scores of labels owe to the features."""

    version: Literal["1.0"]
    explanations: _Methods

    def by_label(self) -> Mapping[str, Explanation]:
        """What it says."""
        return {
            label: Explanation(global_attributions=one.global_shap_values, expected_value=one.expected_value)
            for label, one in self.explanations.kernel_shap.items()
        }


def read_bias(path: Path) -> BiasAnalysis:
    """The bias sections of a file.

    Raises:
        JobError: It is missing, or has another shape or version, no label or several, or a number that is none.
    """
    return read_model(path, BiasDocument, of=_OF).analysis()


def read_explanations(path: Path) -> Mapping[str, Explanation]:
    """The explanations of a file by label, at least one.

    Raises:
        JobError: It is missing, has another shape or version, a label without features, or an attribution that is
            negative or no finite number.
    """
    return read_model(path, ExplanationDocument, of=_OF).by_label()
