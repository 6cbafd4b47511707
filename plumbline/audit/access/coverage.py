"""What the table says too little about."""

import itertools
from collections.abc import Iterator, Sequence, Set

from plumbline.audit.access.landscape import Landscape
from plumbline.audit.access.notation import Row

# The words before the name of a role that is assumed in the end.
_BEFORE_A_ROLE = ("as", "assume", "pass")


def missing_rows(
    rows: Sequence[Row], landscape: Landscape, *, denied_by_endpoint: Set[tuple[str, str]]
) -> Iterator[str]:
    """Sentences on roles that no rule names in both directions, and on endpoints, keys and buckets that deny nothing.

    A rule over all roles does not count for any of them: what is true of every role says nothing of what a new one is
    for.

    Args:
        rows: The rows of the table.
        landscape: What the templates make.
        denied_by_endpoint: VPC and service of every endpoint whose policy denies a row.
    """
    may = {row.principal for row in rows if row.expected and row.names_principal}
    may_not = {row.principal for row in rows if not row.expected and row.names_principal}
    assumed = {word for row in rows if row.expected and row.names_request for word in _assumed(row)}
    refused = {word for row in rows if not row.expected and row.names_request for word in _assumed(row)}
    for role in landscape.roles.values():
        for known, what in (
            (role.name in may, "what it may do"),
            (role.name in may_not, "what it may not do"),
            (role.name in assumed, "who assumes it"),
            (role.name in refused, "who does not assume it"),
        ):
            if not known:
                yield f"{role.place}: no rule says of the role {role.name} {what}"
    for vpc, endpoints in landscape.endpoints.items():
        for service in endpoints:
            if (vpc, service) not in denied_by_endpoint:
                yield f"no rule is denied by the policy of the endpoint {service} of {vpc}"
    text = " ".join(row.request for row in rows if not row.expected)
    for (account, alias), key in landscape.keys.items():
        if key not in text:
            yield f"no rule denies anybody the key {alias} of account {account}"
    for bucket in landscape.buckets:
        if bucket not in text:
            yield f"no rule denies anybody the bucket {bucket}"


def _assumed(row: Row) -> Iterator[str]:
    words = row.request.split()
    return (word for before, word in itertools.pairwise(words) if before in _BEFORE_A_ROLE)
