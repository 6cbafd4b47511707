"""What a year showed."""

import dataclasses
from collections.abc import Mapping, Sequence

Quality = Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retraining:
    """What came of an alarm.

    Attributes:
        verdict: What the governor has decided: `started`, `refused` or `failed to start`.
        why: What has held it back; empty if nothing did.
        run: How the run has ended; empty without one.
        reason: Why it has failed; empty if it has not.
        gate: The figures that the run's gate has looked at.
        version: The number of the version that was released to production; empty if none was.
        seconds: From the alarm to that.
    """

    verdict: str
    why: str = ""
    run: str = ""
    reason: str = ""
    gate: Mapping[str, object] = dataclasses.field(default_factory=dict)
    version: str = ""
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Passed:
    """A window that has passed in production.

    Attributes:
        month: Of which month its flights are.
        window: Name of the window, in the rehearsal's own time.
        flights: How many the endpoint was asked for.
        of_all: Of how many they were drawn.
        late: The share of late ones among them.
        version: Number of the version that has answered.
        answered: When the last was answered and all of them were scored, in ISO 8601.
        labelled: When their labels were delivered, in ISO 8601.
        deviations: By monitor.
        alarm: Whether the model's alarm went off.
        retraining: What came of it; None without an alarm.
        served: How good the answers of production were.
        seconds: How long the month took here.
        never_retrained: How good those of the first version would have been; empty for a stationary window.
        seasonal_naive: How good the shares of the month before would have been; likewise.
    """

    month: str
    window: str
    flights: int
    of_all: int
    late: float
    version: str
    answered: str
    labelled: str
    deviations: Mapping[str, float]
    alarm: bool
    retraining: Retraining | None
    served: Quality
    seconds: float
    never_retrained: Quality = dataclasses.field(default_factory=dict)
    seasonal_naive: Quality = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Year:
    """A year of a model.

    Attributes:
        model: The model's name.
        line: The deviation above which a window is beyond it.
        windows_to_alarm: How many of the last `evaluation_windows` have to be.
        evaluation_windows: See there.
        stationary: Windows of one month's flights, drawn anew for each: none of them may retrain.
        months: The months, in order.
        seconds: Seconds of all of it.
    """

    model: str
    line: float
    windows_to_alarm: int
    evaluation_windows: int
    stationary: Sequence[Passed]
    months: Sequence[Passed]
    seconds: float

    @property
    def versions(self) -> list[str]:
        """The versions that alarms have brought to production."""
        made = [one.retraining for one in self.months if one.retraining is not None]
        return [one.version for one in made if one.version]

    def rows(self) -> list[tuple[str, str]]:
        """The year as pairs of what and how much, for a table."""
        still = max((max(one.deviations.values(), default=0.0) for one in self.stationary), default=0.0)
        alarms = sum(one.alarm for one in self.months)
        return [
            ("stationary", f"{_many(len(self.stationary), 'window')}, no alarm, largest deviation {still:.3f}"),
            *((one.month, _told(one)) for one in self.months),
            (
                "year",
                f"{_many(len(self.months), 'month')}, {_many(alarms, 'alarm')}, retrained {_times(self.versions)}",
            ),
        ]


def _told(one: Passed) -> str:
    name, deviation = max(one.deviations.items(), key=lambda item: item[1])
    quality = " / ".join(
        f"{quality['average_precision']:.3f}" for quality in (one.served, one.never_retrained, one.seasonal_naive)
    )
    told = f"version {one.version}, {name} {deviation:.3f}, average precision {quality}"
    if one.retraining is None:
        return told
    made = one.retraining
    came = f"version {made.version}" if made.version else made.run or made.verdict
    return f"{told}; alarm: {came}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _times(versions: Sequence[str]) -> str:
    return "once" if len(versions) == 1 else f"{len(versions)} times"
