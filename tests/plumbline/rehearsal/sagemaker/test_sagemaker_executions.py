"""An execution's own decisions, its steps' work replaced: order, branches, triggers, retries, parallelism."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.sagemaker import events, executions, steps
from plumbline.rehearsal.sagemaker.definition import Step, parse
from plumbline.rehearsal.sagemaker.executions import Execution, StepCache
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.steps import Context, Outcome, StepFailedError

SCOPE = Scope(account="111111111111", region="eu-west-1")
Work = Callable[[Step], None]


@pytest.fixture(autouse=True)
def _no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("execution_changed", "step_changed"):
        monkeypatch.setattr(events, name, lambda *_, **__: None)


def execute(
    monkeypatch: pytest.MonkeyPatch, work: Work, *definition: Document, parallel: int = 10
) -> tuple[str, dict[str, Document]]:
    """Runs a definition whose steps do some other work; returns the status and the steps by name."""

    def run(step: Step, _arguments: Document, _job_name: str, _context: object) -> Outcome:
        work(step)
        return Outcome(output={"Done": step.name}, metadata={})

    monkeypatch.setattr(steps, "run", run)
    parsed = parse(json.dumps({"Version": "2020-12-01", "Steps": list(definition)}))
    arn = SCOPE.arn("pipeline/p")
    session: Any = None
    document: Document = {
        "PipelineArn": arn,
        "PipelineExecutionArn": f"{arn}/execution/e",
        "PipelineExecutionStatus": "Executing",
        "CreationTime": 0.0,
        "LastModifiedTime": 0.0,
    }
    execution = Execution(
        scope=SCOPE,
        definition=parsed,
        definition_text="",
        values={},
        document=document,
        context=Context(
            scope=SCOPE,
            session=session,
            execution_id="e",
            execution_arn=f"{arn}/execution/e",
            stopping=threading.Event(),
            job=lambda *_: session,
        ),
        cache=StepCache(),
        parallel=parallel,
        time_scale=0.001,
    )
    execution._schedule(list(parsed.steps))
    return document["PipelineExecutionStatus"], {step["StepName"]: step for step in execution.listed()}


def step(name: str, **changes: Any) -> Document:
    return {"Name": name, "Type": "Processing", "Arguments": {}, **changes}


def failing(*names: str) -> Work:
    def work(found: Step) -> None:
        if found.name in names:
            raise StepFailedError("no")

    return work


def test_what_depends_on_a_failed_step_does_not_run_and_the_rest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    status, listed = execute(monkeypatch, failing("A"), step("A"), step("B", DependsOn=["A"]), step("C"))
    assert status == "Failed"
    assert {name: found["StepStatus"] for name, found in listed.items()} == {"A": "Failed", "C": "Succeeded"}


def test_a_step_may_wait_for_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    tell = step("Tell", DependsOn=[{"Step": "A", "Trigger": "Failed"}])
    assert "Tell" in execute(monkeypatch, failing("A"), step("A"), tell)[1]
    assert "Tell" not in execute(monkeypatch, failing(), step("A"), tell)[1]


def test_a_condition_runs_one_of_its_branches(monkeypatch: pytest.MonkeyPatch) -> None:
    condition = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    arguments = {"Conditions": [condition], "IfSteps": [step("Yes")], "ElseSteps": [step("No")]}
    status, listed = execute(monkeypatch, failing(), step("Gate", Type="Condition", Arguments=arguments))
    assert status == "Succeeded"
    assert list(listed) == ["Gate", "Yes"]
    assert listed["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}


def test_a_failure_that_a_policy_names_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def work(found: Step) -> None:
        tries.append(found.name)
        if len(tries) < 3:
            raise StepFailedError("busy", kind="SageMaker.CAPACITY_ERROR")

    retry = [{"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 5}]
    status, listed = execute(monkeypatch, work, step("A", RetryPolicies=retry))
    assert status == "Succeeded"
    assert listed["A"]["AttemptCount"] == 3


def test_an_algorithms_own_failure_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    retry = [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 5}]
    _, listed = execute(monkeypatch, failing("A"), step("A", RetryPolicies=retry))
    assert listed["A"]["AttemptCount"] == 1


def test_retries_end_with_the_policys_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(_: Step) -> None:
        raise StepFailedError("busy", kind="Step.THROTTLING")

    retry = [{"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    status, listed = execute(monkeypatch, work, step("A", RetryPolicies=retry))
    assert (status, listed["A"]["AttemptCount"]) == ("Failed", 3)


@pytest.mark.parametrize(("parallel", "most"), [(1, 1), (2, 2)])
def test_no_more_steps_run_at_once_than_the_configuration_says(
    monkeypatch: pytest.MonkeyPatch, parallel: int, most: int
) -> None:
    lock, running, seen = threading.Lock(), 0, []

    def work(_: Step) -> None:
        nonlocal running
        with lock:
            running += 1
            seen.append(running)
        threading.Event().wait(0.05)
        with lock:
            running -= 1

    execute(monkeypatch, work, step("A"), step("B"), step("C"), step("D"), parallel=parallel)
    assert max(seen) == most


def test_a_fault_of_the_rehearsal_ends_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(_: Step) -> None:
        raise KeyError("oops")

    status, listed = execute(monkeypatch, work, step("A"))
    assert status == "Failed"
    assert listed["A"]["FailureReason"] == "InternalServerError: KeyError: 'oops'"


def test_the_cache_forgets_what_is_too_old_and_takes_the_latest() -> None:
    cache = StepCache()
    (found,) = parse(
        json.dumps(
            {
                "Version": "2020-12-01",
                "Steps": [step("A", CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"})],
            }
        )
    ).steps
    now = time.time()
    outcome = Outcome(output={}, metadata={})
    for age, arn in ((7200, "old"), (60, "recent"), (30, "latest")):
        cache.add(found, executions.CachedRun(key="k", time=now - age, execution_arn=arn, outcome=outcome))
    latest = cache.find(found, "k")
    assert latest is not None
    assert latest.execution_arn == "latest"
    assert cache.find(found, "other") is None
