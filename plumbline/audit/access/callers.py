"""Who asks: roles of the templates, roles that no template makes, and AWS services."""

import re
from dataclasses import dataclass

from plumbline.audit.access.landscape import Landscape, Policy
from plumbline.audit.access.managed_by_aws import EVERYTHING
from plumbline.audit.access.vocabulary import UnknownWordError, meant

_OTHER = re.compile(r"([\w+=,.@/-]+) of (\d{12})(?: within ([\w+=,.@-]+))?")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, with all that decides what they may do.

    Attributes:
        principal: ARN of the session, or the service principal.
        role_arn: ARN of the role; none for a service.
        account: Account of the role; none for a service.
        policies: Identity policies.
        boundary: Permission boundary; none if there is none.
    """

    principal: str
    role_arn: str | None = None
    account: str | None = None
    policies: tuple[Policy, ...] = ()
    boundary: Policy | None = None

    @property
    def is_service(self) -> bool:
        """Whether an AWS service asks as itself."""
        return self.account is None


def find_caller(text: str, landscape: Landscape, *, partition: str) -> Caller:
    """The caller that a row names.

    Args:
        text: A role by its name, a service principal, or `<name> of <account>`: a role that no template makes, whose
            own policies allow everything; with ` within <policy>` one of the account's policies bounds it.
        landscape: The roles.
        partition: Of the ARNs.

    Raises:
        UnknownWordError: There is no such role or policy.
    """
    other = _OTHER.fullmatch(text)
    if other:
        name, account, bound = other.groups()
        boundary = landscape.managed_policies.get(f"arn:{partition}:iam::{account}:policy/{bound}")
        if bound and boundary is None:
            raise UnknownWordError(f"the policy {bound} of account {account} is in no template")
        return Caller(
            # A session has the role's name without its path.
            principal=f"arn:{partition}:sts::{account}:assumed-role/{name.rpartition('/')[2]}/session",
            role_arn=f"arn:{partition}:iam::{account}:role/{name}",
            account=account,
            policies=(EVERYTHING,),
            boundary=boundary,
        )
    if _SERVICE.fullmatch(text):
        return Caller(principal=text)
    found = landscape.roles_named(text)
    if len(found) != 1:
        names = [role.name for role in landscape.roles.values()]
        what = "is in more than one account" if found else f"is in no template{meant(text, names)}"
        raise UnknownWordError(f"the role {text} {what}")
    (role,) = found
    return Caller(
        principal=f"arn:{partition}:sts::{role.account}:assumed-role/{role.name}/session",
        role_arn=role.arn,
        account=role.account,
        policies=role.policies,
        boundary=landscape.boundary_of(role),
    )
