"""What is checked of a deployed model: the document that the training run is told, and its monitor finds again.

It lies with the baselines, so that a window is compared in the way in which its baseline was made, whatever has been
asked for since.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import JobError
from runtime.monitoring.documents import document_text
from runtime.monitoring.fairness_check import Facet
from runtime.monitoring.model_quality import Kind
from runtime.monitoring.quality_check import Problem, refuse_unknown_metrics

DATA_QUALITY, MODEL_QUALITY, BIAS, EXPLAINABILITY = "data-quality", "model-quality", "bias", "explainability"
CHECKS_FILE = "checks.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataQualityAsked(_Part):
    """Which inputs' deviation counts; none named: all.

    An input that moves with the calendar alone, such as the month, always deviates and tells nothing.
    """

    features: Sequence[str] = ()


class ModelQualityAsked(_Part):
    """Which metrics' worsening counts; none named: what `Problem` takes."""

    metrics: Sequence[str] = ()


class BiasAsked(_Part):
    """Who is looked after: the rows whose `facet` has one of `values`, or is above a number."""

    facet: str
    values: Sequence[str] = ()
    above: float | None = None
    group: str | None = None


class ExplainabilityAsked(_Part):
    """Of how many answers of a window attributions are computed, at most."""

    rows: int = Field(default=2_000, ge=1)


class Checks(_Part):
    """What a model answers, and what is checked of it; a check that is left out is not made.

    Attributes:
        answers: The probability of one of two classes, a class, or a number.
        answer: The field of an answer.
        label: The column of the truth.
        positive: The positive label of two classes, as text.
        data_quality: Whether what is asked looks like what the model was trained on.
        model_quality: Whether it answers as well as on its test rows.
        bias: Whether it is as fair as on its test rows.
        explainability: Whether it answers for the reasons for which it did on its test rows.
    """

    answers: Kind
    answer: str
    label: str
    positive: str = "1"
    data_quality: DataQualityAsked | None = None
    model_quality: ModelQualityAsked | None = None
    bias: BiasAsked | None = None
    explainability: ExplainabilityAsked | None = None

    @property
    def problem(self) -> Problem:
        """What model quality is measured of."""
        metrics = self.model_quality.metrics if self.model_quality else ()
        return Problem(kind=self.answers, answer=self.answer, label=self.label, positive=self.positive, metrics=metrics)

    @property
    def facet(self) -> Facet:
        """What bias is measured of.

        Raises:
            JobError: It is not asked for, or by a facet that is none.
        """
        if self.bias is None:
            raise JobError("bias is not asked for; accepted: a facet.")
        return Facet(
            column=self.bias.facet,
            values=self.bias.values,
            above=self.bias.above,
            label=self.label,
            positive=self.positive,
            answer=self.answer,
            group=self.bias.group,
        )

    @property
    def names(self) -> list[str]:
        """The names of the checks that are made, in the order in which they are."""
        made = {
            DATA_QUALITY: self.data_quality,
            MODEL_QUALITY: self.model_quality,
            BIAS: self.bias,
            EXPLAINABILITY: self.explainability,
        }
        return [name for name, asked in made.items() if asked is not None]

    def refuse_unknown(self, inputs: Sequence[str]) -> None:
        """Refuses what these inputs or this kind of answers have not.

        Args:
            inputs: The model's, by name.

        Raises:
            JobError: A feature that counts, or a column of the facet, is no input, or a metric is unknown.
        """
        named = [*(self.data_quality.features if self.data_quality else ())]
        if self.bias is not None:
            named += [name for name in (self.bias.facet, self.bias.group) if name is not None]
        if unknown := [name for name in named if name not in inputs]:
            raise JobError(f"{unknown[0]} is no input of the model; accepted: {', '.join(inputs)}.")
        if taken := [name for name in (self.answer, self.label) if name in inputs]:
            raise JobError(f"{taken[0]} is an input of the model; accepted: another name for the answer and the label.")
        refuse_unknown_metrics(self.answers, self.model_quality.metrics if self.model_quality else ())

    def text(self) -> str:
        """The content of `checks.json`."""
        return document_text(self.model_dump(mode="json", exclude_none=True))


def checks_of(text: str) -> Checks:
    """Reads the document.

    Raises:
        JobError: It is none; the sentence names the first place of all.
    """
    try:
        return Checks.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise JobError(f"the checks are none: {place}: {fault['msg']}; accepted: what `Checks` describes.") from error
