"""Who makes a request, and what the policy evaluation knows of it."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, request_scope
from ministack.core.router import extract_access_key_id, extract_region

Context = Mapping[str, str | list[str]]

_carried: dict[str, Context] = {}


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
        return principal_arn_of(self.access_key, self.account)

    @property
    def id(self) -> str:
        """The principal's unique id, of a role session with the session's name (IAM user guide, "Unique identifiers").

        Empty when nobody has the access key.
        """
        with request_scope(self.account, self.region):
            found = iam_evaluator.resolve_caller_identity(self.access_key)
        return "" if found is None else str(found["userId"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credentials:
    """Temporary credentials of a role session."""

    access_key: str
    secret_key: str
    token: str


class EvalResult(Protocol):
    """The emulator's result of an evaluation."""

    decision: str
    principal_arn: str
    resource_policy_arn: str
    reason: str


class Asked(Protocol):
    """What is evaluated: one action of one principal on one resource."""

    principal_arn: str
    principal_type: str
    principal_account: str
    action: str
    resource_arn: str
    service_context: dict[str, object]


class Principal(Protocol):
    """A principal with its policies; None for a root user, who has them all."""

    arn: str
    type: str
    account: str
    policies: list[list[object]] | None
    keys: dict[str, object]
    limits: list[list[list[object]]]


def principal_arn_of(access_key: str, account: str) -> str:
    """The ARN of whoever has an access key; the key itself when nobody has."""
    if not access_key:
        return "anonymous"
    principal = iam_evaluator.resolve_principal(access_key, account)
    return access_key if isinstance(principal, iam_evaluator.AuthError) else str(principal.arn)


def carry(access_key: str, context: Context) -> None:
    """Has every request of a session carry condition keys: what AWS knows about where the requests come from."""
    _carried[access_key] = {key.lower(): value for key, value in context.items()}


def carried(access_key: str) -> Context:
    """What a session's requests carry."""
    return _carried.get(access_key, {})
