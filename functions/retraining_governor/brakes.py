"""Whether a signal starts a run: what is known of a model, its settings and the signal go in, a verdict comes out.

Nothing here asks AWS or the clock. What counts hours, runs and money goes by the signals' own times; since no signal
that is older than the last start begins a run, starts are in the order of time.
"""

import dataclasses
from datetime import datetime, timedelta
from enum import StrEnum

from settings import Settings
from signals import End, Signal


class Brake(StrEnum):
    """What holds a run back."""

    SIGNALS = "signals"
    STOPPED = "stopped"
    STALE = "stale"
    IN_FLIGHT = "in flight"
    COOLDOWN = "cool-down"
    DAY = "runs a day"
    BUDGET = "budget"
    DATASET = "no dataset"
    WAITING = "waiting"
    UNCHANGED = "unchanged"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """A run that is not started.

    Attributes:
        brake: What holds it back.
        why: It in a sentence.
    """

    brake: Brake
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flight:
    """A run that was decided on and has not ended, as far as is known.

    Attributes:
        signal: Id of the signal that it was started by.
        execution: The execution's ARN; empty until it is known.
    """

    signal: str
    execution: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """What is known of a model.

    Attributes:
        revision: How often it was written; 0 when never.
        flight: The run that is in flight.
        landed: The last run that has ended, unless it succeeded: a person may retry it.
        starts: When runs were started, in order of time: those of the last one's month, and of the one's before it.
        failures: How many runs in a row have failed.
        stopped: When so many had failed that only a person starts the next; None while it goes on by itself.
        told: Whether a person was told so.
        known: Signal whose run was the last one that has ended with a result; empty when none has.
    """

    revision: int = 0
    flight: Flight | None = None
    landed: Flight | None = None
    starts: tuple[datetime, ...] = ()
    failures: int = 0
    stopped: datetime | None = None
    told: bool = False
    known: str = ""


def held(state: State, settings: Settings, signal: Signal) -> Held | None:
    """What holds a run back; None when nothing of what is known here does."""
    for find in (_not_taken, _stopped, _stale, _in_flight, _cooling, _day_used_up, _budget_used_up):
        if found := find(state, settings, signal):
            return found
    return None


def resumed(state: State, signal: Signal) -> State:
    """The state after a person said, after it was stopped, that it goes on; otherwise the same state.

    It goes on even if another brake holds the person's own run back.
    """
    if state.stopped is None or not signal.resume or signal.time < state.stopped:
        return state
    return dataclasses.replace(state, failures=0, stopped=None, told=False)


def started(state: State, signal_id: str, time: datetime) -> State:
    """The state after a run was decided on.

    Args:
        state: The state before.
        signal_id: The signal.
        time: The signal's time.
    """
    # Of the last start's month as well: should this run not start after all, signals of that month still count on it.
    months = {_month(time), *map(_month, state.starts[-1:])}
    starts = sorted((*(start for start in state.starts if _month(start) in months), time))
    return dataclasses.replace(state, flight=Flight(signal=signal_id), starts=tuple(starts))


def not_started(state: State, signal_id: str, time: datetime) -> State:
    """The state after a run that was decided on could not be started: it is not in flight, and costs nothing."""
    if state.flight is None or state.flight.signal != signal_id:
        return state
    starts = list(state.starts)
    if time in starts:
        starts.remove(time)
    return dataclasses.replace(state, flight=None, starts=tuple(starts))


def flying(state: State, signal_id: str, execution: str) -> State:
    """The state after it became known which execution a signal started."""
    if state.flight is None or state.flight.signal != signal_id:
        return state
    return dataclasses.replace(state, flight=Flight(signal=signal_id, execution=execution))


def ended(state: State, end: End, *, failures: int, before: End | None = None) -> State:
    """The state after a run has ended; the same state when it is neither in flight nor the last one that has ended.

    A run that a person has stopped is neither a failure nor the end of a row of them, and has no result. One that broke
    is a failure, and has none either. One that was retried fails once at most, and if it succeeds after all, there is
    no row of failures any more, and nothing is stopped.

    Args:
        state: The state before.
        end: The end.
        failures: After how many failures in a row it is stopped.
        before: The run's end before it was retried.
    """
    found = [one for one in (state.flight, state.landed) if one is not None and one.execution == end.execution]
    if not found:
        return state
    last = found[0]
    landed = dataclasses.replace(state, flight=None if last == state.flight else state.flight, landed=last)
    if end.judged:
        landed = dataclasses.replace(landed, known=last.signal)
    if end.status == "Succeeded":
        return dataclasses.replace(landed, landed=None, failures=0, stopped=None, told=False)
    if end.status != "Failed" or (before is not None and before.status == "Failed"):
        return landed
    failed = dataclasses.replace(landed, failures=state.failures + 1)
    if failed.failures < failures or failed.stopped is not None:
        return failed
    return dataclasses.replace(failed, stopped=end.time, told=False)


def _not_taken(_state: State, settings: Settings, signal: Signal) -> Held | None:
    if signal.kind in settings.signals:
        return None
    return Held(brake=Brake.SIGNALS, why=f"{signal.model} takes no signals of kind {signal.kind}")


def _stopped(state: State, _settings: Settings, signal: Signal) -> Held | None:
    if state.stopped is None:
        return None
    why = f"{state.failures} runs in a row have failed, and only a person who says so resumes"
    return Held(brake=Brake.STOPPED, why=f"{why}, after {state.stopped.isoformat()}" if signal.resume else why)


def _stale(state: State, _settings: Settings, signal: Signal) -> Held | None:
    if not state.starts or signal.time >= state.starts[-1]:
        return None
    last = state.starts[-1].isoformat()
    return Held(brake=Brake.STALE, why=f"the signal of {signal.time.isoformat()} is older than the last run, of {last}")


def _in_flight(state: State, _settings: Settings, _signal: Signal) -> Held | None:
    if state.flight is None:
        return None
    return Held(brake=Brake.IN_FLIGHT, why=f"the run that {state.flight.signal} started has not ended")


def _cooling(state: State, settings: Settings, signal: Signal) -> Held | None:
    if not state.starts or signal.time - state.starts[-1] >= timedelta(hours=float(settings.cooldown_hours)):
        return None
    last, hours = state.starts[-1].isoformat(), settings.cooldown_hours
    return Held(brake=Brake.COOLDOWN, why=f"fewer than {hours} hours have passed since the last run, of {last}")


def _day_used_up(state: State, settings: Settings, signal: Signal) -> Held | None:
    runs = sum(start.date() == signal.time.date() for start in state.starts)
    if runs < settings.runs_a_day:
        return None
    return Held(brake=Brake.DAY, why=f"{signal.time.date()} has had {runs} of {settings.runs_a_day} runs")


def _budget_used_up(state: State, settings: Settings, signal: Signal) -> Held | None:
    runs = sum(_month(start) == _month(signal.time) for start in state.starts)
    spent, budget = runs * settings.run_cost, settings.monthly_budget
    if spent + settings.run_cost <= budget:
        return None
    month = f"{signal.time:%Y-%m}"
    return Held(brake=Brake.BUDGET, why=f"a run costs {settings.run_cost}, and {month} has spent {spent} of {budget}")


def _month(time: datetime) -> tuple[int, int]:
    return time.year, time.month
