"""What a function is called with: which one takes what, and what a rule makes of an event.

Sources: EventBridge user guide, "Amazon EventBridge input transformation" and its predefined variables; API reference,
"Target": `Input`, `InputPath` and `InputTransformer` exclude each other.
"""

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

from plumbline.configuration import REQUEST_SOURCE, REQUEST_TYPE

Document = dict[str, Any]

# The functions of an environment by what they are called with: events, and members, the first that it has.
_BY_EVENT = {
    ("aws.cloudformation", "CloudFormation Stack Status Change"): "account_guard",
    ("aws.cloudwatch", "CloudWatch Alarm State Change"): "retraining_governor",
    ("aws.events", "Scheduled Event"): "retraining_governor",
    ("aws.s3", "Object Created"): "retraining_governor",
    ("aws.ssm", "Parameter Store Change"): "retraining_governor",
    ("aws.sagemaker", "SageMaker Model Building Pipeline Execution Status Change"): "retraining_governor",
    (REQUEST_SOURCE, REQUEST_TYPE): "retraining_governor",
}
_BY_MEMBER = {
    "labelsAfterHours": "monitor_window",
    "schedules": "managed_publisher",
    # The one before is told of it too.
    "windowsToAlarm": "metrics_publisher",
}
_PLACEHOLDER = re.compile(r"<([^<>]+)>")


def function_of(call: Mapping[str, Any]) -> str:
    """Folder of the function that is called with a document; empty for one that none is called with."""
    if found := _BY_EVENT.get((str(call.get("source")), str(call.get("detail-type")))):
        return found
    return next((function for member, function in _BY_MEMBER.items() if member in call), "")


def is_event(document: Mapping[str, Any]) -> bool:
    """Whether a document is an event as EventBridge has it, of which a rule may make something else."""
    return {"id", "source", "detail-type", "detail"} <= document.keys()


def told(
    target: Mapping[str, Any], event: Mapping[str, Any], *, rule_arn: str, taken_in: datetime.datetime
) -> Document:
    """What a rule's target is told of an event.

    Args:
        target: The target, as `ListTargetsByRule` says it.
        event: The event.
        rule_arn: The rule.
        taken_in: What stands for the time at which EventBridge took the event in.

    Raises:
        ValueError: It cannot be said: the target wants what this does not know, the event lacks something, or what is
            made of it is no JSON object.
    """
    if target.get("InputPath"):
        raise ValueError("its rule tells a part of the event by a path")
    text = target.get("Input") or json.dumps(event)
    if transformer := target.get("InputTransformer"):
        reserved = {
            "aws.events.rule-arn": rule_arn,
            "aws.events.rule-name": rule_arn.rpartition("/")[2],
            "aws.events.event.ingestion-time": f"{taken_in:%Y-%m-%dT%H:%M:%SZ}",
            "aws.events.event.json": event,
            "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        }
        paths = transformer.get("InputPathsMap", {})
        values = {name: _at(event, path) for name, path in paths.items()} | reserved
        text = _PLACEHOLDER.sub(lambda found: _value(values, found[1]), transformer["InputTemplate"])
    try:
        made = json.loads(text)
    except ValueError as error:
        raise ValueError("what its rule tells is no JSON") from error
    if not isinstance(made, dict):
        raise ValueError("what its rule tells is no JSON object")
    return made


def _at(event: Mapping[str, Any], path: str) -> object:
    found: object = event
    for member in path.removeprefix("$.").split("."):
        if not isinstance(found, Mapping) or member not in found:
            raise ValueError(f"the event has no {path}, which its rule tells")
        found = found[member]
    return found


def _value(values: Mapping[str, object], name: str) -> str:
    if name not in values:
        raise ValueError(f"its rule tells <{name}>, which is not known here")
    return json.dumps(values[name])
