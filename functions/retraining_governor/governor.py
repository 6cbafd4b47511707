"""Decides on signals, carries decisions out, and takes note of the ends of runs.

Every step can be repeated: a decision is one transaction, a start has a token, and what is known of a model is written
only if it is still as it was read. So the function may end anywhere; the same event, delivered again, goes on from
there, and so does the next signal of the model.
"""

import dataclasses
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
from botocore.exceptions import ClientError

import brakes
from brakes import Brake, Held, State
from labelled import Windows
from refusal import RefusedError
from role import code_of, message_of
from runs import FOR_GOOD, Runs
from settings import Settings
from signals import Delivery, End, Kind, Signal
from table import ConflictError, Decision, Table, Verdict

Client = Any
Result = TypeVar("Result")

_ATTEMPTS = 8
_PAUSE_SECONDS = 0.05
# What SNS takes as a subject (API reference, Publish), and more than a name of a model takes.
_SUBJECT = 100


class Governor:
    """The governor of an account.

    Args:
        table: What is kept.
        runs: The account's training runs.
        windows: The labelled windows that they train on.
        topic_arn: Where a person is told.
    """

    def __init__(self, *, table: Table, runs: Runs, windows: Windows, topic_arn: str) -> None:
        self._table = table
        self._runs = runs
        self._windows = windows
        self._topic_arn = topic_arn

    def decide(self, signal: Signal) -> Decision:
        """Decides on a signal, once, and starts the run if it starts one.

        Args:
            signal: The signal.

        Returns:
            The decision, whether it was made now or before.

        Raises:
            RefusedError: The model has no settings, or malformed ones; or the run cannot be started.
            ConflictError: Others have written of the model all the time.
            ClientError: AWS refused or failed.
        """
        settings = self._runs.settings(signal.model)
        if settings is None:
            raise RefusedError(f"there are no settings of {signal.model}")
        return self._decide(signal, settings)

    def decide_each(self, delivery: Delivery) -> list[Decision]:
        """Decides on a delivery for each model that takes signals of code; one model does not keep the others.

        Raises:
            RefusedError: For some model it could not be decided.
        """
        decisions, failed = [], {}
        for model in self._runs.models():
            try:
                settings = self._runs.settings(model)
                if settings is not None and Kind.CODE in settings.signals:
                    decisions.append(self._decide(delivery.of(model), settings))
            except (RefusedError, ConflictError, ClientError) as error:
                failed[model] = error
        if failed:
            said = "; ".join(f"{model}: {error}" for model, error in failed.items())
            raise RefusedError(f"it could not be decided on {delivery.id} for {said}")
        return decisions

    def end(self, end: End) -> str:
        """Takes note of the end of a run.

        Returns:
            What was done, in a sentence.

        Raises:
            RefusedError: The model's settings are malformed.
            ConflictError: Others have written of the model all the time.
            ClientError: AWS refused or failed.
        """
        settings = self._runs.settings(end.model)
        if settings is None:
            return f"{end.model} is no model that retrains"
        _repeated(lambda: self._note(end, settings))
        self._tell(end.model)
        return f"{end.execution} has ended: {end.status}"

    def _decide(self, signal: Signal, settings: Settings) -> Decision:
        made, new = _repeated(lambda: self._made(signal, settings))
        carried = self._carry_out(made, settings, again=not new)
        self._tell(signal.model)
        return carried

    def _made(self, signal: Signal, settings: Settings) -> tuple[Decision, bool]:
        """The decision on a signal, and whether it was made now."""
        state = self._table.state(signal.model)
        made = self._table.decision(signal.model, signal.id)
        if made is not None:
            return made, False
        state = self._looked_after(state, signal, settings)
        after = brakes.resumed(state, signal)
        try:
            decision = self._judged(after, signal, settings)
        except RefusedError:
            if after != state:  # the person's word counts, though the own run has to wait
                self._table.write(signal.model, read=state, state=after)
            raise
        if decision.verdict is Verdict.STARTED:
            after = brakes.started(after, signal.id, signal.time)
        self._table.write(signal.model, read=state, state=after, decided=decision)
        return decision, True

    def _looked_after(self, state: State, signal: Signal, settings: Settings) -> State:
        """The state after a look at the last run, whose start may have been cut short or whose end lost.

        Also at one that has ended without success: it may have been retried, and the list of its steps been behind.
        """
        last = state.flight or state.landed
        if last is None:
            return state
        if not last.execution:
            begun = self._table.decision(signal.model, last.signal)
            if begun is None:
                raise RefusedError(f"the decision on {last.signal} is gone from the table")
            try:
                self._carry_out(begun, settings, again=True)
            except RefusedError as refusal:
                print(refusal)  # whoever sent that signal is told when it is delivered again
            return self._table.state(signal.model)
        end = self._runs.end_of(signal.model, last.execution, asked=signal.time)
        if end is None:
            return state
        self._note(end, settings)
        return self._table.state(signal.model)

    def _judged(self, state: State, signal: Signal, settings: Settings) -> Decision:
        about = Decision(
            model=signal.model,
            signal=signal.id,
            kind=signal.kind,
            time=signal.time,
            reason=signal.reason,
            verdict=Verdict.REFUSED,
        )
        held = brakes.held(state, settings, signal) or self._under_way(signal, state)
        if held is not None:
            return dataclasses.replace(about, brake=held.brake, why=held.why)
        dataset = self._runs.newest_dataset(signal.model, wanted=signal.dataset)
        if dataset is None:
            return dataclasses.replace(about, brake=Brake.DATASET, why=_no_dataset(signal))
        champion = self._runs.champion(signal.model)
        if waiting := self._runs.waiting(signal.model, champion=champion):
            why = f"{waiting} is newer than the champion and waits for an approval"
            return dataclasses.replace(about, brake=Brake.WAITING, why=why)
        labelled = self._windows.composed(signal.model, most=settings.labelled_windows, without=settings.leave_out)
        made = dataclasses.replace(
            about,
            dataset=dataset.id,
            dataset_version=dataset.version,
            commit=self._runs.commit(),
            champion=champion.artifact if champion else "",
            baselines=champion.baselines if champion else "",
            labelled=labelled.id,
            windows=labelled.windows,
            newest_window=labelled.newest,
            left_out=labelled.left_out,
        )
        if why := self._known(state, made):
            return dataclasses.replace(made, brake=Brake.UNCHANGED, why=why)
        # Before the decision: whoever finds a run that was decided on starts it, and it finds what it is given.
        self._windows.keep(labelled)
        return dataclasses.replace(made, verdict=Verdict.STARTED)

    def _under_way(self, signal: Signal, state: State) -> Held | None:
        execution = self._runs.under_way(signal.model, last=state.landed.execution if state.landed else "")
        return Held(brake=Brake.IN_FLIGHT, why=f"{execution} has not ended") if execution else None

    def _known(self, state: State, made: Decision) -> str:
        """Why the result of a run is known before it is started; empty when it is not."""
        last = self._table.decision(made.model, state.known) if state.known else None
        if last is None or last.made_of != made.made_of:
            return ""
        return f"dataset, labelled windows, commit and champion are those of the last run, which {last.signal} started"

    def _carry_out(self, decision: Decision, settings: Settings, *, again: bool) -> Decision:
        """Starts the run that was decided on, unless it is known to have been started."""
        if decision.verdict is Verdict.FAILED:
            raise _cannot_start(decision)
        if decision.verdict is Verdict.REFUSED or decision.execution:
            return decision
        try:
            uri = self._windows.uri(decision.model, decision.labelled)
            execution = self._runs.start(decision, labelled_uri=uri, again=again)
        except ClientError as error:
            if code_of(error) not in FOR_GOOD:
                raise
            why = f"{code_of(error)}: {message_of(error)}"
            failed = _repeated(lambda: self._failed(decision, why))
            if failed.verdict is Verdict.FAILED:
                raise _cannot_start(failed) from error
            return failed
        return _repeated(lambda: self._attached(decision, execution, settings))

    def _failed(self, decision: Decision, why: str) -> Decision:
        """Takes back a run that cannot be started, unless somebody else has started it after all."""
        state, now = self._table.state(decision.model), self._again(decision)
        if now.verdict is Verdict.FAILED or now.execution:
            return now
        failed = dataclasses.replace(now, verdict=Verdict.FAILED, why=why)
        after = brakes.not_started(state, decision.signal, decision.time)
        self._table.write(decision.model, read=state, state=after, amended=failed)
        return failed

    def _attached(self, decision: Decision, execution: str, settings: Settings) -> Decision:
        """Writes down which execution a decision has started, even one that has ended before."""
        state, now = self._table.state(decision.model), self._again(decision)
        if now.execution:
            return now
        end = self._table.end(decision.model, execution)
        after = state
        if now.verdict is Verdict.FAILED and state.flight is None:
            after = brakes.started(state, decision.signal, decision.time)
        after = brakes.flying(after, decision.signal, execution)
        if end is not None:
            after = brakes.ended(after, end, failures=settings.failures)
        attached = dataclasses.replace(now, verdict=Verdict.STARTED, why="", execution=execution)
        self._table.write(decision.model, read=state, state=after, amended=attached)
        return attached

    def _again(self, decision: Decision) -> Decision:
        found = self._table.decision(decision.model, decision.signal)
        if found is None:
            raise RefusedError(f"the decision on {decision.signal} is gone from the table")
        return found

    def _note(self, end: End, settings: Settings) -> None:
        """Writes down the end of a run, unless what is known of it says as much: one that was retried ends again.

        Also of one that is not known to be in flight: its start may be about to be written down, and is told then.
        """
        state = self._table.state(end.model)
        before = self._table.end(end.model, end.execution)
        end = dataclasses.replace(end, judged=self._runs.judged(end))
        if before is not None and end.weight <= before.weight:
            return
        after = brakes.ended(state, end, failures=settings.failures, before=before)
        self._table.write(end.model, read=state, state=after, end=end)

    def _tell(self, model: str) -> None:
        """Tells a person of a model that was stopped; more than once rather than not at all."""
        state = self._table.state(model)
        if state.stopped is None or state.told:
            return
        boto3.client("sns").publish(
            TopicArn=self._topic_arn,
            Subject=f"Retraining of {model} is stopped"[:_SUBJECT],
            Message=f"{state.failures} training runs of {model} in a row have failed, the last at "
            f"{state.stopped.isoformat()}. No signal starts another until a person requests one with resume: true.",
        )
        _repeated(lambda: self._told(model, state))

    def _told(self, model: str, of: State) -> None:
        state = self._table.state(model)
        if state.stopped == of.stopped and not state.told:
            self._table.write(model, read=state, state=dataclasses.replace(state, told=True))


def _repeated(attempt: Callable[[], Result]) -> Result:
    """Does something anew, from reading on, as long as others write in between."""
    for count in range(_ATTEMPTS - 1):
        try:
            return attempt()
        except ConflictError:
            time.sleep(_PAUSE_SECONDS * 2**count * random.uniform(0.5, 1))  # noqa: S311 - nothing secret
    return attempt()


def _cannot_start(decision: Decision) -> RefusedError:
    return RefusedError(f"the run of {decision.model} for {decision.signal} could not be started: {decision.why}")


def _no_dataset(signal: Signal) -> str:
    return f"the dataset {signal.dataset} is gone" if signal.dataset else f"{signal.model} has no dataset"
