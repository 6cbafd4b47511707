"""What AWS services do as themselves, under their own service principals.

Only the resource's own policy can let them, and where the resource is encrypted, its key's too.

Sources: SNS developer guide, "Enable compatibility between event sources from AWS services and encrypted topics"; SQS
developer guide, "Enable compatibility between event sources from AWS services and encrypted queues".
"""

from collections.abc import Sequence

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import sns

from plumbline.rehearsal.enforcement.callers import Context, EvalResult
from plumbline.rehearsal.enforcement.condition_keys import known_keys
from plumbline.rehearsal.enforcement.evaluation import resource_policy
from plumbline.rehearsal.enforcement.object_keys import ARN_SCOPE, arn_of_key
from plumbline.rehearsal.enforcement.record import reason_of, record

KEY_USE = ("kms:GenerateDataKey", "kms:Decrypt")


def allows(service: str, action: str, resource: str, context: Context) -> bool:
    """Decides what a service principal does: only the resource's own policy can let it.

    Args:
        service: The service principal.
        action: What it does.
        resource: The resource's ARN.
        context: The condition keys that the service sends, such as ``aws:SourceArn``.
    """
    found = resource_policy(action.partition(":")[0], resource)
    keys = {**{name.lower(): value for name, value in context.items()}, **known_keys(action, resource, "")}
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


def refused_key_use(service: str, key: str, context: Context, actions: Sequence[str] = KEY_USE) -> str:
    """The first of the actions on a key that its policy does not let a service take; empty when it lets it all.

    Args:
        service: The service principal.
        key: The key's id, alias or ARN, in the account in scope or the one that it names.
        context: What the service sends, the encryption context included.
        actions: The actions.
    """
    arn = arn_of_key(key)
    return next((action for action in actions if not allows(service, action, arn, context)), "")


def publishes(service: str, topic: str, source: Context) -> bool:
    """Whether a service may publish to a topic, which has to be there; every decision is logged.

    Args:
        service: The service principal.
        topic: The topic's ARN.
        source: ``aws:SourceAccount`` and ``aws:SourceArn``, where the service sends them.
    """
    found = sns._topic_by_arn_any_scope(topic)
    if found is None or not allows(service, "sns:Publish", topic, source):
        return False
    key = found.get("attributes", {}).get("KmsMasterKeyId")
    if not key:
        return True
    context: Context = {
        **source,
        "kms:EncryptionContext:aws:sns:topicArn": topic,
        "kms:EncryptionContextKeys": ["aws:sns:topicArn"],
    }
    scope = ARN_SCOPE.match(topic)
    with request_scope(scope.group(2) if scope else get_account_id(), get_region()):
        return not refused_key_use(service, str(key), context)
