"""What AWS services do as themselves: CloudWatch and EventBridge tell an SNS topic of an alarm or an event.

Each publishes under its own service principal, which the topic's policy must let, and where the topic is encrypted the
key's policy too. A message that either refuses is lost, as it is on AWS, where only a metric tells of it.

Sources: SNS developer guide, "Enable compatibility between event sources from AWS services and encrypted topics";
EventBridge user guide, "Troubleshooting Amazon EventBridge": "You can't use Condition blocks in Amazon SNS topic
policies for EventBridge", so EventBridge sends neither ``aws:SourceAccount`` nor ``aws:SourceArn``.
"""

import types
from collections.abc import Mapping

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, sns

from plumbline.rehearsal.enforcement import event_buses
from plumbline.rehearsal.enforcement.callers import Context, EvalResult
from plumbline.rehearsal.enforcement.condition_keys import known_keys
from plumbline.rehearsal.enforcement.evaluation import resource_policy
from plumbline.rehearsal.enforcement.object_keys import arn_of_key
from plumbline.rehearsal.enforcement.record import reason_of, record

CLOUDWATCH, EVENTBRIDGE = "cloudwatch.amazonaws.com", "events.amazonaws.com"
_KEY_USE = ("kms:GenerateDataKey", "kms:Decrypt")
_NO_SOURCE: Context = types.MappingProxyType({})
_own_alarm_actions = cloudwatch._dispatch_alarm_actions
_own_to_topic = eventbridge._dispatch_to_sns
_own_invoke_target = eventbridge._invoke_target


def install() -> None:
    """Has the emulator of this process decide what its services publish."""
    cloudwatch._dispatch_alarm_actions = _dispatch_alarm_actions
    eventbridge._dispatch_to_sns = _dispatch_to_topic
    eventbridge._invoke_target = _invoke_target


def publishes(service: str, topic: str, source: Context) -> bool:
    """Whether a service may publish to a topic; every decision is logged.

    Args:
        service: The service principal.
        topic: The topic's ARN.
        source: ``aws:SourceAccount`` and ``aws:SourceArn``, where the service sends them.
    """
    found = sns._topic_by_arn_any_scope(topic)
    if found is None:
        return False
    if not allows(service, "sns:Publish", topic, source):
        return False
    key = found.get("attributes", {}).get("KmsMasterKeyId")
    if not key:
        return True
    context: Context = {
        **source,
        "kms:encryptioncontext:aws:sns:topicarn": topic,
        "kms:encryptioncontextkeys": ["aws:sns:topicArn"],
    }
    return all(allows(service, action, arn_of_key(str(key)), context) for action in _KEY_USE)


def allows(service: str, action: str, resource: str, context: Context) -> bool:
    """Decides what a service principal does: only the resource's own policy can let it."""
    found = resource_policy(action.partition(":")[0], resource)
    keys = {**context, **known_keys(action, resource, "")}
    asked = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,
        service_context={"aws:tagkeys": None} | keys,
    )
    result: EvalResult = iam_evaluator.evaluate_resource_policy(found[0] if found else None, asked, service=service)
    refused = None if result.decision == "Allow" else result
    record(str(get_account_id()), service, action, resource, keys, reason_of(refused))
    return refused is None


def _dispatch_alarm_actions(alarm: dict[str, object], old_state: str, new_state: str, reason: str) -> None:
    """Stands in for the emulator's own: an alarm reaches the topics that let CloudWatch publish."""
    account, region = str(get_account_id()), str(get_region())
    source = {
        "aws:sourceaccount": account,
        "aws:sourcearn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{alarm.get('AlarmName', '')}",
    }
    field = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}.get(
        new_state, ""
    )
    wanted = alarm.get(field) or []
    actions = wanted if isinstance(wanted, list) and alarm.get("ActionsEnabled", True) else []
    reached = [
        action
        for action in actions
        if not cloudwatch._is_sns_action_arn(action) or publishes(CLOUDWATCH, action, source)
    ]
    _own_alarm_actions({**alarm, field: reached}, old_state, new_state, reason)


def _invoke_target(
    target: Mapping[str, object], event: Mapping[str, object], rule: Mapping[str, object], view: object = None
) -> None:
    """Stands in for the emulator's own: another account's bus is reached in a role, a topic never in one.

    Source: EventBridge user guide, "Using resource-based policies for Amazon EventBridge", Important.
    """
    arn = str(target.get("Arn", ""))
    if arn.split(":")[2:3] == ["sns"] and target.get("RoleArn"):
        record(str(get_account_id()), EVENTBRIDGE, "sns:Publish", arn, {}, "a target that is a topic takes no role")
        return
    if event_buses.is_foreign(arn):
        event_buses.forward(target, event, rule)
        return
    _own_invoke_target(target, event, rule, view)


def _dispatch_to_topic(arn: str, payload: str) -> None:
    if publishes(EVENTBRIDGE, arn, _NO_SOURCE):
        _own_to_topic(arn, payload)
