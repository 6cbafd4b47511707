"""`[retraining]` of a `model.toml`: what trains a model anew by itself, and what holds it back."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from plumbline.configuration.monitoring import Every
from plumbline.configuration.reading import Settings, refusal

# The event by which a person asks for a retraining, on the bus of the environment that governs.
REQUEST_SOURCE, REQUEST_TYPE = "plumbline", "Retraining Requested"

Signal = Literal["drift", "schedule", "data", "person", "code"]


class Retraining(Settings):
    """Which signals start a training run of record, how often, and at what cost.

    `run_cost` and `monthly_budget` are in the currency of your bill; `./plumb smoke --aws` tells what a run costs.
    """

    signals: list[Signal] = Field(
        default=["drift", "person"],
        description='a list of "drift", "schedule", "data", "person" and "code"',
    )
    every: Every | None = Field(
        default=None, description='"hour", "day", "week" or "month", with "schedule" among the signals', strict=False
    )
    cooldown_hours: float = Field(default=24.0, ge=0, le=8760, description="hours from 0 to 8760 (a year)")
    runs_a_day: int = Field(default=2, ge=1, le=100, description="a whole number from 1 to 100")
    monthly_budget: float = Field(default=100.0, ge=0, le=1e9, description="an amount of money, 0 or more")
    run_cost: float = Field(default=1.0, ge=0, le=1e9, description="an amount of money, 0 or more")
    failures: int = Field(
        default=3, ge=1, le=100, description="a whole number from 1 to 100: failed runs in a row that stop it"
    )
    labelled_windows: int = Field(
        default=12,
        ge=0,
        le=366,
        description="a whole number from 0 to 366: windows with labels, the newest, that a run trains on; 0 for none",
    )
    leave_out: list[Annotated[str, Field(pattern=r"^[0-9]{8}T[0-9]{4}Z$")]] = Field(
        default_factory=list,
        max_length=100,
        description="names of labelled windows that no run trains on, such as 20130501T0000Z, at most 100",
    )

    @model_validator(mode="after")
    def _schedule(self) -> Self:
        if ("schedule" in self.signals) != (self.every is not None):
            given = "missing with schedule among signals" if self.every is None else self.every
            raise refusal(field="every", value=given, accepted='"hour" to "month" together with the signal "schedule"')
        if self.run_cost > self.monthly_budget:
            raise refusal(
                field="run_cost", value=self.run_cost, accepted=f"monthly_budget ({self.monthly_budget:g}) or less"
            )
        return self

    @property
    def document(self) -> dict[str, object]:
        """What the governor reads of a model."""
        return self.model_dump(exclude={"every"})
