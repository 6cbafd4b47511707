"""A stack of a test, changed step by step."""

import json
import time
from collections.abc import Mapping
from typing import Any

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client

ACCOUNT = "111111111111"
_ENDED = ("COMPLETE", "FAILED")


class Stack:
    """A stack that a test changes step by step.

    Args:
        cloud: The cloud.
        name: The stack's name.
        role: The role that CloudFormation deploys it with; none for whom the account lets do everything.
        account: The account.
    """

    def __init__(self, cloud: Cloud, name: str, *, role: str | None = None, account: str = ACCOUNT) -> None:
        self._client: Client = cloud.administrator(account).client("cloudformation")
        self.name = name
        self._id = name
        self._role = {"RoleARN": role} if role else {}

    def create(self, resources: Mapping[str, Any], outputs: Mapping[str, Any] | None = None) -> str:
        body = json.dumps({"Resources": resources, "Outputs": outputs or {}})
        self._client.create_stack(
            StackName=self.name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"], **self._role
        )
        return self._settled()

    def update(self, resources: Mapping[str, Any]) -> str:
        body = json.dumps({"Resources": resources})
        self._client.update_stack(
            StackName=self.name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"], **self._role
        )
        return self._settled()

    def delete(self) -> str:
        self._id = str(self._client.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"])
        self._client.delete_stack(StackName=self.name)
        return self._settled()

    def id_of(self, logical_id: str) -> str:
        found = self._client.describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def protect(self, *statements: Mapping[str, Any]) -> None:
        policy = json.dumps({"Statement": list(statements)})
        self._client.set_stack_policy(StackName=self.name, StackPolicyBody=policy)

    def policy(self) -> str:
        return str(self._client.get_stack_policy(StackName=self.name)["StackPolicyBody"])

    def reasons(self) -> str:
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        return " ".join(str(event.get("ResourceStatusReason", "")) for event in events)

    def _settled(self) -> str:
        deadline = time.monotonic() + 30
        while True:
            status = str(self._client.describe_stacks(StackName=self._id)["Stacks"][0]["StackStatus"])
            if status.endswith(_ENDED) and "CLEANUP" not in status:
                return status
            assert time.monotonic() < deadline
            time.sleep(0.05)
