"""What CloudFormation tells EventBridge: each change of a stack's and of a resource's status, on the default bus.

Source: CloudFormation user guide, "Stack Status Change event detail" and "Resource Status Change event detail".
"""

import json

from ministack.services import eventbridge
from ministack.services.cloudformation import changesets, handlers, stacks

_add_event = stacks._add_event
_STACK = "AWS::CloudFormation::Stack"


def install() -> None:
    """Has the emulator of this process send such events."""
    for module in (stacks, handlers, changesets):
        module._add_event = _add_and_tell


def _add_and_tell(
    stack_id: str,
    stack_name: str,
    logical_id: str,
    resource_type: str,
    status: str,
    reason: str = "",
    physical_id: str = "",
    detailed_status: str = "",
) -> None:
    _add_event(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)
    of_stack = resource_type == _STACK and logical_id == stack_name
    detail: dict[str, object] = {
        "stack-id": stack_id,
        "status-details": {"status": status, "status-reason": reason},
        "client-request-token": stacks.CLIENT_REQUEST_TOKEN.get(),
    }
    if not of_stack:
        detail |= {
            "logical-resource-id": logical_id,
            "physical-resource-id": physical_id,
            "resource-type": resource_type,
        }
    entry = {
        "Source": "aws.cloudformation",
        "DetailType": f"CloudFormation {'Stack' if of_stack else 'Resource'} Status Change",
        "Detail": json.dumps(detail),
        "Resources": [stack_id],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
