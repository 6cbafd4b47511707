"""Which status may follow which; a status that is not in the table cannot happen."""

import dataclasses
from collections.abc import Mapping


class IllegalTransitionError(Exception):
    """A status that cannot follow the present one: a fault of the rehearsal, never an answer to a request."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """The life of one kind of resource.

    Attributes:
        kind: What has the status, in words.
        start: The statuses it is created with.
        after: For each status, those that may follow; one with none is final.
        source: Where the statuses and their order come from.
    """

    kind: str
    start: frozenset[str]
    after: Mapping[str, frozenset[str]]
    source: str

    @property
    def final(self) -> frozenset[str]:
        """The statuses that nothing follows."""
        return frozenset(status for status, following in self.after.items() if not following)

    def begin(self, status: str) -> str:
        """The status of a new resource.

        Raises:
            IllegalTransitionError: Nothing of this kind begins with it.
        """
        if status not in self.start:
            raise IllegalTransitionError(f"no {self.kind} begins as {status}")
        return status

    def move(self, present: str, following: str) -> str:
        """The next status of a resource.

        Raises:
            IllegalTransitionError: It cannot follow the present one.
        """
        if following not in self.after.get(present, frozenset()):
            raise IllegalTransitionError(f"a {self.kind} cannot go from {present} to {following}")
        return following


def lifecycle(kind: str, start: str, after: Mapping[str, str], source: str) -> Lifecycle:
    """A life written down with blanks between statuses.

    Args:
        kind: What has the status.
        start: The statuses it is created with.
        after: For each status, those that may follow.
        source: Where that is documented.
    """
    return Lifecycle(
        kind=kind,
        start=frozenset(start.split()),
        after={status: frozenset(following.split()) for status, following in after.items()},
        source=source,
    )
