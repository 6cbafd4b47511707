"""``AWS::CloudWatch::CompositeAlarm``.

Source: CloudFormation template reference, "AWS::CloudWatch::CompositeAlarm": ``Ref`` gives the name, ``Arn`` the ARN.
"""

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.provisioning.notation import Properties
from plumbline.rehearsal.provisioning.types.service import Answer, Created, add, ask

_TYPE = "AWS::CloudWatch::CompositeAlarm"
_MEMBERS = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "AlarmRule",
    "InsufficientDataActions",
    "OKActions",
    "Tags",
)


def register() -> None:
    """Adds the type to the emulator of this process."""
    add(_TYPE, create=_put, update=_change, delete=_delete, name="AlarmName", length=255)
    provisioners._STACK_TAG_PROPERTY[_TYPE] = ("Tags", "list")


def _put(name: str, properties: Properties) -> Created:
    request = {member: properties.get(member) for member in _MEMBERS}
    tags = request["Tags"]
    # The API refuses CloudFormation's own tags from everybody, and CloudFormation has another way.
    request["Tags"] = [tag for tag in tags if not tag["Key"].startswith("aws:")] if isinstance(tags, list) else None
    ask(_put_composite_alarm, request | {"AlarmName": name})
    return name, {"Arn": f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{name}"}


def _put_composite_alarm(request: dict[str, object]) -> Answer:
    answer: Answer = cloudwatch._put_composite_alarm({}, request, is_cbor=False, is_json=True)
    return answer


def _change(physical_id: str, old: Properties, new: Properties) -> Created:  # noqa: ARG001 - the handler's signature
    return _put(physical_id, new)


def _delete(physical_id: str, properties: Properties) -> None:  # noqa: ARG001
    cloudwatch._composite_alarms.pop(physical_id, None)
