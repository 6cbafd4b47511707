"""One decision that a request needs, and the condition keys that tags become in every service."""

import dataclasses
from collections.abc import Iterable, Mapping

Context = dict[str, str | list[str]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One decision that a request needs."""

    action: str
    resource: str
    context: Context = dataclasses.field(default_factory=dict)


def tag_context(tags: Mapping[str, str], further_keys: Iterable[str] = ()) -> Context:
    """The condition keys of a request's tags.

    Args:
        tags: What the request would set.
        further_keys: The keys of tags that it would take away.
    """
    context: Context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    keys = [*tags, *further_keys]
    return context | ({"aws:TagKeys": keys} if keys else {})


def resource_tag_context(tags: Mapping[str, str]) -> Context:
    """The condition keys of the tags that a resource has."""
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
