"""One decision: identity, boundary, session, resource and endpoint policies together, and then written down."""

import contextvars
import dataclasses

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ec2, s3

from plumbline.rehearsal.enforcement.callers import Context, EvalResult, Principal, carried, principal_arn_of
from plumbline.rehearsal.enforcement.condition_keys import known_keys
from plumbline.rehearsal.enforcement.object_keys import ARN_SCOPE, Implied
from plumbline.rehearsal.enforcement.record import reason_of, record

_own_resource_policy = iam_evaluator._resource_policy


@dataclasses.dataclass
class Denied:
    """What a denial is about when that is not the request's own action: the key behind an object."""

    action: str
    resource: str
    explicit: bool
    resource_policy: str


denied_behind: contextvars.ContextVar[Denied | None] = contextvars.ContextVar("denied_behind", default=None)


def decide(
    access_key: str, account: str, region: str, action: str, resource: str, context: Context
) -> EvalResult | None:
    """Evaluates one action for a caller known to be who they say: None when allowed; logged either way."""
    service = action.partition(":")[0]
    with request_scope(account, region):
        principal = iam_evaluator.resolve_principal(access_key, account)
        keys = {**carried(access_key), **context}
        keys = {name.lower(): value for name, value in keys.items()} | known_keys(action, resource, account)
        if isinstance(principal, iam_evaluator.AuthError):
            result = iam_evaluator.EvalResult("ImplicitDeny", access_key, "", str(principal.message))
        else:
            asked = _evaluation(principal, action, resource, region, keys)
            if principal.policies is None:
                result = iam_evaluator.EvalResult("Allow", principal.arn)
            else:
                result = iam_evaluator.evaluate(asked, principal.policies, *principal.limits)
            found = resource_policy(service, resource)
            if found is not None:
                result = _combine(result, asked, found, service, principal.limits)
    refused: EvalResult | None = None if result.decision == "Allow" else result
    record(account, principal_arn_of(access_key, account), action, resource, keys, reason_of(refused))
    return refused


def decide_implied(access_key: str, account: str, region: str, implied: Implied) -> EvalResult | None:
    """Decides what a request implies, and keeps for the error message what was refused."""
    denied = decide(access_key, account, region, implied.action, implied.resource, implied.context)
    if denied is not None:
        policy = getattr(denied, "resource_policy_arn", "")
        denied_behind.set(Denied(implied.action, implied.resource, denied.decision == "Deny", policy))
    return denied


def held_to_resource_policy(
    access_key_id: str, account: str, region: str, action: str, service: str, resource: str, context: Context
) -> EvalResult | None:
    """Holds the root user, whom MiniStack lets do anything, to the resource's policy, as AWS does."""
    if not access_key_id or not iam_evaluator.is_root_access_key(access_key_id):
        return None
    found = resource_policy(service, resource)
    if found is None or action in {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}:
        return None
    principal = iam_evaluator.resolve_principal(access_key_id, account)
    asked = _evaluation(principal, action, resource, region, context)
    allowed = iam_evaluator.EvalResult("Allow", principal.arn)
    result = _combine(allowed, asked, found, service)
    return None if result.decision == "Allow" else result


def held_to_endpoint_policy(
    access_key_id: str, account: str, region: str, action: str, resource: str, context: Context
) -> EvalResult | None:
    """Holds a request that comes through a VPC endpoint to the endpoint's policy."""
    endpoint = ec2._vpc_endpoints.get(str(context.get("aws:sourcevpce", "")))
    if not endpoint or not str(endpoint["ServiceName"]).endswith("." + action.partition(":")[0]):
        return None
    policy = endpoint.get("PolicyDocument")
    principal = iam_evaluator.resolve_principal(access_key_id, account)
    if not policy or isinstance(principal, iam_evaluator.AuthError):
        return None
    asked = _evaluation(principal, action, resource, region, context)
    result: EvalResult = iam_evaluator.evaluate_resource_policy(policy, asked)
    if result.decision == "Allow":
        return None
    result.resource_policy_arn = str(endpoint["VpcEndpointId"])
    return result


def _evaluation(principal: Principal, action: str, resource: str, region: str, context: Context) -> object:
    return iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=region,
        service_context={"aws:tagkeys": None} | {key.lower(): value for key, value in context.items()},
        principal_keys=principal.keys,
    )


def _combine(
    identity: EvalResult,
    asked: object,
    found: tuple[str, str],
    service: str,
    limits: list[list[list[object]]] | None = None,
) -> EvalResult:
    result: EvalResult = iam_evaluator.combine_resource_policy(
        identity, asked, *found, required=service in iam_evaluator._POLICY_REQUIRED, limits=limits or ()
    )
    return result


def resource_policy(service: str, resource_arn: str) -> tuple[str, str] | None:
    """Finds a resource's own policy in the account that owns the resource, whoever asks."""
    owner, region = get_account_id(), get_region()
    if service == "s3" and resource_arn.startswith("arn:aws:s3:::"):
        owner = s3._bucket_owner_account(resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0]) or owner
    elif found := ARN_SCOPE.match(resource_arn):
        region, owner = found.group(1) or region, found.group(2)
    with request_scope(owner, region):
        policy: tuple[str, str] | None = _own_resource_policy(service, resource_arn)
    return policy


def denial_message(principal_arn: str, action: str, resource: str, denied: EvalResult) -> str:
    """The message of an AccessDenied as AWS words it: principal, action, resource, and what kind of policy it was."""
    on_resource = "" if resource == "*" else f' on resource: "{resource}"'
    if denied.decision == "Deny":
        kind = "a resource-based" if getattr(denied, "resource_policy_arn", "") else "an identity-based"
        reason = f"with an explicit deny in {kind} policy"
    else:
        reason = f"because no identity-based policy allows the {action} action"
        if ":assumed-role/" in principal_arn and (found := ARN_SCOPE.match(resource)):
            foreign = found.group(2) != principal_arn.split(":")[4]
            reason = f"because no resource-based policy allows the {action} action" if foreign else reason
    return f"User: {principal_arn} is not authorized to perform: {action}{on_resource} {reason}"
