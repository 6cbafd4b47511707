"""The releases of one model, as its pipeline tells of them."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.exceptions

from plumbline.accounts.access import Clients
from plumbline.accounts.refusals import code_of, sentence
from plumbline.configuration import Release
from plumbline.errors import PlumblineError

BREAK_GLASS = "BREAK GLASS"
_POLL_SECONDS = 3.0
# API reference, ApprovalResult: a summary has at most 512 characters.
_SUMMARY_LIMIT = 512
_ENDED = frozenset({"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"})
_ANSWERED_MEANWHILE = frozenset({"ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"})
_NOT_THERE = frozenset({"PipelineNotFoundException", "PipelineExecutionNotFoundException"})


def refuse_long(because: str) -> None:
    """Refuses words that no answer can hold.

    Raises:
        PlumblineError: They are too long.
    """
    if len(because) > _SUMMARY_LIMIT:
        raise PlumblineError(f"because: {len(because)} characters; accepted: at most {_SUMMARY_LIMIT}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waiting:
    """A release that waits for an answer.

    Attributes:
        execution: Id of the pipeline's execution.
        token: What the answer has to bear.
        says: What is released.
        link: Where its record is read.
    """

    execution: str
    token: str
    says: str
    link: str


class Releases:
    """The releases of one model.

    Args:
        clients: Whose access it is; the delivery account's approver has all that is asked for here.
        release: What releases the model.
        wait: Waits some seconds.
    """

    def __init__(self, clients: Clients, release: Release, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._clients = clients
        self._release = release
        self._wait = wait

    def waiting(self) -> Waiting:
        """The release that waits for an answer.

        Raises:
            PlumblineError: None does, or the caller may not see it.
        """
        found = self._waiting()
        if found is None:
            raise PlumblineError(
                f"no release of {self._release.model.name} waits for an answer in {self._release.pipeline_name}.",
                exit_code=1,
            )
        return found

    def answer(self, waiting: Waiting, *, approved: bool, because: str) -> None:
        """Answers a release.

        Args:
            waiting: The release, as it was seen: one that has changed since is not answered.
            approved: Yes or no.
            because: Why; kept with the release.

        Raises:
            PlumblineError: Somebody has answered meanwhile, or the caller may not.
        """
        release = self._release
        refuse_long(because)
        with _in_a_sentence(self._release):
            self._clients.client("codepipeline").put_approval_result(
                pipelineName=release.pipeline_name,
                stageName=release.approval_stage,
                actionName=release.approval_action,
                token=waiting.token,
                result={"summary": because, "status": "Approved" if approved else "Rejected"},
            )

    def recorded(self) -> list[int]:
        """The versions that have a record, the lowest first."""
        with _in_a_sentence(self._release):
            prefix = self._release.records_prefix
            pages = (
                self._clients.client("s3")
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self._release.platform.delivery.records_bucket, Prefix=prefix)
            )
            keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        names = {key.removeprefix(prefix).partition("/")[0] for key in keys if key.endswith("/record.zip")}
        return sorted(int(name) for name in names if name.isdecimal())

    def released(self) -> list[int]:
        """The versions that production has had, the present one first, each at its last time."""
        deployed: list[str] = []
        versions: dict[str, int] = {}
        for action in self._actions():
            if action["status"] != "Succeeded":
                continue
            execution, place = action["pipelineExecutionId"], (action["stageName"], action["actionName"])
            if place == ("Production", "Deploy"):
                deployed.append(execution)
            elif place == ("Staging", "Verify"):
                said = action.get("output", {}).get("outputVariables", {}).get("Version", "")
                if said.isdecimal():
                    versions[execution] = int(said)
        return list(dict.fromkeys(versions[execution] for execution in deployed if execution in versions))

    def roll_back(self, to: int | None) -> tuple[int, str]:
        """Starts the pipeline at an earlier record.

        Args:
            to: The version; left out, the one that production had before.

        Returns:
            The version, and the id of the execution.

        Raises:
            PlumblineError: There is no such record, or nothing before, or the caller may not.
        """
        version = self._before() if to is None else to
        recorded = self.recorded()
        if version not in recorded:
            known = ", ".join(map(str, recorded)) or "none"
            raise PlumblineError(
                f"version {version} of {self._release.model.name} has no release record; accepted: {known}.",
                exit_code=1,
            )
        with _in_a_sentence(self._release):
            started = self._clients.client("codepipeline").start_pipeline_execution(
                name=self._release.pipeline_name,
                sourceRevisions=[
                    {
                        "actionName": self._release.source_action,
                        "revisionType": "S3_OBJECT_KEY",
                        "revisionValue": self._release.record_key(version),
                    }
                ],
            )
        return version, str(started["pipelineExecutionId"])

    def wait_for_question(self, execution: str, *, tell: Callable[[str], None]) -> Waiting:
        """Waits until an execution asks for an answer.

        Args:
            execution: The execution.
            tell: Called with its status whenever that has changed.

        Raises:
            PlumblineError: It ends before it asks.
        """
        told = ""
        while True:
            found = self._waiting()
            if found is not None and found.execution == execution:
                return found
            status = self._status(execution)
            if status != told:
                tell(status)
                told = status
            if status in _ENDED:
                raise PlumblineError(
                    f"execution {execution} of {self._release.pipeline_name} is {status} and was never asked about; "
                    "see why in its history.",
                    exit_code=1,
                )
            self._wait(_POLL_SECONDS)

    def wait_for_end(self, execution: str, *, tell: Callable[[str], None]) -> None:
        """Waits until an execution has ended well.

        Args:
            execution: The execution.
            tell: Called with its status whenever that has changed.

        Raises:
            PlumblineError: It ends otherwise; the reason of the action that failed is in the sentence.
        """
        told = ""
        while (status := self._status(execution)) not in _ENDED:
            if status != told:
                tell(status)
                told = status
            self._wait(_POLL_SECONDS)
        if status != "Succeeded":
            why = next((_why(one) for one in self._actions(execution) if one["status"] == "Failed"), "")
            raise PlumblineError(
                f"execution {execution} of {self._release.pipeline_name} is {status}{why}.", exit_code=1
            )

    def _before(self) -> int:
        released = self.released()
        if len(released) < 2:
            has = f"version {released[0]} and nothing before" if released else "had none"
            raise PlumblineError(
                f"production has {has} of {self._release.model.name}; say with --to which version is meant.",
                exit_code=1,
            )
        return released[1]

    def _waiting(self) -> Waiting | None:
        release = self._release
        with _in_a_sentence(self._release):
            state = self._clients.client("codepipeline").get_pipeline_state(name=release.pipeline_name)
        for stage in state["stageStates"]:
            if stage["stageName"] != release.approval_stage:
                continue
            execution = stage.get("latestExecution", {}).get("pipelineExecutionId", "")
            for action in stage["actionStates"]:
                latest = action.get("latestExecution", {})
                if latest.get("status") == "InProgress" and latest.get("token"):
                    asked = self._question(execution)
                    return Waiting(
                        execution=execution,
                        token=latest["token"],
                        says=asked.get("CustomData", ""),
                        link=asked.get("ExternalEntityLink", ""),
                    )
        return None

    def _question(self, execution: str) -> Mapping[str, str]:
        for action in self._actions(execution):
            if action["stageName"] == self._release.approval_stage:
                asked: Mapping[str, str] = action.get("input", {}).get("resolvedConfiguration", {})
                return asked
        return {}

    def _actions(self, execution: str | None = None) -> Iterator[dict[str, Any]]:
        """The actions of one execution, or of all; the newest first."""
        chosen = {"filter": {"pipelineExecutionId": execution}} if execution else {}
        pages = (
            self._clients.client("codepipeline")
            .get_paginator("list_action_executions")
            .paginate(pipelineName=self._release.pipeline_name, **chosen)
        )
        with _in_a_sentence(self._release):
            found = [one for page in pages for one in page["actionExecutionDetails"]]
        yield from found

    def _status(self, execution: str) -> str:
        with _in_a_sentence(self._release):
            found = self._clients.client("codepipeline").get_pipeline_execution(
                pipelineName=self._release.pipeline_name,
                pipelineExecutionId=execution,
            )
        return str(found["pipelineExecution"]["status"])


@contextlib.contextmanager
def _in_a_sentence(release: Release) -> Iterator[None]:
    """Turns what AWS refuses into a sentence."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        raise PlumblineError(_refused(error, release), exit_code=1) from error
    except botocore.exceptions.BotoCoreError as error:
        raise PlumblineError(sentence(error, region=release.region), exit_code=1) from error


def _why(action: Mapping[str, Any]) -> str:
    result = action.get("output", {}).get("executionResult", {})
    message = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary", "")
    return f": {action['stageName']}/{action['actionName']}: {message}" if message else ""


def _refused(error: botocore.exceptions.ClientError, release: Release) -> str:
    code = code_of(error)
    if code in _ANSWERED_MEANWHILE:
        return "somebody has answered this release meanwhile, or a newer one has taken its place; nothing was changed."
    if code in _NOT_THERE:
        return (
            f"there is no pipeline {release.pipeline_name} in account {release.account}: delivery makes it, after "
            "production."
        )
    return sentence(error, region=release.region)
