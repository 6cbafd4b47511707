"""Roles that services work in: assumed when the trust policy lets the service, for the source it acts for."""

import json
import time
from collections.abc import Mapping

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, sts

from plumbline.rehearsal.enforcement import second_factor
from plumbline.rehearsal.enforcement.callers import AccessDenied, Asked, Caller, Context, Credentials, carry
from plumbline.rehearsal.enforcement.record import record
from plumbline.rehearsal.enforcement.requests import stack_role

_own_trust = iam_evaluator.evaluate_trust_policy


def assume_service_role(
    *,
    role_arn: str,
    service: str,
    source_account: str,
    source_arn: str | None,
    session_name: str,
    context: Context | None = None,
    seconds: int = 12 * 3600,
    session_policy: str = "",
) -> Credentials:
    """Gives the credentials that a service works with on behalf of a resource, when the role trusts the service.

    Args:
        role_arn: The role to assume.
        service: The service principal, such as ``sagemaker.amazonaws.com``.
        source_account: The account of the resource, ``aws:SourceAccount``.
        source_arn: The resource that the service acts for, ``aws:SourceArn``; None for a service that sends neither
            that nor ``aws:SourceAccount``.
        session_name: Becomes the last part of the session's ARN.
        context: Condition keys that every request made with these credentials carries, such as ``aws:SourceVpce`` or
            ``kms:ViaService``: what AWS knows about where the service's requests come from.
        seconds: How long the credentials last.
        session_policy: What the session is narrowed to; empty for all that the role may.

    Raises:
        AccessDenied: The role does not exist or its trust policy does not let the service assume it for that source.
    """
    role = _role(role_arn)
    sources: dict[str, str | list[str]] = {"sts:rolesessionname": session_name}
    if source_arn is not None:
        sources |= {"aws:sourceaccount": source_account, "aws:sourcearn": source_arn}
    trusted = role is not None and _trusts_service(role, role_arn, service, sources)
    reason = "" if trusted else "the role does not exist" if role is None else "the trust policy does not allow it"
    record(source_account, service, "sts:AssumeRole", role_arn, sources, reason)
    if not trusted:
        raise AccessDenied(
            f"Could not assume role {role_arn}: {service} for {source_arn or source_account} is not authorized to "
            f"perform: sts:AssumeRole, because {reason}"
        )
    _, _, _, _, account, resource = role_arn.split(":", 5)
    name = resource.rsplit("/", 1)[-1]
    credentials = Credentials(
        access_key=str(iam._gen_session_access_key()),
        secret_key=str(iam._gen_secret()),
        token=str(iam._gen_session_token()),
    )
    sts.register_session(
        credentials.access_key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
            "UserId": f"{sts._role_id(role_arn)}:{session_name}",
            "SecretAccessKey": credentials.secret_key,
            "SessionToken": credentials.token,
            "Expiration": time.time() + seconds,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
            "SourceAccessKeyId": None,
            "SourcePrincipalArn": service,
            "SessionTags": [],
            "SessionPolicies": {"Policy": session_policy, "PolicyArns": []} if session_policy else None,
        },
    )
    if context:
        carry(credentials.access_key, context)
    return credentials


def deploying_caller(stack_name: str) -> Caller | None:
    """CloudFormation in the role that a stack of the account in scope is deployed with.

    For resource types whose creation is decided by more than the emulator does: it provisions without making requests.

    Returns:
        The caller; None for a stack that was given no role, which CloudFormation deploys with its caller's own.

    Raises:
        AccessDenied: The role does not trust CloudFormation.
    """
    account, region = str(get_account_id()), str(get_region())
    role = stack_role(account, region, stack_name.rpartition("stack/")[2].partition("/")[0])
    if role is None:
        return None
    credentials = assume_service_role(
        role_arn=role,
        service="cloudformation.amazonaws.com",
        source_account=account,
        source_arn=f"arn:aws:cloudformation:{region}:{account}:stack/{stack_name}/*",
        session_name="AWSCloudFormation",
    )
    return Caller(access_key=credentials.access_key, account=account, region=region)


def evaluate_trust(document: object, caller_arn: str, asked: Asked | None = None) -> bool:
    """Writes down what a role's trust policy refuses; what it lets through was written down before."""
    if asked is not None:
        second_factor.see(caller_arn, asked)
    trusted = bool(_own_trust(document, caller_arn, asked))
    if asked is not None and not trusted:
        reason = "the trust policy does not allow it"
        record(asked.principal_account, caller_arn, asked.action, asked.resource_arn, {}, reason)
    return trusted


def _role(role_arn: str) -> Mapping[str, object] | None:
    parts = role_arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("role/"):
        return None
    role: Mapping[str, object] | None = iam._roles.get_scoped(parts[4], None, parts[5].rsplit("/", 1)[-1])
    return role


def _trusts_service(role: Mapping[str, object], role_arn: str, service: str, sources: Context) -> bool:
    document = role.get("AssumeRolePolicyDocument", "{}")
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", []) if isinstance(policy, dict) else []
    statements = statements if isinstance(statements, list) else [statements]
    asked = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=str(get_region()),
        secure_transport=True,
        service_context=dict(sources),
    )
    effects = {
        str(statement.get("Effect"))
        for statement in statements
        if iam_evaluator._service_principal_matches(statement.get("Principal", {}), service)
        and iam_evaluator._action_matches("sts:AssumeRole", _listed(statement.get("Action")), [])
        and iam_evaluator._conditions_met(statement.get("Condition", {}), asked)
    }
    return effects == {"Allow"}


def _listed(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in value] if isinstance(value, list) else []
