"""This package's decisions in the place of the emulator's."""

import json
from collections.abc import Mapping

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import s3

from plumbline.rehearsal.enforcement import (
    policy_variables,
    principals,
    second_factor,
    trail_events,
)
from plumbline.rehearsal.enforcement.callers import (
    AccessDenied,
    Caller,
    Context,
    EvalResult,
    carried,
    principal_arn_of,
)
from plumbline.rehearsal.enforcement.condition_keys import belong_to, condition_key, known_keys, s3_keys
from plumbline.rehearsal.enforcement.evaluation import (
    decide,
    decide_for_stranger,
    decide_implied,
    denial_message,
    denied_behind,
    held_to_endpoint_policies,
    held_to_resource_policy,
    resource_policy,
)
from plumbline.rehearsal.enforcement.object_keys import key_use
from plumbline.rehearsal.enforcement.private_network import within_vpc
from plumbline.rehearsal.enforcement.record import open_log, reason_of, record
from plumbline.rehearsal.enforcement.requests import implied, name_resource, of_upload, request_keys
from plumbline.rehearsal.enforcement.service_roles import evaluate_trust
from plumbline.rehearsal.options import ServerOptions

_accounts: tuple[str, ...] = ()
_evaluate_request = iam_evaluator.enforce
# The emulator words the denials of these services as they do, whatever the message; it knows nothing of endpoints.
_WORDED = frozenset({"logs", "ssm"})
_own_access_denied = iam_actions.access_denied_response


def install(options: ServerOptions) -> None:
    """Puts this module's decisions in the place of the emulator's, in this process.

    Args:
        options: Names the accounts that may call and the call log's file.
    """
    global _accounts
    open_log(options)
    _accounts = options.accounts
    belong_to(options.organization, options.accounts)
    iam_evaluator.enforce = _enforce
    iam_evaluator._resource_policy = resource_policy
    iam_evaluator._resolve_condition_key = condition_key
    iam_evaluator.evaluate_trust_policy = evaluate_trust
    iam_actions.access_denied_response = _access_denied_response
    iam_actions.extract_resource_arn = name_resource
    iam_actions.s3_service_context = s3_keys
    s3._foreign_bucket_allows = _foreign_bucket_allows
    policy_variables.install()
    principals.install()
    second_factor.install()
    trail_events.install(organization_trail=options.organization_trail)


def add_resource_policies(service: str, module: str, look_up: str) -> None:
    """Has a service's resource policies take part in decisions, also across accounts.

    Args:
        service: The prefix of the service's actions.
        module: The module's name under ``ministack.services``.
        look_up: A function of that module from an ARN to (policy document or "", owner account), or None. It is called
            in the scope of the account that the ARN names.
    """
    iam_evaluator._RESOURCE_POLICY_LOOKUPS[service] = (module, look_up)


def authorize(*, principal: Caller, action: str, resource: str, context: Context | None = None) -> None:
    """Decides one action that a request implies beyond its own, such as ``iam:PassRole``, and logs the decision.

    Raises:
        AccessDenied: The caller may not; the message names caller, action and resource.
    """
    denied = decide(principal.access_key, principal.account, principal.region, action, resource, context or {})
    if denied is not None:
        raise AccessDenied(denial_message(principal.arn, action, resource, denied))


def authorize_for_stranger(*, session: Caller, stranger: str, action: str, resource: str) -> None:
    """Decides a request that another has signed and that goes through the endpoints of a session's VPC.

    Raises:
        AccessDenied: An endpoint's policy does not let it through.
    """
    denied = decide_for_stranger(session.access_key, session.account, session.region, stranger, action, resource)
    if denied is not None:
        raise AccessDenied(denial_message(stranger, action, resource, denied))


def _enforce(
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Mapping[str, str | list[str]] | None = None,
) -> EvalResult | None:
    """Stands in for MiniStack's ``enforce``: same arguments, same answer, more decided, everything logged."""
    account = str(get_account_id())
    context = {**(service_context or {}), **carried(access_key_id or "")}
    context = dict(within_vpc(context, iam_action, account, region))
    context |= known_keys(iam_action, resource_arn, account) | dict(request_keys.get())
    denied_behind.set(None)
    if iam_evaluator.is_root_access_key(access_key_id) and access_key_id and access_key_id not in _accounts:
        record(account, access_key_id, iam_action, resource_arn, context, "unknown access key")
        stranger: EvalResult = iam_evaluator.AuthError(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
        return stranger
    refused: EvalResult | None = _evaluate_request(access_key_id, iam_action, service, region, resource_arn, context)
    if isinstance(refused, iam_evaluator.AuthError):
        record(account, access_key_id or "anonymous", iam_action, resource_arn, context, refused.code)
        unauthenticated: EvalResult = refused
        return unauthenticated
    if refused is None and iam_action not in iam_evaluator._ALWAYS_ALLOWED_ACTIONS:
        refused = held_to_resource_policy(access_key_id, account, region, iam_action, service, resource_arn, context)
    if refused is None and "aws:sourcevpc" in carried(access_key_id):
        refused = held_to_endpoint_policies(access_key_id, account, region, iam_action, resource_arn, context)
    principal = principal_arn_of(access_key_id, account)
    record(account, principal, iam_action, resource_arn, context, reason_of(refused))
    if refused is not None:
        return refused
    key = (
        key_use(iam_action, resource_arn, context, region=region, of_upload=of_upload.get())
        if service == "s3"
        else None
    )
    for further in implied.get() if key is None else (key,):
        refused = refused or decide_implied(access_key_id, account, region, further)
    return refused


def _foreign_bucket_allows(
    owner_account: str,  # noqa: ARG001 - the emulator's signature
    bucket_name: str,  # noqa: ARG001
    key: str,  # noqa: ARG001
    method: str,  # noqa: ARG001
    query_params: object,  # noqa: ARG001
    caller: str,
    headers: object = None,  # noqa: ARG001
) -> bool:
    """Lets through whom ``_enforce`` let through: it knew the caller's role, where the emulator knows the account."""
    return bool(caller)


def _access_denied_response(
    service: str,
    action: str,
    principal_arn: str,
    request_id: str,
    *,
    error_code: str = "",
    message: str = "",
    headers: Mapping[str, str] | None = None,
    resource_arn: str = "*",
    explicit_deny: bool = False,
    resource_policy_arn: str = "",
) -> object:
    """Names the key's action when the key behind an object was denied, and always the resource."""
    behind = denied_behind.get()
    if behind is not None and not error_code:
        action, resource_arn = behind.action, behind.resource
        explicit_deny, resource_policy_arn = behind.explicit, behind.resource_policy
    if not message and not error_code:
        refused = iam_evaluator.EvalResult("Deny" if explicit_deny else "ImplicitDeny", principal_arn)
        refused.resource_policy_arn = resource_policy_arn
        message = denial_message(principal_arn, action, resource_arn, refused)
    if service in _WORDED and resource_policy_arn.startswith(("vpce-", "no endpoint")):
        body = json.dumps({"__type": "AccessDeniedException", "Message": message}).encode()
        return 400, {"Content-Type": "application/x-amz-json-1.1"}, body
    return _own_access_denied(
        service,
        action,
        principal_arn,
        request_id,
        error_code=error_code,
        message=message,
        headers=headers,
        resource_arn=resource_arn,
        explicit_deny=explicit_deny,
        resource_policy_arn=resource_policy_arn,
    )
