"""Who may do what in the rehearsal: MiniStack's policy evaluation, completed where AWS decides more, and written down.

MiniStack evaluates identity policies, permission boundaries, session policies and the resource policies of one
account. This module adds

- resource policies across accounts, for buckets, keys, repositories and whatever service registers a look-up;
- the key behind an S3 object: reading one needs ``kms:Decrypt`` and writing one ``kms:GenerateDataKey``, decided for
  the same caller with ``kms:ViaService`` and the encryption context that S3 sends;
- the account root user held to resource policies, and no caller but those of the configured accounts;
- the policy of the VPC endpoint through which a request reaches S3;
- condition keys: ``aws:PrincipalArn`` as the role behind a session, ``aws:ResourceAccount`` as the bucket's owner,
  ``kms:CallerAccount``, ``kms:ResourceAliases``, ``ec2:Subnet``, ``s3:VersionId``, ``s3:TlsVersion`` and the key id of
  a write;
- every resource that creating a network interface touches;
- the platform's own credentials: a role assumed by a service principal, its trust policy evaluated with
  ``aws:SourceAccount`` and ``aws:SourceArn``;
- the call log: one JSON line for every decision, allowed or not.

CloudFormation's own calls are not decided here: the emulator provisions resources without making requests.
"""

import contextlib
import contextvars
import dataclasses
import datetime
import io
import json
import re
import time
import types
from collections.abc import Callable, Mapping
from typing import Protocol

from botocore.parsers import BaseCBORParser, ResponseParserError
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.core.router import extract_access_key_id, extract_region
from ministack.services import ec2, iam, kms, s3, sts

from plumbline.rehearsal.calls import CallLog, Decision
from plumbline.rehearsal.options import ServerOptions

Context = Mapping[str, str | list[str]]

_ARN_ACCOUNT = re.compile(r"arn:[^:]+:[^:]+:([^:]*):(\d{12}):")
_DEPLOYING = frozenset({"CreateStack", "UpdateStack", "CreateChangeSet", "DeleteStack"})
_KMS_OF_READS = frozenset({"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"})


class AccessDenied(Exception):  # noqa: N818 - the name of the AWS error
    """A decision against a caller; its message is the one AWS gives."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Caller:
    """Who makes a request, by the access key that signed it.

    Attributes:
        access_key: The id of a root user (its account id), a user's key, or a role session's key.
        account: The account that the caller belongs to.
        region: The region that the request is meant for.
    """

    access_key: str
    account: str
    region: str

    @classmethod
    def of_request(cls, headers: Mapping[str, str]) -> "Caller":
        """The caller of the request that the emulator is serving."""
        return cls(
            access_key=str(extract_access_key_id(dict(headers))),
            account=str(get_account_id()),
            region=str(extract_region(dict(headers))),
        )

    @property
    def arn(self) -> str:
        """The principal's ARN, as policies and error messages name it."""
        return _principal_arn(self.access_key, self.account)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credentials:
    """Temporary credentials of a role session."""

    access_key: str
    secret_key: str
    token: str


class _EvalResult(Protocol):
    decision: str
    principal_arn: str
    resource_policy_arn: str
    reason: str


class _Asked(Protocol):
    principal_arn: str
    principal_type: str
    principal_account: str
    action: str
    resource_arn: str


class _Principal(Protocol):
    arn: str
    type: str
    account: str
    policies: list[list[object]] | None
    keys: dict[str, object]
    limits: list[list[list[object]]]


@dataclasses.dataclass
class _Denied:
    """What a denial is about when that is not the request's own action: the key behind an object."""

    action: str
    resource: str
    explicit: bool
    resource_policy: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Implied:
    """A decision that a request needs beside the one on its first resource."""

    action: str
    resource: str
    context: Context = dataclasses.field(default_factory=dict)


_NO_KEYS: Context = types.MappingProxyType({})
_log: CallLog | None = None
_accounts: tuple[str, ...] = ()
_session_contexts: dict[str, Context] = {}
_stack_roles: dict[tuple[str, str, str], str] = {}
_resource_names: dict[str, Callable[[str, Mapping[str, object], str, str], str]] = {}
_denied_behind: contextvars.ContextVar[_Denied | None] = contextvars.ContextVar("denied_behind", default=None)
_implied: contextvars.ContextVar[tuple[_Implied, ...]] = contextvars.ContextVar("implied", default=())
_request_keys: contextvars.ContextVar[Context] = contextvars.ContextVar("request_keys", default=_NO_KEYS)
_evaluate_request = iam_evaluator.enforce
_own_resource_policy = iam_evaluator._resource_policy
_own_access_denied = iam_actions.access_denied_response
_own_resource_arn = iam_actions.extract_resource_arn
_own_s3_context = iam_actions.s3_service_context
_own_condition_key = iam_evaluator._resolve_condition_key
_own_trust = iam_evaluator.evaluate_trust_policy


def install(options: ServerOptions) -> None:
    """Puts this module's decisions in the place of the emulator's, in this process.

    Args:
        options: Names the accounts that may call and the call log's file.
    """
    global _log, _accounts
    _log = CallLog(options.call_log)
    _accounts = options.accounts
    iam_evaluator.enforce = _enforce
    iam_evaluator._resource_policy = _resource_policy
    iam_evaluator._resolve_condition_key = _condition_key
    iam_evaluator.evaluate_trust_policy = _evaluate_trust
    iam_actions.access_denied_response = _access_denied_response
    iam_actions.extract_resource_arn = _resource_arn
    iam_actions.s3_service_context = _s3_context
    s3._foreign_bucket_allows = _foreign_bucket_allows


def name_resources(service: str, name: Callable[[str, Mapping[str, object], str, str], str]) -> None:
    """Says how the requests of an added JSON service name the resource that IAM decides upon.

    Args:
        service: The service, as the emulator routes it.
        name: Called with (operation, request, region, account); returns an ARN or ``*``.
    """
    _resource_names[service] = name


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
    denied = _decide(principal.access_key, principal.account, principal.region, action, resource, context or {})
    if denied is not None:
        raise AccessDenied(_message(principal.arn, action, resource, denied))


def assume_service_role(
    *,
    role_arn: str,
    service: str,
    source_account: str,
    source_arn: str,
    session_name: str,
    context: Context | None = None,
    seconds: int = 12 * 3600,
) -> Credentials:
    """Gives the credentials that a service works with on behalf of a resource, when the role trusts the service.

    Args:
        role_arn: The role to assume.
        service: The service principal, such as ``sagemaker.amazonaws.com``.
        source_account: The account of the resource, ``aws:SourceAccount``.
        source_arn: The resource that the service acts for, ``aws:SourceArn``.
        session_name: Becomes the last part of the session's ARN.
        context: Condition keys that every request made with these credentials carries, such as ``aws:SourceVpce`` or
            ``kms:ViaService``: what AWS knows about where the service's requests come from.
        seconds: How long the credentials last.

    Raises:
        AccessDenied: The role does not exist or its trust policy does not let the service assume it for that source.
    """
    role = _role(role_arn)
    sources: dict[str, str | list[str]] = {
        "aws:sourceaccount": source_account,
        "aws:sourcearn": source_arn,
        "sts:rolesessionname": session_name,
    }
    trusted = role is not None and _trusts_service(role, role_arn, service, sources)
    reason = "" if trusted else "the role does not exist" if role is None else "the trust policy does not allow it"
    _record(source_account, service, "sts:AssumeRole", role_arn, sources, reason)
    if not trusted:
        raise AccessDenied(
            f"Could not assume role {role_arn}: {service} for {source_arn} is not authorized to perform: "
            f"sts:AssumeRole, because {reason}"
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
            "SessionPolicies": None,
        },
    )
    if context:
        _session_contexts[credentials.access_key] = {key.lower(): value for key, value in context.items()}
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
    role = _stack_roles.get((account, region, stack_name.rpartition("stack/")[2].partition("/")[0]))
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


def _enforce(
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Mapping[str, str | list[str]] | None = None,
) -> _EvalResult | None:
    """Stands in for MiniStack's ``enforce``: same arguments, same answer, more decided, everything logged."""
    account = str(get_account_id())
    context = {**(service_context or {}), **_session_contexts.get(access_key_id or "", {})}
    context |= _service_context(iam_action, resource_arn, account) | dict(_request_keys.get())
    _denied_behind.set(None)
    if iam_evaluator.is_root_access_key(access_key_id) and access_key_id and access_key_id not in _accounts:
        _record(account, access_key_id, iam_action, resource_arn, context, "unknown access key")
        stranger: _EvalResult = iam_evaluator.AuthError(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
        return stranger
    refused: _EvalResult | None = _evaluate_request(access_key_id, iam_action, service, region, resource_arn, context)
    if isinstance(refused, iam_evaluator.AuthError):
        _record(account, access_key_id or "anonymous", iam_action, resource_arn, context, refused.code)
        unauthenticated: _EvalResult = refused
        return unauthenticated
    if refused is None and iam_action not in iam_evaluator._ALWAYS_ALLOWED_ACTIONS:
        refused = _held_to_resource_policy(access_key_id, account, region, iam_action, service, resource_arn, context)
        refused = refused or _held_to_endpoint_policy(access_key_id, account, region, iam_action, resource_arn, context)
    principal = _principal_arn(access_key_id, account)
    _record(account, principal, iam_action, resource_arn, context, _reason(refused))
    if refused is None and service == "s3":
        refused = _decide_key_of_object(access_key_id, account, region, iam_action, resource_arn, context)
    for implied in _implied.get() if refused is None else ():
        refused = refused or _decide_implied(access_key_id, account, region, implied)
    return refused


def _held_to_resource_policy(
    access_key_id: str, account: str, region: str, action: str, service: str, resource: str, context: Context
) -> _EvalResult | None:
    """Holds the root user, whom MiniStack lets do anything, to the resource's policy, as AWS does."""
    if access_key_id not in _accounts:
        return None
    found = _resource_policy(service, resource)
    if found is None or action in {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}:
        return None
    principal = iam_evaluator.resolve_principal(access_key_id, account)
    asked = _evaluation(principal, action, resource, region, context)
    allowed = iam_evaluator.EvalResult("Allow", principal.arn)
    result = _combine(allowed, asked, found, service)
    return None if result.decision == "Allow" else result


def _held_to_endpoint_policy(
    access_key_id: str, account: str, region: str, action: str, resource: str, context: Context
) -> _EvalResult | None:
    """Holds a request that comes through a VPC endpoint to the endpoint's policy."""
    endpoint = ec2._vpc_endpoints.get(str(context.get("aws:sourcevpce", "")))
    if not endpoint or not str(endpoint["ServiceName"]).endswith("." + action.partition(":")[0]):
        return None
    policy = endpoint.get("PolicyDocument")
    principal = iam_evaluator.resolve_principal(access_key_id, account)
    if not policy or isinstance(principal, iam_evaluator.AuthError):
        return None
    asked = _evaluation(principal, action, resource, region, context)
    result: _EvalResult = iam_evaluator.evaluate_resource_policy(policy, asked)
    if result.decision == "Allow":
        return None
    result.resource_policy_arn = str(endpoint["VpcEndpointId"])
    return result


def _decide(
    access_key: str, account: str, region: str, action: str, resource: str, context: Context
) -> _EvalResult | None:
    """Evaluates one action for a caller known to be who they say: None when allowed; logged either way."""
    service = action.partition(":")[0]
    with request_scope(account, region):
        principal = iam_evaluator.resolve_principal(access_key, account)
        keys = {**_session_contexts.get(access_key, {}), **context}
        keys = {name.lower(): value for name, value in keys.items()} | _service_context(action, resource, account)
        if isinstance(principal, iam_evaluator.AuthError):
            result = iam_evaluator.EvalResult("ImplicitDeny", access_key, "", str(principal.message))
        else:
            asked = _evaluation(principal, action, resource, region, keys)
            if principal.policies is None:
                result = iam_evaluator.EvalResult("Allow", principal.arn)
            else:
                result = iam_evaluator.evaluate(asked, principal.policies, *principal.limits)
            found = _resource_policy(service, resource)
            if found is not None:
                result = _combine(result, asked, found, service, principal.limits)
    refused: _EvalResult | None = None if result.decision == "Allow" else result
    _record(account, _principal_arn(access_key, account), action, resource, keys, _reason(refused))
    return refused


def _evaluation(principal: _Principal, action: str, resource: str, region: str, context: Context) -> object:
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
    identity: _EvalResult,
    asked: object,
    found: tuple[str, str],
    service: str,
    limits: list[list[list[object]]] | None = None,
) -> _EvalResult:
    result: _EvalResult = iam_evaluator.combine_resource_policy(
        identity, asked, *found, required=service in iam_evaluator._POLICY_REQUIRED, limits=limits or ()
    )
    return result


def _decide_key_of_object(
    access_key: str, account: str, region: str, action: str, resource: str, context: Context
) -> _EvalResult | None:
    """Decides on the key behind an S3 object for whoever reads or writes it."""
    if action in _KMS_OF_READS:
        key_action, key = "kms:Decrypt", _key_of_stored_object(resource, context)
    elif action == "s3:PutObject":
        key_action, key = "kms:GenerateDataKey", _key_of_written_object(resource, context)
    else:
        return None
    if key is None:
        return None
    key_arn, encryption_context_arn = key
    key_context: dict[str, str | list[str]] = {
        "kms:viaservice": f"s3.{region}.amazonaws.com",
        "kms:encryptioncontext:aws:s3:arn": encryption_context_arn,
        "kms:encryptioncontextkeys": ["aws:s3:arn"],
    }
    behind = _Implied(action=key_action, resource=key_arn, context=key_context)
    return _decide_implied(access_key, account, region, behind)


def _decide_implied(access_key: str, account: str, region: str, implied: _Implied) -> _EvalResult | None:
    denied = _decide(access_key, account, region, implied.action, implied.resource, implied.context)
    if denied is not None:
        policy = getattr(denied, "resource_policy_arn", "")
        _denied_behind.set(_Denied(implied.action, implied.resource, denied.decision == "Deny", policy))
    return denied


def _key_of_stored_object(resource: str, context: Context) -> tuple[str, str] | None:
    bucket, _, name = resource.removeprefix("arn:aws:s3:::").partition("/")
    owner = s3._bucket_owner_account(bucket)
    if not owner or not name:
        return None
    with request_scope(owner, get_region()):
        record = _stored_object(bucket, name, str(context.get("s3:versionid", "")))
        headers = (record or {}).get("preserved_headers", {})
        return _named_key(bucket, resource, headers) if isinstance(headers, dict) else None


def _stored_object(bucket: str, name: str, version: str) -> Mapping[str, object] | None:
    if version:
        for stored in s3._object_versions.get((bucket, name), []):
            if stored["version_id"] == version:
                record: Mapping[str, object] = stored["obj_record"]
                return record
    found: Mapping[str, object] | None = s3._buckets.get(bucket, {}).get("objects", {}).get(name)
    return found


def _key_of_written_object(resource: str, context: Context) -> tuple[str, str] | None:
    bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
    owner = s3._bucket_owner_account(bucket)
    if not owner:
        return None
    with request_scope(owner, get_region()):
        algorithm = context.get("s3:x-amz-server-side-encryption")
        headers: dict[str, object]
        if algorithm:
            headers = {
                "x-amz-server-side-encryption": algorithm,
                "x-amz-server-side-encryption-aws-kms-key-id": context.get(
                    "s3:x-amz-server-side-encryption-aws-kms-key-id", ""
                ),
            }
        else:
            headers = dict(s3._bucket_default_sse_headers(bucket))
        return _named_key(bucket, resource, headers)


def _named_key(bucket: str, resource: str, headers: Mapping[str, object]) -> tuple[str, str] | None:
    if not str(headers.get("x-amz-server-side-encryption", "")).startswith("aws:kms"):
        return None
    key_arn = _key_arn(str(headers.get("x-amz-server-side-encryption-aws-kms-key-id", "")))
    bucket_key = "<BucketKeyEnabled>true</BucketKeyEnabled>" in str(s3._bucket_encryption.get(bucket, ""))
    return key_arn, f"arn:aws:s3:::{bucket}" if bucket_key else resource


def _key_arn(name: str) -> str:
    """A key's ARN from its id, alias or ARN, looked up in the account that the name names or that is in scope."""
    found = _ARN_ACCOUNT.match(name)
    region, account = found.groups() if found else (get_region(), get_account_id())
    with request_scope(account, region):
        record = kms._resolve_key(name)
    return str(record["Arn"]) if record else name or "arn:aws:kms:::key/none"


def _service_context(action: str, resource: str, account: str) -> dict[str, str | list[str]]:
    """The condition keys that the service knows of itself when it decides an action on a resource."""
    service = action.partition(":")[0]
    if service == "kms":
        return {"kms:calleraccount": account, **_key_aliases(resource)}
    if service == "s3":
        return {"s3:tlsversion": "1.3"}
    if service == "ec2" and ":network-interface/" in resource:
        interface = ec2._network_interfaces.get(resource.rsplit("/", 1)[-1])
        if interface:
            prefix = resource.partition(":network-interface/")[0]
            return {
                "ec2:subnet": f"{prefix}:subnet/{interface['SubnetId']}",
                "ec2:vpc": f"{prefix}:vpc/{interface['VpcId']}",
            }
    return {}


def _key_aliases(resource: str) -> dict[str, str | list[str]]:
    found = _ARN_ACCOUNT.match(resource)
    if not found or ":key/" not in resource:
        return {}
    with request_scope(found.group(2), found.group(1)):
        key_id = resource.rsplit("/", 1)[-1]
        names = [str(alias) for alias, target in kms._aliases.items() if target == key_id]
    aliases = sorted("alias/" + name.split("alias/", 1)[-1] for name in names)
    return {"kms:resourcealiases": aliases} if aliases else {}


def _condition_key(key: str, asked: _Asked) -> object:
    """Resolves the global keys whose value on AWS is another than the emulator's."""
    name = key.lower()
    if name == "aws:principalarn" and asked.principal_type == "AssumedRole":
        return _role_of_session(asked.principal_arn)
    if name in {"aws:resourceaccount", "s3:resourceaccount"} and asked.resource_arn.startswith("arn:aws:s3:::"):
        bucket = asked.resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0]
        return s3._bucket_owner_account(bucket) or asked.principal_account
    if name in {"aws:principalisawsservice", "aws:viaawsservice"}:
        return "false"
    value: object = _own_condition_key(key, asked)
    return value


def _evaluate_trust(document: object, caller_arn: str, asked: _Asked | None = None) -> bool:
    """Writes down what a role's trust policy refuses; what it lets through was written down before."""
    trusted = bool(_own_trust(document, caller_arn, asked))
    if asked is not None and not trusted:
        reason = "the trust policy does not allow it"
        _record(asked.principal_account, caller_arn, asked.action, asked.resource_arn, {}, reason)
    return trusted


def _role_of_session(session_arn: str) -> str:
    _, partition, _, _, account, resource = session_arn.split(":", 5)
    name = resource.split("/")[1]
    role = iam._roles.get_scoped(account, None, name) or {}
    return str(role.get("Arn") or f"arn:{partition}:iam::{account}:role/{name}")


def _resource_policy(service: str, resource_arn: str) -> tuple[str, str] | None:
    """Finds a resource's own policy in the account that owns the resource, whoever asks."""
    owner, region = get_account_id(), get_region()
    if service == "s3" and resource_arn.startswith("arn:aws:s3:::"):
        owner = s3._bucket_owner_account(resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0]) or owner
    elif found := _ARN_ACCOUNT.match(resource_arn):
        region, owner = found.group(1) or region, found.group(2)
    with request_scope(owner, region):
        policy: tuple[str, str] | None = _own_resource_policy(service, resource_arn)
    return policy


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


def _resource_arn(
    service: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query_params: Mapping[str, object],
    region: str,
    account_id: str,
) -> str:
    _implied.set(())
    _request_keys.set(_NO_KEYS)
    if service in _REQUEST_READERS:
        own: str = _own_resource_arn(service, method, path, headers, body, query_params, region, account_id)
        return _REQUEST_READERS[service](own, body, query_params, region, account_id)
    name = _resource_names.get(service)
    if name is None and service != "ecr":
        arn: str = _own_resource_arn(service, method, path, headers, body, query_params, region, account_id)
        return arn
    request = _json_object(body)
    if name is not None:
        operation = iam_actions.extract_iam_action(service, method, path, headers, body, query_params) or ""
        return name(operation.partition(":")[2], request, region, account_id)
    repository = request.get("repositoryName")
    registry = request.get("registryId") or account_id
    return f"arn:aws:ecr:{region}:{registry}:repository/{repository}" if repository else "*"


def _read_ec2(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    action, prefix = _given(query_params, "Action"), f"arn:aws:ec2:{region}:{account_id}"
    if action.startswith("Describe"):
        return "*"
    if action != "CreateNetworkInterface":
        return arn
    touched = [f"{prefix}:subnet/{_given(query_params, 'SubnetId')}"]
    while group := _given(query_params, f"SecurityGroupId.{len(touched)}"):
        touched.append(f"{prefix}:security-group/{group}")
    _implied.set(tuple(_Implied(action=f"ec2:{action}", resource=resource) for resource in touched))
    return f"{prefix}:network-interface/*"


def _read_cloudformation(
    arn: str,
    body: bytes,  # noqa: ARG001
    query_params: Mapping[str, object],
    region: str,
    account_id: str,
) -> str:
    role = _given(query_params, "RoleARN")
    if role and _given(query_params, "Action") in _DEPLOYING:
        _stack_roles[account_id, region, _given(query_params, "StackName")] = role
    if role:
        passed: Context = {"iam:passedtoservice": "cloudformation.amazonaws.com"}
        _implied.set((_Implied(action="iam:PassRole", resource=role, context=passed),))
    return arn


def _read_logs(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    request = _json_object(body)
    if "resourceArn" in request or ":log-group:" not in arn:
        return arn
    # "Amazon CloudWatch Logs resources": for all actions but those on tags, a group's ARN ends in ":*".
    stream = request.get("logStreamName")
    return f"{arn}:log-stream:{stream}" if stream and "logEvents" in request else f"{arn}:*"


def _read_cloudwatch(
    arn: str,
    body: bytes,
    query_params: Mapping[str, object],
    region: str,  # noqa: ARG001
    account_id: str,  # noqa: ARG001
) -> str:
    namespace = (
        _given(query_params, "Namespace") or _json_object(body).get("Namespace") or _cbor_text(body, "Namespace")
    )
    if namespace:
        _request_keys.set({"cloudwatch:namespace": str(namespace)})
    return arn


def _cbor_text(body: bytes, name: str) -> str:
    """A text of a CBOR map, the encoding in which today's clients send metrics."""
    try:
        document = BaseCBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
    except (ValueError, IndexError, ResponseParserError):
        return ""
    return str(document.get(name, "")) if isinstance(document, dict) else ""


def _given(query_params: Mapping[str, object], name: str) -> str:
    value = query_params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


# What a request says beyond what the emulator reads in it, by service.
_REQUEST_READERS: Mapping[str, Callable[[str, bytes, Mapping[str, object], str, str], str]] = {
    "ec2": _read_ec2,
    "cloudformation": _read_cloudformation,
    "logs": _read_logs,
    "monitoring": _read_cloudwatch,
}


def _json_object(body: bytes) -> Mapping[str, object]:
    with contextlib.suppress(ValueError):
        request = json.loads(body or b"{}")
        if isinstance(request, dict):
            return request
    return {}


def _s3_context(
    iam_action: str,
    query_params: Mapping[str, list[str]] | None,
    path: str = "",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str | list[str]]:
    """Adds the version that a read names and the key that a write names to what the emulator knows of a request."""
    context: dict[str, str | list[str]] = _own_s3_context(iam_action, query_params, path, headers)
    version = (query_params or {}).get("versionId")
    if version:
        context["s3:versionid"] = version[0] if isinstance(version, list) else version
    if iam_action != "s3:PutObject":
        return context
    upload = (query_params or {}).get("uploadId")
    sent: Mapping[str, str] = headers or {}
    if upload:
        record = s3._multipart_uploads.get(upload[0] if isinstance(upload, list) else upload) or {}
        sent = record.get("preserved_headers", {})
    key = sent.get("x-amz-server-side-encryption-aws-kms-key-id")
    if key:
        context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = _key_arn(key)
    return context


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
    behind = _denied_behind.get()
    if behind is not None and not error_code:
        action, resource_arn = behind.action, behind.resource
        explicit_deny, resource_policy_arn = behind.explicit, behind.resource_policy
    if not message and not error_code and service not in {"ssm", "logs"}:
        refused = iam_evaluator.EvalResult("Deny" if explicit_deny else "ImplicitDeny", principal_arn)
        refused.resource_policy_arn = resource_policy_arn
        message = _message(principal_arn, action, resource_arn, refused)
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


def _message(principal_arn: str, action: str, resource: str, denied: _EvalResult) -> str:
    on_resource = "" if resource == "*" else f' on resource: "{resource}"'
    if denied.decision == "Deny":
        kind = "a resource-based" if getattr(denied, "resource_policy_arn", "") else "an identity-based"
        reason = f"with an explicit deny in {kind} policy"
    else:
        reason = f"because no identity-based policy allows the {action} action"
        if ":assumed-role/" in principal_arn and (found := _ARN_ACCOUNT.match(resource)):
            foreign = found.group(2) != principal_arn.split(":")[4]
            reason = f"because no resource-based policy allows the {action} action" if foreign else reason
    return f"User: {principal_arn} is not authorized to perform: {action}{on_resource} {reason}"


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


def _principal_arn(access_key: str, account: str) -> str:
    if not access_key:
        return "anonymous"
    principal = iam_evaluator.resolve_principal(access_key, account)
    return access_key if isinstance(principal, iam_evaluator.AuthError) else str(principal.arn)


def _reason(refused: object | None) -> str:
    if refused is None:
        return ""
    decision = str(getattr(refused, "decision", ""))
    where = " in a resource policy" if getattr(refused, "resource_policy_arn", "") else ""
    return {"Deny": f"explicit deny{where}", "ImplicitDeny": "nothing allows it"}.get(decision, decision)


def _record(account: str, principal: str, action: str, resource: str, context: Context, reason: str) -> None:
    if _log is None:
        return
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    _log.append(
        Decision(
            time=now,
            account=account,
            principal=principal,
            action=action,
            resource=resource,
            allowed=not reason,
            reason=reason,
            context={key: value for key, value in context.items() if value is not None},
        )
    )
