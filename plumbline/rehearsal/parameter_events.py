"""What Systems Manager tells EventBridge: that a parameter was made or changed, on the account's default bus.

Source: Systems Manager user guide, "Amazon EventBridge event examples for Systems Manager", "Parameter Store Change".
"""

import json
from collections.abc import Mapping

from ministack.services import eventbridge, ssm

_own_put_parameter = ssm._put_parameter
_Answer = tuple[int, dict[str, str], bytes]


def register() -> None:
    """Has the emulator of this process send such events, for stacks' parameters as well."""
    ssm._put_parameter = _put_and_tell


def _put_and_tell(data: Mapping[str, object]) -> _Answer:
    answer: _Answer = _own_put_parameter(data)
    status, _, body = answer
    if status != 200:
        return answer
    made = ssm._parameters[data["Name"]]
    detail = {
        "operation": "Create" if json.loads(body)["Version"] == 1 else "Update",
        "name": made["Name"],
        "type": made["Type"],
        "description": made["Description"],
    }
    entry = {
        "Source": "aws.ssm",
        "DetailType": "Parameter Store Change",
        "Resources": [made["ARN"]],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    return answer
