"""The condition keys that AWS has a value for and the emulator has not, or another one."""

from collections.abc import Mapping

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import ec2, iam, kms, s3

from plumbline.rehearsal.enforcement.callers import Asked
from plumbline.rehearsal.enforcement.object_keys import ARN_SCOPE, arn_of_key

_own_condition_key = iam_evaluator._resolve_condition_key
_ORGANIZATION = frozenset({"aws:principalorgid", "aws:resourceorgid", "aws:vpceorgid"})
_members: dict[str, str] = {}
_own_s3_context = iam_actions.s3_service_context


def known_keys(action: str, resource: str, account: str) -> dict[str, str | list[str]]:
    """The condition keys that the service knows of itself when it decides an action on a resource."""
    service = action.partition(":")[0]
    if service == "kms":
        return {"kms:calleraccount": account, **_key_aliases(resource)}
    if service == "s3":
        return {"s3:tlsversion": "1.3"}
    if service == "ec2" and ":security-group/" in resource:
        group = ec2._security_groups.get(resource.rsplit("/", 1)[-1])
        return {"ec2:vpc": f"{resource.partition(':security-group/')[0]}:vpc/{group['VpcId']}"} if group else {}
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
    found = ARN_SCOPE.match(resource)
    if not found or ":key/" not in resource:
        return {}
    with request_scope(found.group(2), found.group(1)):
        key_id = resource.rsplit("/", 1)[-1]
        names = [str(alias) for alias, target in kms._aliases.items() if target == key_id]
    aliases = sorted("alias/" + name.split("alias/", 1)[-1] for name in names)
    return {"kms:resourcealiases": aliases} if aliases else {}


def condition_key(key: str, asked: Asked) -> object:
    """Resolves the global keys whose value on AWS is another than the emulator's."""
    name = key.lower()
    if name == "aws:principalarn" and asked.principal_type == "AssumedRole":
        return _role_of_session(asked.principal_arn)
    if name in {"aws:resourceaccount", "s3:resourceaccount"} and asked.resource_arn.startswith("arn:aws:s3:::"):
        bucket = asked.resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0]
        return s3._bucket_owner_account(bucket) or asked.principal_account
    if name == "aws:principalisawsservice":
        return str(asked.principal_type == "Service").lower()
    if name in _ORGANIZATION:
        return _organization_of(name, asked)
    if name == "aws:viaawsservice":
        return asked.service_context.get(name, "false")
    value: object = _own_condition_key(key, asked)
    return value


def boundary_of(role_arn: str) -> str:
    """The permission boundary of a role, ``iam:PermissionsBoundary``; empty where there is no role or no boundary."""
    _, _, _, _, account, resource = role_arn.split(":", 5)
    role = iam._roles.get_scoped(account, None, resource.rpartition("/")[2]) or {}
    boundary = role.get("PermissionsBoundary") or ""
    return str(boundary.get("PermissionsBoundaryArn", "") if isinstance(boundary, Mapping) else boundary)


def belong_to(organization: str | None, accounts: tuple[str, ...]) -> None:
    """Has the accounts belong to an organisation, or to none."""
    _members.clear()
    _members.update(dict.fromkeys(accounts, organization) if organization else {})


def _organization_of(name: str, asked: Asked) -> str | None:
    if name == "aws:principalorgid":
        return _members.get(asked.principal_account)
    account = condition_key("aws:ResourceAccount", asked) if name == "aws:resourceorgid" else None
    return _members.get(str(account or asked.service_context.get("aws:vpceaccount", "")))


def _role_of_session(session_arn: str) -> str:
    _, partition, _, _, account, resource = session_arn.split(":", 5)
    name = resource.split("/")[1]
    role = iam._roles.get_scoped(account, None, name) or {}
    return str(role.get("Arn") or f"arn:{partition}:iam::{account}:role/{name}")


def s3_keys(
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
        context["s3:x-amz-server-side-encryption-aws-kms-key-id"] = arn_of_key(key)
    return context
