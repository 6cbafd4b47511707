"""What the change of an alarm's state tells: the topics of its actions, and the account's default event bus.

Sources: SNS developer guide, "Enable compatibility between event sources from AWS services and encrypted topics";
CloudWatch user guide, "Alarm events and EventBridge". A message that a topic or its key refuses is lost.
"""

import json
import uuid
from collections.abc import Mapping

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge

from plumbline.rehearsal import clock
from plumbline.rehearsal.enforcement.service_principals import publishes

_CLOUDWATCH = "cloudwatch.amazonaws.com"
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_UNCHECKED = "Unchecked: Initial alarm creation"
_own_alarm_actions = cloudwatch._dispatch_alarm_actions
# An alarm's ARN → its state as the last event told it.
_told: dict[str, Mapping[str, object]] = {}


def install() -> None:
    """Has the alarms of the emulator of this process tell of their changes."""
    cloudwatch._dispatch_alarm_actions = _dispatch_alarm_actions


def _dispatch_alarm_actions(alarm: Mapping[str, object], old_state: str, new_state: str, reason: str) -> None:
    """Stands in for the emulator's own: only topics that let CloudWatch publish, and always an event."""
    field = _ACTIONS.get(new_state, "")
    wanted = alarm.get(field) or []
    actions = wanted if isinstance(wanted, list) and alarm.get("ActionsEnabled", True) else []
    source = {"aws:sourceaccount": str(get_account_id()), "aws:sourcearn": _arn(alarm)}
    reached = [
        action
        for action in actions
        if not cloudwatch._is_sns_action_arn(action) or publishes(_CLOUDWATCH, action, source)
    ]
    _own_alarm_actions({**alarm, field: reached}, old_state, new_state, reason)
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Resources": [_arn(alarm)],
        "Detail": json.dumps(_detail(alarm, old_state, new_state, reason)),
    }
    eventbridge._ensure_default_bus()
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _arn(alarm: Mapping[str, object]) -> str:
    return f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm:{alarm.get('AlarmName', '')}"


def _detail(alarm: Mapping[str, object], old_state: str, new_state: str, reason: str) -> dict[str, object]:
    now = clock.moment()
    state: dict[str, object] = {
        "value": new_state,
        "reason": reason,
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000",
    }
    if alarm.get("StateReasonData"):
        state["reasonData"] = alarm["StateReasonData"]
    previous = _told.get(_arn(alarm), {})
    if previous.get("value") != old_state:
        previous = {"value": old_state, "reason": _UNCHECKED, "timestamp": state["timestamp"]}
    _told[_arn(alarm)] = state
    return {
        "alarmName": alarm.get("AlarmName", ""),
        "configuration": _composite(alarm) if "AlarmRule" in alarm else _metric(alarm),
        "previousState": previous,
        "state": state,
    }


def _composite(alarm: Mapping[str, object]) -> dict[str, object]:
    return _described(alarm) | {"alarmRule": alarm["AlarmRule"]}


def _metric(alarm: Mapping[str, object]) -> dict[str, object]:
    """An alarm on one metric, or on several with an expression."""
    queries = alarm.get("Metrics")
    if isinstance(queries, list) and queries:
        return _described(alarm) | {"metrics": [_lowered(query) for query in queries]}
    listed = alarm.get("Dimensions")
    dimensions = {str(one["Name"]): one["Value"] for one in listed} if isinstance(listed, list) else {}
    statistic = {
        "metric": {
            "namespace": alarm.get("Namespace", ""),
            "name": alarm.get("MetricName", ""),
            "dimensions": dimensions,
        },
        "period": int(str(alarm.get("Period") or 60)),
        "stat": alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average",
    }
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, _arn(alarm)))
    return _described(alarm) | {"metrics": [{"id": identity, "metricStat": statistic, "returnData": True}]}


def _described(alarm: Mapping[str, object]) -> dict[str, object]:
    description = alarm.get("AlarmDescription")
    return {"description": description} if description else {}


def _lowered(value: object) -> object:
    """A query of PutMetricAlarm's as an event spells it: members begin in lower case, dimensions are an object."""
    if not isinstance(value, Mapping):
        return value
    lowered: dict[str, object] = {}
    for member, part in value.items():
        if member == "Dimensions" and isinstance(part, list):
            lowered["dimensions"] = {str(one["Name"]): one["Value"] for one in part}
        elif member == "MetricName":
            lowered["name"] = part
        else:
            lowered[member[:1].lower() + member[1:]] = _lowered(part)
    return lowered
