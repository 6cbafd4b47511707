"""Resources by account, region and name; safe from any thread."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.api.scope import Scope

T = TypeVar("T")
S = TypeVar("S", bound=Scope)


class Table(Generic[S, T]):
    """The resources of one kind.

    Args:
        missing: Makes the error for a name that is not there, from the resource's ARN or name.
    """

    def __init__(self, missing: Callable[[S, str], ApiError]) -> None:
        self._missing = missing
        self._lock = threading.RLock()
        self._rows: dict[tuple[S, str], T] = {}

    def get(self, scope: S, name: str) -> T:
        """A resource.

        Raises:
            ApiError: There is none of that name.
        """
        with self._lock:
            found = self._rows.get((scope, name))
        if found is None:
            raise self._missing(scope, name)
        return found

    def find(self, scope: S, name: str) -> T | None:
        """A resource, or None."""
        with self._lock:
            return self._rows.get((scope, name))

    def add(self, scope: S, name: str, row: T, *, taken: Callable[[T], ApiError]) -> None:
        """Adds a resource.

        Raises:
            ApiError: The name is taken; made by ``taken`` from the resource that has it.
        """
        with self._lock:
            present = self._rows.get((scope, name))
            if present is not None:
                raise taken(present)
            self._rows[scope, name] = row

    def remove(self, scope: S, name: str) -> T:
        """Takes a resource away.

        Raises:
            ApiError: There is none of that name.
        """
        with self._lock:
            found = self._rows.pop((scope, name), None)
        if found is None:
            raise self._missing(scope, name)
        return found

    def rows(self, scope: S) -> list[T]:
        """The resources of an account and region, oldest first."""
        with self._lock:
            return [row for (where, _), row in self._rows.items() if where == scope]

    def everything(self) -> list[T]:
        """The resources of all accounts."""
        with self._lock:
            return list(self._rows.values())
