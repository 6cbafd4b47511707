"""`[monitoring]` of a `model.toml`: what is watched of a deployed model, how often, and when it is too much."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plumbline.configuration.reading import Settings, refusal

# A name with its path, or an ARN, and no pattern: whoever delivers the truth says how good a model is.
_RoleName = Annotated[
    str, Field(pattern=r"^(arn:aws[a-z-]*:iam::[0-9]{12}:role/)?([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$")
]
_NAME = Field(min_length=1, max_length=255, description="the name of a column or a field")


class Monitor(StrEnum):
    """The checks, by the names that their files, metrics and alarms have."""

    DATA_QUALITY = "data-quality"
    MODEL_QUALITY = "model-quality"
    BIAS = "bias"
    EXPLAINABILITY = "explainability"


_HOURS_OF_A_DAY, _WAITED_DAYS = 24, 2


class Every(StrEnum):
    """How long a window is; the next one begins when it ends."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def shortest(self) -> timedelta:
        """The least time from the end of a window to the end of the next."""
        return {
            Every.HOUR: timedelta(hours=1),
            Every.DAY: timedelta(days=1),
            Every.WEEK: timedelta(days=7),
            Every.MONTH: timedelta(days=28),
        }[self]

    @property
    def schedule(self) -> str:
        """A quarter of an hour after the end of a window, when its captures are written.

        SageMaker writes captures "within a few minutes" (developer guide, "Capture data from real-time endpoint").
        """
        moments = {
            Every.HOUR: "15 * * * ? *",
            Every.DAY: "15 0 * * ? *",
            Every.WEEK: "15 0 ? * MON *",
            Every.MONTH: "15 0 1 * ? *",
        }
        return f"cron({moments[self]})"

    @property
    def calls(self) -> str:
        """When it is looked for a window that has ended: on every day at least.

        An alarm of CloudWatch looks back seven days at most, so what came once a week could be missed by none.
        """
        return (Every.HOUR if self is Every.HOUR else Every.DAY).schedule

    @property
    def between_calls(self) -> timedelta:
        """The time from one call to the next."""
        return min(self.shortest, Every.DAY.shortest)


class DataQualityMonitor(Settings):
    """Whether what is asked looks like what the model was trained on."""

    features: list[str] = Field(
        default_factory=list, description="the inputs whose deviation counts, a list of names; none: all"
    )


class ModelQualityMonitor(Settings):
    """Whether the model answers as well as on its test rows."""

    metrics: list[str] = Field(
        default_factory=list, description="the metrics whose worsening counts, a list of names; none: the gate's"
    )


# What counts where `metrics` names none: the runtime's own choice.
_METRICS = {"binary": ("average_precision", "log_loss"), "multiclass": ("accuracy",), "regression": ("rmse",)}


class BiasMonitor(Settings):
    """Whether the model is as fair to the rows of a facet as on its test rows."""

    facet: str = _NAME
    values: list[str] = Field(default_factory=list, description="the values of the facet, a list of texts")
    above: float | None = Field(default=None, description="a number")
    group: str | None = Field(default=None, min_length=1, description="the name of a column")

    @model_validator(mode="after")
    def _one_facet(self) -> Self:
        if bool(self.values) is (self.above is not None):
            given = "given with values" if self.values else "missing without values"
            raise refusal(field="above", value=given, accepted="either values or above, which tell who is looked after")
        return self


class ExplainabilityMonitor(Settings):
    """Whether the model answers for the reasons for which it did on its test rows."""

    rows: int = Field(default=2_000, ge=100, le=100_000, description="a whole number of answers from 100 to 100000")


class Monitoring(Settings):
    """What is watched; a check without a table is not made.

    A window counts when the deviation of a check is above `line`; the alarm goes off when `windows_to_alarm` of the
    last `evaluation_windows` windows do.
    """

    every: Every = Field(description='"hour", "day", "week" or "month"', strict=False)
    answers: Literal["binary", "multiclass", "regression"] = Field(description='"binary", "multiclass" or "regression"')
    answer: str = _NAME
    label: str = _NAME
    positive: str = Field(default="1", min_length=1, description="the positive label, as text")
    labels_after_hours: int = Field(
        default=0, ge=0, le=24 * 366, description="whole hours from 0 to 8784: how late the truth is known"
    )
    labels_from: list[_RoleName] = Field(
        default_factory=list,
        description="names of production's roles, with their paths, or ARNs of others', that deliver the truth; none: "
        "nobody may",
    )
    line: float = Field(default=0.10, gt=0.0, lt=1.0, description="a number between 0 and 1")
    windows_to_alarm: int = Field(default=1, ge=1, le=100, description="a whole number from 1 to 100")
    evaluation_windows: int = Field(
        default=1, ge=1, le=100, description="a whole number from 1 to 100, windows_to_alarm or more"
    )
    data_quality: DataQualityMonitor | None = Field(default=None, description="a table with features")
    model_quality: ModelQualityMonitor | None = Field(default=None, description="a table with metrics")
    bias: BiasMonitor | None = Field(default=None, description="a table with facet and values or above")
    explainability: ExplainabilityMonitor | None = Field(default=None, description="a table with rows")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.windows_to_alarm > self.evaluation_windows:
            raise refusal(
                field="windows_to_alarm",
                value=self.windows_to_alarm,
                accepted=f"evaluation_windows ({self.evaluation_windows}) or fewer",
            )
        if self.answer == self.label:
            raise refusal(field="label", value=self.label, accepted="another name than answer has")
        if self.bias is not None and self.answers != "binary":
            raise refusal(field="answers", value=self.answers, accepted='"binary", or no table bias')
        if not self.checks:
            raise refusal(
                field="every",
                value=self.every,
                accepted="a check too: a table data_quality, model_quality, bias or explainability",
            )
        return self

    @property
    def checks(self) -> tuple[Monitor, ...]:
        """The checks that are made, in the order in which they are."""
        made = {
            Monitor.DATA_QUALITY: self.data_quality,
            Monitor.MODEL_QUALITY: self.model_quality,
            Monitor.BIAS: self.bias,
            Monitor.EXPLAINABILITY: self.explainability,
        }
        return tuple(monitor for monitor, asked in made.items() if asked is not None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of model quality whose worsening counts; empty if it is not watched."""
        if self.model_quality is None:
            return ()
        return tuple(self.model_quality.metrics) or _METRICS[self.answers]

    @property
    def looked_at_after(self) -> timedelta:
        """How long after its end a window is looked at, in whole days.

        A week's or a month's waits for its own truth, if that is known within two days: it would otherwise be told of
        one week or month late. What is shorter does not wait, and the truth of an older window is taken.
        """
        days = -(-self.labels_after_hours // _HOURS_OF_A_DAY)
        waits = self.every in (Every.WEEK, Every.MONTH) and days <= _WAITED_DAYS
        return timedelta(days=days if waits else 0)

    @property
    def document(self) -> dict[str, object]:
        """What the training run and the monitoring job are told: `Checks` of the runtime."""
        asked: dict[str, object] = {"answers": self.answers, "answer": self.answer, "label": self.label}
        if self.positive != "1":
            asked["positive"] = self.positive
        for monitor in self.checks:
            name = monitor.value.replace("-", "_")
            asked[name] = getattr(self, name).model_dump(exclude_defaults=True)
        return asked
