"""Deployment by CloudFormation: change sets made and executed, stacks made, changed and deleted.

Source: user guide, "AWS CloudFormation deploy action reference". A change set without changes is no failure: it is
made, and not executed.
"""

import json
from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError
from ministack.services.cloudformation import _stack_events

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.actions.large_templates import admitted
from plumbline.rehearsal.codepipeline.actions.templates import Deployment, Files, deployment_of
from plumbline.rehearsal.codepipeline.artifacts import write, zipped
from plumbline.rehearsal.codepipeline.links import of_stack
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.roles import Role, failure, message_of, role_of
from plumbline.rehearsal.codepipeline.work import ActionFailedError, Outcome, Progress, Work

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_SUCCEEDED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})


def perform(options: Options, work: Work) -> Outcome:
    """Does what the action's mode says.

    Raises:
        ActionFailedError: The stack or the change set fails, or a role may not.
    """
    role = role_of(options, work.order)
    stack = Stack(work, role)
    try:
        return _MODES[work.order.configuration["ActionMode"]](stack)
    except ClientError as error:
        raise failure(error) from error


class Stack:
    """The stack that an action is about.

    Args:
        work: The action.
        role: What it works in.
    """

    def __init__(self, work: Work, role: Role) -> None:
        self.work = work
        self.role = role
        self.told = work.order.configuration
        self.name = self.told["StackName"]
        self.client = role.client("cloudformation")

    def described(self, name: str = "") -> Document | None:
        """The stack; None when there is none."""
        try:
            found: Document = self.client.describe_stacks(StackName=name or self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in message_of(error):
                return None
            raise
        return found

    def change_set(self) -> Document | None:
        """The change set; None when there is none."""
        try:
            found: Document = self.client.describe_change_set(StackName=self.name, ChangeSetName=self.change_set_name)
        except ClientError as error:
            if "does not exist" in message_of(error):
                return None
            raise
        return found

    @property
    def change_set_name(self) -> str:
        """The change set's name.

        Raises:
            ActionFailedError: The configuration names none.
        """
        name = self.told.get("ChangeSetName")
        if not name:
            raise ActionFailedError("ConfigurationError", f"ActionMode {self.told['ActionMode']} needs ChangeSetName")
        return name

    def deployment(self) -> Deployment:
        """What is to be deployed."""
        return deployment_of(self.work.order, Files(self.work.order, self.role))

    def passed(self) -> Document:
        """The execution role and the capabilities, as requests have them."""
        capabilities = [one.strip() for one in self.told.get("Capabilities", "").split(",") if one.strip()]
        return ({"RoleARN": self.told["RoleArn"]} if self.told.get("RoleArn") else {}) | (
            {"Capabilities": capabilities} if capabilities else {}
        )

    def report(self, stack_id: str) -> None:
        """Says which stack it is."""
        self.work.report(Progress(external_id=stack_id, external_url=of_stack(self.work.order.scope.region, stack_id)))

    def settled(self, stack_id: str) -> Document:
        """Waits until the stack has stopped changing."""
        while True:
            found = self.described(stack_id)
            if found is not None and not found["StackStatus"].endswith("_IN_PROGRESS"):
                return found
            self.work.pause()

    def outcome(self, found: Document) -> Outcome:
        """What an action gives whose stack has been made or changed.

        Raises:
            ActionFailedError: It has not.
        """
        if found["StackStatus"] not in _SUCCEEDED:
            raise ActionFailedError(
                "JobFailed",
                f"Stack {found['StackId']} is in state {found['StackStatus']}. "
                f"{self._first_failure(found['StackId']) or found.get('StackStatusReason', '')}".strip(),
            )
        return self._given(found)

    def unchanged(self, stack_id: str) -> Outcome:
        """What an action gives that found nothing to change."""
        return self._given(self.settled(stack_id))

    def _given(self, found: Document) -> Outcome:
        outputs = {one["OutputKey"]: str(one["OutputValue"]) for one in found.get("Outputs", [])}
        self.write_outputs(outputs)
        return Outcome(variables=outputs)

    def write_outputs(self, outputs: Mapping[str, str]) -> None:
        """Writes the output artifact, where the action has one: a file with the stack's outputs.

        Raises:
            ActionFailedError: The file has no name, or the role may not.
        """
        for artifact in self.work.order.outputs:
            name = self.told.get("OutputFileName")
            if not name:
                raise ActionFailedError("ConfigurationError", "An action with an output artifact needs OutputFileName")
            write(self.role, artifact, zipped(name, json.dumps(outputs)))

    def _first_failure(self, stack_id: str) -> str:
        """The first resource that failed since the last operation began, and why; CloudFormation's own knowledge."""
        _, _, _, region, account, _ = stack_id.split(":", 5)
        found = ""
        for event in reversed(_stack_events.get_scoped(account, region, stack_id) or []):
            status = event["ResourceStatus"]
            if status.endswith("_FAILED"):
                found = f"{event['LogicalResourceId']}: {status}: {event.get('ResourceStatusReason', '')}"
            begun = status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
            if begun and event["ResourceType"] == "AWS::CloudFormation::Stack":
                break
        return found


def _replace_change_set(stack: Stack) -> Outcome:
    deployment = stack.deployment()
    if deployment.policy:
        raise ActionFailedError("ConfigurationError", "The rehearsal sets no StackPolicy by way of a change set")
    present = stack.described()
    is_new = present is None or present["StackStatus"] == "REVIEW_IN_PROGRESS"
    if present is not None and stack.change_set() is not None:
        stack.client.delete_change_set(StackName=stack.name, ChangeSetName=stack.change_set_name)
    with admitted(deployment.template):
        made = stack.client.create_change_set(
            StackName=stack.name,
            ChangeSetName=stack.change_set_name,
            ChangeSetType="CREATE" if is_new else "UPDATE",
            **deployment.request(),
            **stack.passed(),
        )
    stack.report(made["StackId"])
    while True:
        found = stack.change_set() or {"Status": "FAILED", "StatusReason": "it is gone"}
        if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        stack.work.pause()
    if found["Status"] == "FAILED" and not _is_empty(found):
        raise ActionFailedError("JobFailed", f"Change set {made['Id']} failed: {found.get('StatusReason', '')}")
    stack.write_outputs({})
    return Outcome()


def _execute_change_set(stack: Stack) -> Outcome:
    found = stack.change_set()
    if found is None:
        raise ActionFailedError("JobFailed", f"ChangeSet [{stack.change_set_name}] does not exist")
    stack.report(found["StackId"])
    if _is_empty(found):
        return stack.unchanged(found["StackId"])
    stack.client.execute_change_set(StackName=stack.name, ChangeSetName=stack.change_set_name)
    return stack.outcome(stack.settled(found["StackId"]))


def _create_or_update(stack: Stack) -> Outcome:
    deployment = stack.deployment()
    present = stack.described()
    policy = {"StackPolicyBody": deployment.policy} if deployment.policy else {}
    operation = stack.client.create_stack if present is None else stack.client.update_stack
    try:
        with admitted(deployment.template):
            stack_id = operation(StackName=stack.name, **deployment.request(), **stack.passed(), **policy)["StackId"]
    except ClientError as error:
        if present is None or not any(words in message_of(error) for words in _NO_CHANGES):
            raise
        stack.report(present["StackId"])
        return stack.unchanged(present["StackId"])
    stack.report(stack_id)
    return stack.outcome(stack.settled(stack_id))


def _delete(stack: Stack) -> Outcome:
    present = stack.described()
    if present is None:
        return Outcome()
    stack.report(present["StackId"])
    role = {"RoleARN": stack.told["RoleArn"]} if stack.told.get("RoleArn") else {}
    stack.client.delete_stack(StackName=stack.name, **role)
    while True:
        # by its id, by which a deleted stack is found
        found = stack.described(present["StackId"])
        if found is None or found["StackStatus"] == "DELETE_COMPLETE":
            return Outcome()
        if found["StackStatus"] == "DELETE_FAILED":
            raise ActionFailedError(
                "JobFailed",
                f"Stack {present['StackId']} is in state DELETE_FAILED. {found.get('StackStatusReason', '')}",
            )
        stack.work.pause()


def _is_empty(change_set: Document) -> bool:
    reason = change_set.get("StatusReason", "")
    return change_set["Status"] == "FAILED" and any(words in reason for words in _NO_CHANGES)


_MODES: Mapping[str, Callable[[Stack], Outcome]] = {
    "CHANGE_SET_REPLACE": _replace_change_set,
    "CHANGE_SET_EXECUTE": _execute_change_set,
    "CREATE_UPDATE": _create_or_update,
    "DELETE_ONLY": _delete,
}
