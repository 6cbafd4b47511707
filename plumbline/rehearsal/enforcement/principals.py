"""Principals that policies name: they must exist, and a key's policy must not lock out who writes it.

Sources: IAM user guide, "AWS JSON policy elements: Principal"; KMS API reference, ``PutKeyPolicy``: "each statement in
the key policy must contain one or more principals. The principals in the key policy must exist and be visible to AWS
KMS", and ``BypassPolicyLockoutSafetyCheck``: the policy "must allow the calling principal to make a subsequent
PutKeyPolicy request on the KMS key".
"""

import contextvars
import json
import re
from collections.abc import Callable, Iterator, Mapping

from ministack.core import iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import iam, kms
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.enforcement.callers import Caller
from plumbline.rehearsal.enforcement.service_roles import deploying_caller

_ACCOUNT = re.compile(r"\d{12}|arn:aws[a-z-]*:iam::\d{12}:root")
_IDENTITY = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):(user|role)/(?:[^*?]*/)?([^/*?]+)")
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::(\d{12}):assumed-role/([^/*?]+)/[^*?]+")

# Where a type keeps a policy that names principals.
_POLICIES: Mapping[str, str] = {
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}

Handler = Callable[..., object]
_own_create_key = kms._create_key
_own_put_key_policy = kms._put_key_policy
# CloudFormation has looked at a key's policy with its own eyes before it makes the key.
_by_cloudformation: contextvars.ContextVar[bool] = contextvars.ContextVar("by_cloudformation", default=False)


class InvalidPrincipalError(ValueError):
    """A policy names a principal that does not exist; the message becomes the stack event's reason."""


def install() -> None:
    """Has the emulator of this process refuse such policies, through the API of KMS and through CloudFormation."""
    kms._create_key = _create_key
    kms._put_key_policy = _put_key_policy
    for kind, member in _POLICIES.items():
        handler = provisioners._RESOURCE_HANDLERS[kind]
        checked = {"create": _checking(kind, member, handler["create"])}
        if "update" in handler:
            checked["update"] = _checking(kind, member, handler["update"])
        provisioners._RESOURCE_HANDLERS[kind] = {**handler, **checked}


def invalid_principals(policy: object) -> list[str]:
    """The principals of a policy that are no account, no existing user or role, and no wildcard."""
    return [principal for principal in _principals(policy) if not _exists(principal)]


def _exists(principal: str) -> bool:
    if principal == "*" or _ACCOUNT.fullmatch(principal):
        return True
    if session := _SESSION.fullmatch(principal):
        return iam._roles.get_scoped(session[1], None, session[2]) is not None
    found = _IDENTITY.fullmatch(principal)
    if found is None:
        return False
    store = iam._roles if found[2] == "role" else iam._users
    return store.get_scoped(found[1], None, found[3]) is not None


def _principals(policy: object) -> Iterator[str]:
    for statement in _statements(policy):
        principal = statement.get("Principal", statement.get("NotPrincipal"))
        named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
        yield from [named] if isinstance(named, str) else map(str, named if isinstance(named, list) else [])


def _statements(policy: object) -> list[Mapping[str, object]]:
    document = json.loads(policy) if isinstance(policy, str) and policy else policy
    statements = document.get("Statement", []) if isinstance(document, Mapping) else []
    return [one for one in (statements if isinstance(statements, list) else [statements]) if isinstance(one, Mapping)]


def _create_key(data: Mapping[str, object]) -> object:
    return _refusal(data) or _own_create_key(data)


def _put_key_policy(data: Mapping[str, object]) -> object:
    return _refusal(data) or _own_put_key_policy(data)


def _refusal(data: Mapping[str, object]) -> object:
    policy = data.get("Policy")
    if not policy or _by_cloudformation.get():
        return None
    if invalid := invalid_principals(policy):
        return _malformed(f"Policy contains a statement with one or more invalid principals: {', '.join(invalid)}")
    caller = str(iam_evaluator.caller_arn())
    if caller and not data.get("BypassPolicyLockoutSafetyCheck") and not _keeps(policy, caller):
        return _malformed("The new key policy will not allow you to update the key policy in the future.")
    return None


def _malformed(message: str) -> object:
    return error_response_json("MalformedPolicyDocumentException", message, 400)


def _keeps(policy: object, caller_arn: str) -> bool:
    """Whether a key policy lets its writer write it again."""
    account = caller_arn.split(":")[4] if caller_arn.count(":") > 4 else str(get_account_id())
    asked = iam_evaluator.EvalContext(
        principal_arn=caller_arn,
        principal_type="AssumedRole" if ":assumed-role/" in caller_arn else "User",
        principal_account=account,
        action="kms:PutKeyPolicy",
        resource_arn=f"arn:aws:kms:{get_region()}:{account}:key/new",
        region=str(get_region()),
        secure_transport=True,
        service_context={"aws:tagkeys": None, "kms:calleraccount": account},
    )
    kept: bool = iam_evaluator.evaluate_resource_policy(policy, asked).decision == "Allow"
    return kept


def _checking(kind: str, member: str, own: Handler) -> Handler:
    """A handler of CloudFormation's, create or update, that looks at the policy first."""

    def handle(*arguments: object) -> object:
        # create(logical id, properties, stack), update(physical id, old, new, stack, …): the last mapping is the new.
        place = max(index for index, argument in enumerate(arguments) if isinstance(argument, Mapping))
        properties, stack = arguments[place], str(arguments[place + 1])
        policy = properties.get(member) if isinstance(properties, Mapping) else None
        if invalid := invalid_principals(policy):
            raise InvalidPrincipalError(
                f'Resource handler returned message: "Policy contains a statement with one or more invalid principals: '
                f'{", ".join(invalid)} (Error Code: MalformedPolicyDocument)" ({kind})'
            )
        if kind == "AWS::KMS::Key" and policy and not _kept_by_stack(policy, stack):
            raise InvalidPrincipalError(
                'Resource handler returned message: "The new key policy will not allow you to update the key policy '
                f'in the future. (Error Code: MalformedPolicyDocument)" ({kind})'
            )
        token = _by_cloudformation.set(True)
        try:
            return own(*arguments)
        finally:
            _by_cloudformation.reset(token)

    return handle


def _kept_by_stack(policy: object, stack: str) -> bool:
    caller: Caller | None = deploying_caller(stack)
    return caller is None or _keeps(policy, caller.arn)
