"""The stack of `bootstrap/template.yaml` in one account: looked at, tried, made and changed by change sets."""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import botocore.exceptions

from plumbline.accounts.access import Client
from plumbline.accounts.changes import Change
from plumbline.accounts.refusals import code_of, sentence, words_of
from plumbline.errors import PlumblineError

# CloudFormation user guide, "Understand CloudFormation quotas": template body size in a request.
LARGEST_TEMPLATE = 51_200
_CAPABILITY = "CAPABILITY_NAMED_IAM"
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.2, 3.0
_LIMIT_SECONDS = 1800.0
# DescribeChangeSet, StatusReason of a change set that failed because it would change nothing.
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_REVIEW = "REVIEW_IN_PROGRESS"
_DELETE = "delete it (aws cloudformation delete-stack --stack-name {stack} --region {region}) and run this again"
_WAY_OUT = {
    "ROLLBACK_COMPLETE": f"it never came to be: {_DELETE}",
    "ROLLBACK_FAILED": f"it never came to be: {_DELETE}",
    "CREATE_FAILED": f"it never came to be: {_DELETE}",
    "DELETE_FAILED": "its deletion failed: look at its events and delete what is left",
    "UPDATE_ROLLBACK_FAILED": (
        "finish its way back (aws cloudformation continue-update-rollback --stack-name {stack} --region {region}) and "
        "run this again"
    ),
    "UPDATE_FAILED": "roll it back (aws cloudformation rollback-stack --stack-name {stack} --region {region}) and run "
    "this again",
}
_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class _ChangeSet:
    """A change set that AWS has worked out.

    Attributes:
        arn: Its ARN.
        stack_id: The stack's ARN.
        changes: The resources that it touches; none when it changes, say, an output only.
        executable: Whether it changes anything.
    """

    arn: str
    stack_id: str
    changes: tuple[Change, ...]
    executable: bool


class PlainStack:
    """The stack, as whoever owns the client may handle it.

    Args:
        client: A client of CloudFormation.
        region: For the commands that lead out of a dead end.
        name: The stack's name.
        template: The template's text.
        parameters: The template's parameters.
    """

    def __init__(self, *, client: Client, region: str, name: str, template: str, parameters: Mapping[str, str]) -> None:
        self._client = client
        self._region = region
        self._name = name
        self._template = template
        self._parameters = parameters

    def planned(self) -> tuple[Change, ...]:
        """What a deployment would change; afterwards the account is as it was.

        A change set for a stack that does not exist makes one that waits for review (API_CreateChangeSet): it is
        removed with the change set.

        Raises:
            PlumblineError: The stack is in the middle of something, or AWS refuses the template.
        """
        with self._refusals():
            status = self._ready(tell=None)
            with self._change_set(status) as made:
                return made.changes

    def deploy(self, *, tell: Tell) -> tuple[Change, ...]:
        """Makes or changes the stack, and protects it from termination.

        What an interrupted deployment left, waiting for review or still under way, is continued.

        Args:
            tell: Called with what is waited for.

        Returns:
            What was changed; empty when all was there already.

        Raises:
            PlumblineError: AWS refuses the template, or the stack ends badly; the message says which resource failed,
                and what the stack is now.
        """
        with self._refusals():
            status = self._ready(tell=tell)
            with self._change_set(status) as made:
                if made.executable:
                    # Without it, a policy that is to be retained outlives a first deployment that failed, and its name
                    # stands in the way of the next (API_ExecuteChangeSet).
                    self._client.execute_change_set(ChangeSetName=made.arn, RetainExceptOnCreate=True)
                    self._await(made.stack_id, tell=tell)
            self._protect()
            return made.changes

    def _ready(self, *, tell: Tell | None) -> str | None:
        """The stack's status once something can be done with it; None for no stack.

        Args:
            tell: Whom to tell of waiting; None to refuse instead of waiting.
        """
        while True:
            stack = self._described(self._name)
            status = str(stack["StackStatus"]) if stack else None
            if status in (None, _REVIEW):
                return status
            if status in _WAY_OUT:
                way_out = _WAY_OUT[str(status)].format(stack=self._name, region=self._region)
                raise PlumblineError(f"stack {self._name} is {status}: {way_out}.", exit_code=1)
            if not str(status).endswith("_IN_PROGRESS"):
                return status
            if tell is None or stack is None:
                raise PlumblineError(
                    f"stack {self._name} is {status}: wait until that has ended, and run this again.", exit_code=1
                )
            self._settled(str(stack["StackId"]), tell=tell)

    @contextlib.contextmanager
    def _change_set(self, status: str | None) -> Iterator[_ChangeSet]:
        """A change set while its block runs; what was not executed is gone afterwards, also after Ctrl-C."""
        new = status in (None, _REVIEW)
        name = f"plumb-{uuid.uuid4().hex}"
        executable = False
        try:
            made = self._client.create_change_set(
                StackName=self._name,
                ChangeSetName=name,
                ChangeSetType="CREATE" if new else "UPDATE",
                TemplateBody=self._template,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self._parameters.items()],
                Capabilities=[_CAPABILITY],
            )
            executable = self._changes_something(made["Id"])
            changes = self._changes_of(made["Id"]) if executable else ()
            yield _ChangeSet(arn=made["Id"], stack_id=made["StackId"], changes=changes, executable=executable)
        finally:
            self._forget(name, placeholder=status is None, was_executable=executable)

    def _forget(self, change_set: str, *, placeholder: bool, was_executable: bool) -> None:
        """Removes a change set, and the stack that only it made; an executed one is history and stays."""
        with contextlib.suppress(botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            if was_executable:
                found = self._client.describe_change_set(StackName=self._name, ChangeSetName=change_set)
                if found["ExecutionStatus"] != "AVAILABLE":
                    return
            self._client.delete_change_set(StackName=self._name, ChangeSetName=change_set)
        if placeholder:
            with contextlib.suppress(botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
                stack = self._described(self._name)
                if stack and stack["StackStatus"] == _REVIEW:
                    self._client.delete_stack(StackName=stack["StackId"])

    def _changes_something(self, change_set: str) -> bool:
        """Waits until a change set is worked out, and says whether there is anything in it."""
        for _ in _polls(f"change set of stack {self._name}"):
            described = self._client.describe_change_set(ChangeSetName=change_set)
            status = described["Status"]
            if status == "FAILED":
                reason = described.get("StatusReason", "")
                if any(words in reason for words in _NOTHING):
                    return False
                raise PlumblineError(f"stack {self._name} is as it was: AWS refuses the change: {reason}", exit_code=1)
            if status == "CREATE_COMPLETE":
                break
        return True

    def _changes_of(self, change_set: str) -> tuple[Change, ...]:
        pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        found = [change["ResourceChange"] for page in pages for change in page.get("Changes", [])]
        return tuple(
            Change(
                action=change["Action"],
                logical_id=change["LogicalResourceId"],
                resource_type=change["ResourceType"],
                replacement=change.get("Replacement", ""),
            )
            for change in found
        )

    def _await(self, stack_id: str, *, tell: Tell) -> None:
        status = self._settled(stack_id, tell=tell)
        if status not in _DONE:
            out = _WAY_OUT.get(status, "what was there before is there again").format(
                stack=self._name, region=self._region
            )
            raise PlumblineError(
                f"stack {self._name} ended as {status}: {self._first_failure(stack_id)}; {out}.", exit_code=1
            )

    def _settled(self, stack_id: str, *, tell: Tell) -> str:
        """Waits until a stack is in the middle of nothing."""
        told = ""
        for _ in _polls(f"stack {self._name}"):
            stack = self._described(stack_id)
            status = str(stack["StackStatus"]) if stack else "DELETE_COMPLETE"
            if not status.endswith("_IN_PROGRESS"):
                return status
            if status != told:
                tell(f"{self._name} {status.lower().replace('_', ' ')}")
                told = status
        return told

    def _first_failure(self, stack_id: str) -> str:
        """What failed first since the stack's last operation began, and why."""
        failure = "no resource failed"
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for event in (event for page in pages for event in page["StackEvents"]):
            status = event.get("ResourceStatus", "")
            if status.endswith("_FAILED"):
                why = event.get("ResourceStatusReason", status)
                failure = f"{event['LogicalResourceId']} ({event['ResourceType']}): {why}"
            if event["PhysicalResourceId"] == stack_id and status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}:
                break
        return failure

    def _protect(self) -> None:
        stack = self._described(self._name)
        if stack and not stack.get("EnableTerminationProtection"):
            self._client.update_termination_protection(StackName=self._name, EnableTerminationProtection=True)

    def _described(self, stack: str) -> Mapping[str, object] | None:
        try:
            (found,) = self._client.describe_stacks(StackName=stack)["Stacks"]
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in words_of(error):
                return None
            raise
        described: Mapping[str, object] = found
        return None if described["StackStatus"] == "DELETE_COMPLETE" else described

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        if len(self._template.encode()) > LARGEST_TEMPLATE:
            raise PlumblineError(
                f"the template of stack {self._name} has more than the {LARGEST_TEMPLATE:,} bytes that CloudFormation "
                "takes in a request."
            )
        try:
            yield
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            said = sentence(error, region=self._region)
            raise PlumblineError(f"stack {self._name}: {said}", exit_code=1) from error


def _polls(what: str) -> Iterator[None]:
    """One look after the other, the pauses between them growing.

    Raises:
        PlumblineError: It takes longer than half an hour.
    """
    deadline, pause = time.monotonic() + _LIMIT_SECONDS, _FIRST_POLL_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
    raise PlumblineError(f"{what} is still under way after half an hour: run this again to go on with it.", exit_code=1)
