"""One decision: identity, boundary, session, resource and endpoint policies together, and then written down."""

import contextvars
import dataclasses

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import s3

from plumbline.rehearsal.enforcement.callers import Context, EvalResult, Principal, carried, principal_arn_of
from plumbline.rehearsal.enforcement.condition_keys import known_keys
from plumbline.rehearsal.enforcement.object_keys import ARN_SCOPE, Implied
from plumbline.rehearsal.enforcement.private_network import held_to_endpoints, outside_vpc, within_vpc
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
    access_key: str, account: str, region: str, action: str, resource: str, context: Context, *, implied: bool = False
) -> EvalResult | None:
    """Evaluates one action for a caller known to be who they say: None when allowed; logged either way.

    Args:
        access_key: The caller's.
        account: The caller's.
        region: Where the request arrives.
        action: The action.
        resource: The resource's ARN, or ``*``.
        context: The condition keys of the request beside what the caller's session carries.
        implied: Whether another request needs the decision, so that the caller's network does not show in it.
    """
    service = action.partition(":")[0]
    with request_scope(account, region):
        principal = iam_evaluator.resolve_principal(access_key, account)
        sent = {name.lower(): value for name, value in {**carried(access_key), **context}.items()}
        sent = dict(outside_vpc(sent)) if implied or action == "iam:PassRole" else sent
        keys = {**within_vpc(sent, action, account, region), **known_keys(action, resource, account)}
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
            if result.decision == "Allow":
                result = held_to_endpoints(asked, sent, action, account, region) or result
    refused: EvalResult | None = None if result.decision == "Allow" else result
    record(account, principal_arn_of(access_key, account), action, resource, keys, reason_of(refused))
    return refused


def decide_implied(access_key: str, account: str, region: str, implied: Implied) -> EvalResult | None:
    """Decides what a request implies, and keeps for the error message what was refused."""
    denied = decide(access_key, account, region, implied.action, implied.resource, implied.context, implied=True)
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


def held_to_endpoint_policies(
    access_key_id: str, account: str, region: str, action: str, resource: str, keys: Context
) -> EvalResult | None:
    """Holds a request that the emulator has let through to the policies of the endpoints it takes.

    Args:
        access_key_id: The caller's.
        account: The caller's.
        region: Where the request arrives.
        action: The action.
        resource: The resource's ARN.
        keys: All condition keys of the request.
    """
    principal = iam_evaluator.resolve_principal(access_key_id, account)
    if isinstance(principal, iam_evaluator.AuthError):
        return None
    asked = _evaluation(principal, action, resource, region, keys)
    sent = {**keys, **{name.lower(): value for name, value in carried(access_key_id).items()}}
    return held_to_endpoints(asked, sent, action, account, region)


def decide_for_stranger(
    access_key: str, account: str, region: str, stranger: str, action: str, resource: str
) -> EvalResult | None:
    """Decides, at the endpoints of a session's VPC, a request that goes through them under another's signature.

    Args:
        access_key: The session's, whose network the request takes.
        account: The session's.
        region: Where the request arrives.
        stranger: Who signed it; no identity of the platform's.
        action: The action.
        resource: The resource's ARN.
    """
    sent = {name.lower(): value for name, value in carried(access_key).items()}
    with request_scope(account, region):
        keys = within_vpc(sent, action, account, region)
        asked = iam_evaluator.EvalContext(
            principal_arn=stranger,
            principal_type="Service",
            principal_account="",
            action=action,
            resource_arn=resource,
            region=region,
            service_context={"aws:tagkeys": None} | dict(keys),
        )
        refused = held_to_endpoints(asked, sent, action, account, region)
    record(account, stranger, action, resource, keys, reason_of(refused))
    return refused


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
    policy = str(getattr(denied, "resource_policy_arn", ""))
    if policy.startswith(("vpce-", "no endpoint")):
        reason = policy if policy.startswith("no endpoint") else f"no VPC endpoint policy allows it: {policy}"
        return f"User: {principal_arn} is not authorized to perform: {action}{on_resource} because {reason}"
    if denied.decision == "Deny":
        kind = "a resource-based" if policy else "an identity-based"
        reason = f"with an explicit deny in {kind} policy"
    else:
        reason = f"because no identity-based policy allows the {action} action"
        if ":assumed-role/" in principal_arn and (found := ARN_SCOPE.match(resource)):
            foreign = found.group(2) != principal_arn.split(":")[4]
            reason = f"because no resource-based policy allows the {action} action" if foreign else reason
    return f"User: {principal_arn} is not authorized to perform: {action}{on_resource} {reason}"
