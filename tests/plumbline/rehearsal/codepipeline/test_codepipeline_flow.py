"""Where executions may be: examples of the rules, and the rules under any interleaving."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plumbline.rehearsal.codepipeline.flow import Entered, Flow, Move, Passed, Superseded


def test_a_stage_takes_one_execution_and_lets_the_next_wait() -> None:
    flow = Flow(stages=2, queued=True)
    assert flow.arrive("a", 0) == [Entered(execution="a", stage=0)]
    assert flow.arrive("b", 0) == []
    assert (flow.inside(0), flow.waiting(0)) == ("a", ("b",))


def test_a_more_recent_execution_supersedes_the_one_that_waits() -> None:
    flow = Flow(stages=2, queued=False)
    flow.arrive("a", 0)
    flow.arrive("b", 0)
    assert flow.arrive("c", 0) == [Superseded(execution="b", stage=0)]
    assert flow.complete("a") == [Entered(execution="a", stage=1), Entered(execution="c", stage=0)]


def test_queued_executions_enter_in_their_order() -> None:
    flow = Flow(stages=1, queued=True)
    for execution in "abc":
        flow.arrive(execution, 0)
    assert flow.complete("a") == [Passed(execution="a"), Entered(execution="b", stage=0)]
    assert flow.waiting(0) == ("c",)


def test_a_failure_releases_the_stage() -> None:
    flow = Flow(stages=2, queued=True)
    flow.arrive("a", 0)
    flow.arrive("b", 0)
    assert flow.leave("a") == [Entered(execution="b", stage=0)]


def test_a_disabled_transition_holds_and_the_latest_enters_when_it_is_enabled() -> None:
    flow = Flow(stages=2, queued=False)
    flow.close(1)
    flow.arrive("a", 0)
    assert flow.complete("a") == []
    flow.arrive("b", 0)
    assert flow.complete("b") == [Superseded(execution="a", stage=1)]
    assert flow.open(1) == [Entered(execution="b", stage=1)]


def test_who_stops_waiting_lets_nobody_in() -> None:
    flow = Flow(stages=1, queued=True)
    flow.arrive("a", 0)
    flow.arrive("b", 0)
    assert flow.leave("b") == []
    assert flow.inside(0) == "a"


def test_nobody_is_retried_in_a_stage_that_another_holds() -> None:
    flow = Flow(stages=1, queued=True)
    flow.arrive("a", 0)
    with pytest.raises(ValueError, match="locked by a"):
        flow.enter_again("b", 0)


_STAGES = 3


class Interleaving(RuleBasedStateMachine):
    """Executions start, succeed, fail, are stopped and retried, transitions close and open, in any order."""

    @initialize(queued=st.booleans())
    def begin(self, queued: bool) -> None:
        self.queued = queued
        self.flow = Flow(stages=_STAGES, queued=queued)
        self.number = 0
        self.ended: dict[str, str] = {}
        self.failed: dict[str, int] = {}
        # who has entered each stage, in order, retries left out
        self.entered: list[list[str]] = [[] for _ in range(_STAGES)]

    @rule()
    def start(self) -> None:
        self.number += 1
        self._note(self.flow.arrive(f"{self.number:04}", 0))

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        self._note(self.flow.complete(data.draw(st.sampled_from(self._running()))))

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        execution = data.draw(st.sampled_from(self._running()))
        stage = self.flow.stage_of(execution)
        assert stage is not None
        self.ended[execution], self.failed[execution] = "failed", stage
        self._note(self.flow.leave(execution))

    @precondition(lambda self: self._alive())
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        execution = data.draw(st.sampled_from(self._alive()))
        self.ended[execution] = "stopped"
        self._note(self.flow.leave(execution))

    @precondition(lambda self: self._retryable())
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        execution = data.draw(st.sampled_from(self._retryable()))
        del self.ended[execution]
        assert self.flow.enter_again(execution, self.failed[execution]) == [
            Entered(execution=execution, stage=self.failed.pop(execution))
        ]

    @rule(stage=st.integers(0, _STAGES - 1), enabled=st.booleans())
    def turn(self, stage: int, enabled: bool) -> None:
        if enabled:
            self._note(self.flow.open(stage))
        else:
            self.flow.close(stage)

    @invariant()
    def nothing_is_lost_and_nobody_is_in_two_places(self) -> None:
        if not hasattr(self, "flow"):
            return
        places = self._running() + [one for stage in range(_STAGES) for one in self.flow.waiting(stage)]
        assert sorted(places + list(self.ended)) == [f"{number:04}" for number in range(1, self.number + 1)]

    @invariant()
    def executions_enter_a_stage_in_the_order_in_which_they_started(self) -> None:
        for entered in getattr(self, "entered", []):
            assert entered == sorted(entered)

    @invariant()
    def one_waits_unless_they_queue(self) -> None:
        if hasattr(self, "flow") and not self.queued:
            assert all(len(self.flow.waiting(stage)) <= 1 for stage in range(_STAGES))

    @invariant()
    def who_may_enter_has_entered(self) -> None:
        if hasattr(self, "flow"):
            for stage in range(_STAGES):
                if self.flow.waiting(stage):
                    assert self.flow.inside(stage) is not None or self.flow.is_closed(stage)

    def _note(self, moves: list[Move]) -> None:
        for move in moves:
            if isinstance(move, Entered):
                self.entered[move.stage].append(move.execution)
            elif isinstance(move, Superseded):
                assert not self.queued
                # it waited: it holds no stage, and whoever took its place is more recent
                assert self.flow.stage_of(move.execution) is None
                assert move.execution < max(self._alive())
                self.ended[move.execution] = "superseded"
            else:
                self.ended[move.execution] = "succeeded"

    def _running(self) -> list[str]:
        found = [self.flow.inside(stage) for stage in range(_STAGES)]
        return [execution for execution in found if execution is not None]

    def _alive(self) -> list[str]:
        return sorted(self._running() + [one for stage in range(_STAGES) for one in self.flow.waiting(stage)])

    def _retryable(self) -> list[str]:
        """Those that failed in a stage that nobody has entered since."""
        return [
            execution
            for execution, stage in self.failed.items()
            if self.ended.get(execution) == "failed" and self.entered[stage][-1] == execution
        ]


TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
