"""The engine, with actions that do what a test says and a clock that a test turns."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.codepipeline.engine import Engine
from plumbline.rehearsal.codepipeline.records import ActionRun, Execution, Pipeline
from plumbline.rehearsal.codepipeline.work import ActionFailedError, Outcome, Work
from tests.plumbline.rehearsal.codepipeline.world import action, stage

Document = dict[str, Any]
WEEK = 7 * 24 * 3600


@dataclasses.dataclass
class Said:
    """What the engine told of."""

    lines: list[str] = dataclasses.field(default_factory=list)

    def execution(self, pipeline: Pipeline, execution: Execution, state: str) -> None:  # noqa: ARG002
        self.lines.append(f"execution {state}")

    def stage(self, pipeline: Pipeline, execution: Execution, stage: str, state: str) -> None:  # noqa: ARG002
        self.lines.append(f"{stage} {state}")

    def action(self, pipeline: Pipeline, execution: Execution, run: ActionRun, state: str) -> None:  # noqa: ARG002
        self.lines.append(f"{run.name} {state}")


class Bench:
    """A pipeline whose actions wait until a test ends them."""

    def __init__(self, *stages: Document, mode: str = "SUPERSEDED") -> None:
        self.now = 1_000_000.0
        self.said = Said()
        self.begun: dict[tuple[str, str], Work] = {}
        self._ends: dict[tuple[str, str], ActionFailedError | Outcome] = {}
        self._changed = threading.Condition()
        self.engine = Engine(perform=self._perform, announcer=self.said, clock=lambda: self.now)
        self.pipeline = Pipeline(
            Scope(account="111111111111", region="eu-west-1"), self.declaration(*stages, mode=mode), now=self.now
        )

    @staticmethod
    def declaration(*stages: Document, mode: str = "SUPERSEDED") -> Document:
        return {
            "name": "pipeline",
            "roleArn": "arn:aws:iam::111111111111:role/pipeline",
            "executionMode": mode,
            "artifactStore": {"type": "S3", "location": "store"},
            "stages": list(stages),
        }

    def start(self, **variables: str) -> str:
        return self.engine.start(self.pipeline, trigger=("StartPipelineExecution", "me"), variables=variables)

    def execution(self, number: int) -> Execution:
        return list(self.pipeline.executions.values())[number]

    def status(self) -> list[str]:
        return [execution.status for execution in self.pipeline.executions.values()]

    def end(self, name: str, execution: str, outcome: ActionFailedError | Outcome | None = None) -> None:
        """Ends an action once it has begun."""
        self.until(lambda: (name, execution) in self.begun)
        with self._changed:
            self._ends[name, execution] = outcome or Outcome()
            self._changed.notify_all()

    def fail(self, name: str, execution: str) -> None:
        self.end(name, execution, ActionFailedError("JobFailed", "it broke"))

    def again(self, name: str, execution: str) -> None:
        """Forgets that an action ran, so that its next run waits."""
        self.begun.pop((name, execution))
        self._ends.pop((name, execution), None)

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline, (self.said.lines, self.status())
            time.sleep(0.002)

    def _perform(self, work: Work) -> Outcome:
        key = (work.order.name, work.order.execution)
        self.begun[key] = work
        while True:
            with self._changed:
                ended = self._ends.get(key)
            if isinstance(ended, ActionFailedError):
                raise ended
            if ended is not None:
                return ended
            work.pause(0.002)


def simple(name: str, **members: Any) -> Document:
    return action(name, "Approval/Manual", **members)


@pytest.fixture
def three() -> Iterator[Bench]:
    """Three stages of one action."""
    made = Bench(stage("One", simple("a")), stage("Two", simple("b")), stage("Three", simple("c")))
    yield made
    made.engine.shutdown([made.pipeline])


def test_stages_follow_each_other_and_tell_of_it(three: Bench) -> None:
    first = three.start()
    for name in "abc":
        three.end(name, first)
    three.until(lambda: three.status() == ["Succeeded"])
    assert three.said.lines == [
        *("execution STARTED", "One STARTED", "a STARTED", "a SUCCEEDED", "One SUCCEEDED"),
        *("Two STARTED", "b STARTED", "b SUCCEEDED", "Two SUCCEEDED"),
        *("Three STARTED", "c STARTED", "c SUCCEEDED", "Three SUCCEEDED", "execution SUCCEEDED"),
    ]


def test_actions_of_one_order_run_together_and_the_next_order_waits_for_all() -> None:
    made = Bench(stage("One", simple("a", runOrder=1), simple("b", runOrder=1), simple("c", runOrder=2)))
    first = made.start()
    made.until(lambda: {("a", first), ("b", first)} <= made.begun.keys())
    made.end("a", first)
    made.until(lambda: "a SUCCEEDED" in made.said.lines)
    assert ("c", first) not in made.begun
    made.end("b", first)
    made.end("c", first)
    made.until(lambda: made.status() == ["Succeeded"])


def test_a_failed_action_fails_its_stage_once_its_neighbours_have_ended() -> None:
    made = Bench(stage("One", simple("a"), simple("b"), simple("c", runOrder=2)))
    first = made.start()
    made.fail("a", first)
    made.until(lambda: "a FAILED" in made.said.lines)
    assert made.status() == ["InProgress"]
    made.end("b", first)
    made.until(lambda: made.status() == ["Failed"])
    assert ("c", first) not in made.begun
    run = made.execution(0).latest("One", "a")
    assert run is not None
    assert run.error == ("JobFailed", "it broke")


def test_an_execution_that_waits_between_stages_is_superseded_and_one_within_is_not(three: Bench) -> None:
    first = three.start()
    three.end("a", first)
    three.until(lambda: ("b", first) in three.begun)
    second = three.start()
    three.end("a", second)
    three.until(lambda: list(three.pipeline.flow.waiting(1)) == [second])
    third = three.start()
    three.end("a", third)
    three.until(lambda: three.status() == ["InProgress", "Superseded", "InProgress"])
    three.end("b", first)
    three.until(lambda: ("b", third) in three.begun)


def test_queued_executions_wait_in_their_order() -> None:
    made = Bench(stage("One", simple("a")), mode="QUEUED")
    ids = [made.start() for _ in range(3)]
    assert list(made.pipeline.flow.waiting(0)) == ids[1:]
    made.end("a", ids[0])
    made.until(lambda: ("a", ids[1]) in made.begun)
    assert ("a", ids[2]) not in made.begun
    made.engine.shutdown([made.pipeline])


def test_the_fifty_first_queued_execution_is_refused() -> None:
    made = Bench(stage("One", simple("a")), mode="QUEUED")
    for _ in range(50):
        made.start()
    with pytest.raises(ApiError) as raised:
        made.start()
    assert raised.value.code == "ConcurrentPipelineExecutionsLimitExceededException"
    made.engine.shutdown([made.pipeline])


def test_a_token_starts_one_execution(three: Bench) -> None:
    started = {three.engine.start(three.pipeline, trigger=("x", ""), token="same") for _ in range(2)}
    assert len(started) == len(three.pipeline.executions) == 1


def test_a_disabled_transition_holds_an_execution(three: Bench) -> None:
    three.engine.set_transition(three.pipeline, 1, enabled=False, by="me", reason="wait")
    first = three.start()
    three.end("a", first)
    three.until(lambda: list(three.pipeline.flow.waiting(1)) == [first])
    assert ("b", first) not in three.begun
    three.engine.set_transition(three.pipeline, 1, enabled=True, by="me")
    three.until(lambda: ("b", first) in three.begun)


def test_stopping_waits_for_the_actions_that_run() -> None:
    made = Bench(stage("One", simple("a"), simple("b", runOrder=2)))
    first = made.start()
    made.until(lambda: ("a", first) in made.begun)
    made.engine.stop(made.pipeline, made.execution(0), abandon=False, reason="enough")
    assert made.status() == ["Stopping"]
    made.end("a", first)
    made.until(lambda: made.status() == ["Stopped"])
    assert ("b", first) not in made.begun
    assert made.execution(0).stages["One"].status == "Stopped"


def test_stopping_twice_is_refused_unless_the_second_abandons(three: Bench) -> None:
    first = three.start()
    three.until(lambda: ("a", first) in three.begun)
    three.engine.stop(three.pipeline, three.execution(0), abandon=False, reason=None)
    with pytest.raises(ApiError) as raised:
        three.engine.stop(three.pipeline, three.execution(0), abandon=False, reason=None)
    assert raised.value.code == "DuplicatedStopRequestException"
    three.engine.stop(three.pipeline, three.execution(0), abandon=True, reason=None)
    run = three.execution(0).latest("One", "a")
    assert run is not None
    assert (three.status(), run.status) == (["Stopped"], "Abandoned")


def test_an_execution_that_has_ended_is_not_stopped(three: Bench) -> None:
    three.fail("a", three.start())
    three.until(lambda: three.status() == ["Failed"])
    with pytest.raises(ApiError) as raised:
        three.engine.stop(three.pipeline, three.execution(0), abandon=True, reason=None)
    assert raised.value.code == "PipelineExecutionNotStoppableException"


def test_a_waiting_execution_is_stopped_at_once(three: Bench) -> None:
    three.start()
    three.start()
    three.engine.stop(three.pipeline, three.execution(1), abandon=False, reason=None)
    assert three.status() == ["InProgress", "Stopped"]


@pytest.mark.parametrize(("everything", "runs"), [(False, 1), (True, 2)])
def test_a_retry_runs_the_failed_actions_or_all_of_the_stage(everything: bool, runs: int) -> None:
    made = Bench(stage("One", simple("a"), simple("b")))
    first = made.start()
    made.end("a", first)
    made.fail("b", first)
    made.until(lambda: made.status() == ["Failed"])
    made.again("b", first)
    made.engine.retry(made.pipeline, made.execution(0), "One", everything=everything)
    assert made.status() == ["InProgress"]
    made.end("b", first)
    made.until(lambda: made.status() == ["Succeeded"])
    assert len([run for run in made.execution(0).actions if run.name == "a"]) == runs
    assert "One RESUMED" in made.said.lines


def test_a_stopped_execution_is_retried_where_it_stopped(three: Bench) -> None:
    first = three.start()
    three.until(lambda: ("a", first) in three.begun)
    three.engine.stop(three.pipeline, three.execution(0), abandon=True, reason=None)
    three.again("a", first)
    three.engine.retry(three.pipeline, three.execution(0), "One", everything=False)
    three.end("a", first)
    three.until(lambda: ("b", first) in three.begun)


def test_a_failed_execution_is_not_retried_when_another_has_been_in_the_stage(three: Bench) -> None:
    three.fail("a", three.start())
    three.until(lambda: three.status() == ["Failed"])
    three.start()
    with pytest.raises(ApiError) as raised:
        three.engine.retry(three.pipeline, three.execution(0), "One", everything=False)
    assert raised.value.code == "NotLatestPipelineExecutionException"


def test_what_has_not_failed_is_not_retried(three: Bench) -> None:
    three.start()
    with pytest.raises(ApiError) as raised:
        three.engine.retry(three.pipeline, three.execution(0), "One", everything=False)
    assert raised.value.code == "StageNotRetryableException"


def test_an_update_cancels_what_is_under_way_and_keeps_disabled_transitions(three: Bench) -> None:
    three.engine.set_transition(three.pipeline, 1, enabled=False, by="me", reason="wait")
    first = three.start()
    three.until(lambda: ("a", first) in three.begun)
    three.start()
    changed = three.declaration(stage("One", simple("a")), stage("Two", simple("z")))
    three.engine.update(three.pipeline, changed)
    assert three.status() == ["Cancelled", "Cancelled"]
    assert three.execution(0).stages["One"].status == "Cancelled"
    assert three.pipeline.version == 2
    third = three.start()
    three.end("a", third)
    three.until(lambda: list(three.pipeline.flow.waiting(1)) == [third])


def test_an_execution_of_an_older_version_is_not_retried(three: Bench) -> None:
    three.fail("a", three.start())
    three.until(lambda: three.status() == ["Failed"])
    three.engine.update(three.pipeline, three.pipeline.declaration)
    with pytest.raises(ApiError) as raised:
        three.engine.retry(three.pipeline, three.execution(0), "One", everything=False)
    assert raised.value.code == "StageNotRetryableException"


@pytest.mark.parametrize(
    ("members", "seconds"), [({}, WEEK), ({"timeoutInMinutes": 30}, 1800)], ids=["default", "its own"]
)
def test_an_approval_that_nobody_answers_fails_when_its_time_is_up(members: Document, seconds: int) -> None:
    made = Bench(stage("One", simple("a", **members)))
    first = made.start()
    made.until(lambda: ("a", first) in made.begun)
    made.now += seconds - 1
    time.sleep(0.02)
    assert made.status() == ["InProgress"]
    made.now += 1
    made.until(lambda: made.status() == ["Failed"])
    run = made.execution(0).latest("One", "a")
    assert run is not None
    assert run.error == ("JobFailed", "The action failed because it timed out.")


def test_variables_of_an_action_and_of_the_pipeline_reach_later_actions() -> None:
    told = {"CustomData": "#{variables.Who} #{First.Word} #{codepipeline.PipelineExecutionId}"}
    made = Bench(
        stage("One", simple("a", namespace="First")),
        stage("Two", action("b", "Approval/Manual", told)),
    )
    first = made.start(Who="you")
    made.end("a", first, Outcome(variables={"Word": "hello"}))
    made.until(lambda: ("b", first) in made.begun)
    assert made.begun["b", first].order.configuration == {"CustomData": f"you hello {first}"}
    made.engine.shutdown([made.pipeline])


def test_a_variable_without_value_fails_the_action_that_wants_it() -> None:
    made = Bench(
        stage("One", simple("a", namespace="First")),
        stage("Two", action("b", "Approval/Manual", {"CustomData": "#{First.Absent}"})),
    )
    first = made.start()
    made.end("a", first)
    made.until(lambda: made.status() == ["Failed"])
    run = made.execution(0).latest("Two", "b")
    assert run is not None
    assert run.error is not None
    assert "#{First.Absent} could not be resolved" in run.error[1]
    assert ("b", first) not in made.begun
