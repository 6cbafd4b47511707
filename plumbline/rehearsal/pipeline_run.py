"""One execution of a pipeline, followed from outside as a person would: by its state, its approvals and its logs."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from plumbline.accounts.access import Client, Clients
from plumbline.errors import PlumblineError

_POLL_SECONDS = 0.5
_ENDED = frozenset({"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"})
_LOG_LINES = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class ActionRun:
    """One action of an execution.

    Attributes:
        stage: Its stage.
        name: Its name.
        status: For example ``Succeeded``.
        seconds: From its start to its end.
        failure: Why it failed; empty otherwise.
    """

    stage: str
    name: str
    status: str
    seconds: float
    failure: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """An execution that has ended.

    Attributes:
        pipeline: The pipeline.
        execution: The execution's id.
        status: For example ``Succeeded``.
        commit: The revision of its source.
        actions: Its actions, in the order in which they began.
        seconds: From its first action's start to its last one's end.
    """

    pipeline: str
    execution: str
    status: str
    commit: str
    actions: tuple[ActionRun, ...]
    seconds: float

    def stages(self) -> dict[str, float]:
        """Seconds of each stage, all of its actions together, in their order."""
        found: dict[str, float] = {}
        for action in self.actions:
            found[action.stage] = round(found.get(action.stage, 0.0) + action.seconds, 2)
        return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Approval:
    """An approval that a pipeline waits for.

    Attributes:
        pipeline: The pipeline.
        stage: The stage.
        action: The action.
        token: What the answer has to bear.
        says: What the person is told.
        link: Where the person reads what is approved.
    """

    pipeline: str
    stage: str
    action: str
    token: str
    says: str
    link: str

    def answer(self, caller: Clients, *, approved: bool, because: str) -> None:
        """Answers it.

        Args:
            caller: Who answers.
            approved: Yes or no.
            because: What the answer says.
        """
        caller.client("codepipeline").put_approval_result(
            pipelineName=self.pipeline,
            stageName=self.stage,
            actionName=self.action,
            token=self.token,
            result={"summary": because, "status": "Approved" if approved else "Rejected"},
        )


def newest(*, pipeline: str, caller: Clients) -> str:
    """The id of a pipeline's newest execution; empty when it has had none."""
    listed = caller.client("codepipeline").list_pipeline_executions(pipelineName=pipeline, maxResults=1)
    found = listed["pipelineExecutionSummaries"]
    return str(found[0]["pipelineExecutionId"]) if found else ""


def follow(
    *,
    pipeline: str,
    execution: str,
    caller: Clients,
    decide: Callable[[Approval], None],
    tell: Callable[[str], None],
    limit_seconds: float = 1_800.0,
) -> PipelineRun:
    """Waits for the end of an execution, and hands each approval that it waits for to somebody.

    Args:
        pipeline: The pipeline.
        execution: The execution.
        caller: Who looks.
        decide: Answers an approval; called once for each.
        tell: Called with one line whenever something has moved.
        limit_seconds: How long to wait.

    Raises:
        PlumblineError: It does not end in time.
    """
    client = caller.client("codepipeline")
    deadline = time.monotonic() + limit_seconds
    told, answered = "", set[str]()
    while True:
        status = _status(client, pipeline, execution)
        state = client.get_pipeline_state(name=pipeline)
        line = _line(state, execution)
        if line != told:
            tell(line)
            told = line
        if status in _ENDED:
            return _ended(client, pipeline, execution, status)
        for approval in _waiting(client, pipeline, state, execution):
            if approval.token not in answered:
                answered.add(approval.token)
                decide(approval)
        if time.monotonic() > deadline:
            raise PlumblineError(
                f"execution {execution} of {pipeline} has not ended in {limit_seconds:.0f} s: {line}", exit_code=1
            )
        time.sleep(_POLL_SECONDS)


def failure(run: PipelineRun, *, caller: Clients) -> PlumblineError:
    """What to say of an execution that did not succeed: the action, its reason, and a build's last words."""
    failed = [action for action in run.actions if action.status == "Failed"]
    words = "; ".join(f"{one.stage}/{one.name}: {one.failure}" for one in failed) or f"it ended as {run.status}"
    said = "".join(f"\n{_last_words(run, one, caller)}" for one in failed[:1])
    return PlumblineError(f"the pipeline {run.pipeline} failed: {words}{said}", exit_code=1)


def log_of(run: PipelineRun, action: ActionRun, *, caller: Clients) -> list[str]:
    """The lines of a build's log; none for an action that is no build.

    Args:
        run: The execution.
        action: Its action.
        caller: Who looks.
    """
    for one in _details(caller.client("codepipeline"), run.pipeline, run.execution):
        if (one["stageName"], one["actionName"]) != (action.stage, action.name):
            continue
        if one.get("input", {}).get("actionTypeId", {}).get("provider") != "CodeBuild":
            return []
        build = str(one["output"]["executionResult"].get("externalExecutionId", ""))
        found = caller.client("codebuild").batch_get_builds(ids=[build])["builds"] if build else []
        if not found:
            return []
        logs = found[0].get("logs", {})
        # From the end: what a failure says stands there.
        events = caller.client("logs").get_log_events(
            logGroupName=logs["groupName"], logStreamName=logs["streamName"], startFromHead=False
        )["events"]
        return [str(event["message"]).rstrip() for event in events]
    return []


def _status(client: Client, pipeline: str, execution: str) -> str:
    found = client.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
    return str(found["pipelineExecution"]["status"])


def _line(state: Mapping[str, Any], execution: str) -> str:
    for stage in state["stageStates"]:
        latest = stage.get("latestExecution", {})
        if latest.get("pipelineExecutionId") == execution and latest.get("status") == "InProgress":
            running = [
                one["actionName"]
                for one in stage["actionStates"]
                if one.get("latestExecution", {}).get("status") == "InProgress"
            ]
            return f"{stage['stageName']}: {', '.join(running)}"
    return ""


def _waiting(client: Client, pipeline: str, state: Mapping[str, Any], execution: str) -> list[Approval]:
    found = []
    for stage in state["stageStates"]:
        if stage.get("latestExecution", {}).get("pipelineExecutionId") != execution:
            continue
        for action in stage["actionStates"]:
            latest = action.get("latestExecution", {})
            if latest.get("status") == "InProgress" and latest.get("token"):
                asked = _configuration(client, pipeline, execution, stage["stageName"], action["actionName"])
                found.append(
                    Approval(
                        pipeline=pipeline,
                        stage=stage["stageName"],
                        action=action["actionName"],
                        token=latest["token"],
                        says=asked.get("CustomData", ""),
                        link=asked.get("ExternalEntityLink", ""),
                    )
                )
    return found


def _configuration(client: Client, pipeline: str, execution: str, stage: str, action: str) -> Mapping[str, str]:
    for one in _details(client, pipeline, execution):
        if (one["stageName"], one["actionName"]) == (stage, action):
            found: Mapping[str, str] = one.get("input", {}).get("resolvedConfiguration", {})
            return found
    return {}


def _ended(client: Client, pipeline: str, execution: str, status: str) -> PipelineRun:
    described = client.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
    revisions = described["pipelineExecution"].get("artifactRevisions", [])
    details = sorted(_details(client, pipeline, execution), key=lambda one: one["startTime"])
    began, ended = (details[0]["startTime"], max(one["lastUpdateTime"] for one in details)) if details else (None, None)
    return PipelineRun(
        pipeline=pipeline,
        execution=execution,
        status=status,
        commit=str(revisions[0]["revisionId"]) if revisions else "",
        actions=tuple(_action(one) for one in details),
        seconds=round((ended - began).total_seconds(), 2) if began and ended else 0.0,
    )


def _details(client: Client, pipeline: str, execution: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    return [detail for page in pages for detail in page["actionExecutionDetails"]]


def _action(detail: Mapping[str, Any]) -> ActionRun:
    result = detail.get("output", {}).get("executionResult", {})
    error = result.get("errorDetails", {})
    return ActionRun(
        stage=detail["stageName"],
        name=detail["actionName"],
        status=detail["status"],
        seconds=round((detail["lastUpdateTime"] - detail["startTime"]).total_seconds(), 2),
        failure=str(error.get("message") or result.get("externalExecutionSummary", ""))
        if detail["status"] == "Failed"
        else "",
    )


def _last_words(run: PipelineRun, action: ActionRun, caller: Clients) -> str:
    return "\n".join(log_of(run, action, caller=caller)[-_LOG_LINES:])
