"""Lets the months of a year pass in production, and follows what comes of each."""

import dataclasses
import datetime
import importlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from plumbline.configuration import Environment, Monitoring, Person
from plumbline.errors import PlumblineError
from plumbline.rehearsal import images, predictions, release, releasing, training_run
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.people import People
from plumbline.rehearsal.progress import Step
from plumbline.rehearsal.training import TrainedModel
from plumbline.rehearsal.watching import Watching, decision, decisions
from plumbline.rehearsal.year.story import Passed, Retraining, Year

_STATIONARY_WINDOWS, _STATIONARY_ROWS = 9, 2_000  # as many as months
_BECAUSE = "a year's rehearsal"


class Month(Protocol):
    """A month of a model's traffic, as the model's own folder draws it."""

    @property
    def name(self) -> str:
        """Such as 2013-04."""
        ...

    @property
    def rows(self) -> tuple[str, ...]:
        """What the endpoint is asked, a JSON object a row."""
        ...

    @property
    def labels(self) -> tuple[int, ...]:
        """The truth of each row, 0 or 1."""
        ...

    @property
    def of_all(self) -> int:
        """Of how many the rows were drawn."""
        ...

    def quality(self, probabilities: Sequence[float]) -> dict[str, float]:
        """How good probabilities for the rows are."""
        ...

    def seasonal_naive(self, before: "Month") -> Sequence[float]:
        """What anybody could say who knew the month before."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenery:
    """Where a year passes.

    Attributes:
        cloud: The cloud, with the first version released.
        people: Its people.
        stand_in: The runtime, in which the first version answers once more.
        folder: Where files go.
        step: Shows and times one step.
    """

    cloud: Cloud
    people: People
    stand_in: images.StandIn
    folder: Path
    step: Callable[[str], AbstractContextManager[Step]]


def play(scenery: Scenery, *, trained: TrainedModel, monitoring: Monitoring) -> Year:
    """Lets a year pass.

    Args:
        scenery: Where.
        trained: The first version, which production serves.
        monitoring: What is watched of the model.

    Raises:
        PlumblineError: The model's folder draws no year; a stationary stream sets off the alarm; or something fails on
            the way. A run that its gate refuses is no failure.
    """
    began = time.monotonic()
    passing = _Passing(scenery, trained=trained, monitoring=monitoring)
    stationary = [passing.still(month) for month in passing.stationary()]
    months = list(passing.months())
    return Year(
        model=trained.model.name,
        line=monitoring.line,
        windows_to_alarm=monitoring.windows_to_alarm,
        evaluation_windows=monitoring.evaluation_windows,
        stationary=stationary,
        months=months,
        seconds=round(time.monotonic() - began, 2),
    )


class _Passing:
    def __init__(self, scenery: Scenery, *, trained: TrainedModel, monitoring: Monitoring) -> None:
        self._scenery, self._model, self._monitoring = scenery, trained.model, monitoring
        platform = scenery.cloud.platform
        self._production = platform.deployment(Environment.PRODUCTION)
        self._staging = platform.deployment(Environment.STAGING)
        self._watching = Watching(cloud=scenery.cloud, deployment=self._production, model=trained.model)
        self._looking = scenery.people.take(Person.DATA_SCIENTIST, self._staging)
        self._version = str(trained.package["ModelPackageVersion"])
        self._first = release.read_artifact(trained.package, caller=self._looking)
        try:
            self._drawn = importlib.import_module(f"pipeline_definitions.{trained.model.name}.year")
        except ModuleNotFoundError as error:
            raise PlumblineError(f"{trained.model.name} draws no year: its folder has no year.py") from error

    def stationary(self) -> Sequence[Month]:
        """Windows of traffic that never drifts."""
        drawn: Sequence[Month] = self._drawn.stationary(
            self._scenery.folder, windows=_STATIONARY_WINDOWS, rows=_STATIONARY_ROWS
        )
        return drawn

    def still(self, month: Month) -> Passed:
        """Lets a window pass in which nothing may happen."""
        name = f"{month.name}, drawn anew,"
        with self._scenery.step(f"Let {name} pass in production") as step:
            passed = self._pass(month, step=step)
            if passed.alarm:
                raise PlumblineError(f"{name} has set off the alarm: {dict(passed.deviations)}", exit_code=1)
            step.outcome = _outcome(passed)
        return passed

    def months(self) -> Iterator[Passed]:
        """Lets the months pass, one after the other."""
        with self._scenery.step(f"Draw a year of {self._model.name}") as step:
            before: Month = self._drawn.trained_on(self._scenery.folder)
            months: Sequence[Month] = self._drawn.months(self._scenery.folder)
            never = self._never_retrained(months)
            drawn, of_all = sum(len(month.rows) for month in months), sum(month.of_all for month in months)
            step.outcome = f"{drawn:,} of {of_all:,} rows"
        for month in months:
            with self._scenery.step(f"Let {month.name} pass in production") as step:
                passed = self._pass(month, step=step)
                passed = dataclasses.replace(
                    passed,
                    never_retrained=month.quality(never[month.name]),
                    seasonal_naive=month.quality(month.seasonal_naive(before)),
                )
                step.outcome = _outcome(passed)
            yield passed
            before = month

    def _pass(self, month: Month, *, step: Step) -> Passed:
        """Asks, scores, lets the window end, delivers the truth, and follows what comes of it."""
        began, version, watching = time.monotonic(), self._version, self._watching
        step.detail("asked")
        answers, ended = watching.fill_window(month.rows, self._monitoring, name=month.name)
        # Before anybody could have trained on the truth.
        served, answered = month.quality(answers.probabilities), watching.now
        told = watching.tell_truth(answers, month.labels, ended=ended)
        step.detail("looked at")
        seen = watching.pass_window(self._monitoring, ended=ended)
        # Where nothing was measured nothing goes off, and that would show nothing.
        if missing := set(self._monitoring.checks) - seen.deviations.keys():
            raise PlumblineError(f"{month.name}: nothing was published of {', '.join(sorted(missing))}", exit_code=1)
        retraining: Retraining | None = None
        alarm = max(seen.sustained.values(), default=0.0) > self._monitoring.line
        if alarm:
            retraining = self._retrained(since=ended, step=step)
        else:
            self._refuse_decisions(since=ended)
        return Passed(
            month=month.name,
            window=seen.window,
            flights=len(month.rows),
            of_all=month.of_all,
            late=round(sum(month.labels) / len(month.labels), 4),
            version=version,
            answered=answered.isoformat(timespec="seconds"),
            labelled=told.isoformat(timespec="seconds"),
            deviations=seen.deviations,
            alarm=alarm,
            retraining=retraining,
            served=served,
            seconds=round(time.monotonic() - began, 2),
        )

    def _retrained(self, *, since: datetime.datetime, step: Step) -> Retraining:
        """Follows an alarm to the governor, to the run that it starts, and to the version that the run registers."""
        began = time.monotonic()
        step.detail("alarm")
        drift = decision(self._looking, "drift", deployment=self._staging, model=self._model, since=since)
        if drift.verdict != "started":
            return Retraining(verdict=drift.verdict, why=drift.why)
        run = training_run.follow(arn=drift.execution, caller=self._looking, tell=step.detail)
        made = Retraining(verdict=drift.verdict, run=run.status, seconds=round(time.monotonic() - began, 2))
        if not run.model_package_arn:
            return dataclasses.replace(made, reason=_reason(run))
        report = training_run.evaluation(run=run, deployment=self._staging, model=self._model, caller=self._looking)
        releases = releasing.rehearsed(cloud=self._scenery.cloud, people=self._scenery.people, model=self._model)
        execution = releases.approve(run.model_package_arn, because=_BECAUSE)
        releases.follow(execution, because=_BECAUSE, tell=step.detail)
        self._version = run.model_package_arn.rpartition("/")[2]
        gate = report.get("gate")
        return dataclasses.replace(
            made,
            gate=gate if isinstance(gate, Mapping) else {},
            version=self._version,
            seconds=round(time.monotonic() - began, 2),
        )

    def _refuse_decisions(self, *, since: datetime.datetime) -> None:
        """Sees to it that without an alarm nothing is decided."""
        alarm = self._production.drift_alarm(self._model)
        made = decisions(self._looking, "drift", deployment=self._staging, model=self._model, since=since)
        if self._watching.state_of(alarm) == "ALARM" or made:
            raise PlumblineError(f"{alarm} has gone off, and no monitor is beyond its line", exit_code=1)

    def _never_retrained(self, months: Sequence[Month]) -> dict[str, Sequence[float]]:
        """What the first version, which nobody has retrained, says of each month's rows."""
        offline = predictions.predict_rows(
            stand_in=self._scenery.stand_in,
            artifact=self._first,
            rows=[row for month in months for row in month.rows],
            folder=self._scenery.folder,
        )
        left = iter(offline)
        return {month.name: [next(left) for _ in month.rows] for month in months}


def _reason(run: training_run.Run) -> str:
    """Why a run has failed, by the step that did."""
    return next((step.failure for step in run.steps if step.failure), run.failure)


def _outcome(passed: Passed) -> str:
    name, deviation = max(passed.deviations.items(), key=lambda item: item[1])
    said = f"version {passed.version}, {name} {deviation:.3f}"
    if passed.retraining is None:
        return said
    made = passed.retraining
    if made.version:
        return f"{said}, alarm, version {made.version} released"
    return f"{said}, alarm, retraining {made.run or made.verdict}"
