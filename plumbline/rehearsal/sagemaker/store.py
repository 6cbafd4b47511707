"""Resources by account, region and name; safe from any thread."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from plumbline.rehearsal.sagemaker.errors import SageMakerError
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.shapes import Document

T = TypeVar("T")


class Table(Generic[T]):
    """The resources of one kind.

    Args:
        missing: Makes the error for a name that is not there, from the resource's ARN or name.
    """

    def __init__(self, missing: Callable[[Scope, str], SageMakerError]) -> None:
        self._missing = missing
        self._lock = threading.RLock()
        self._rows: dict[tuple[Scope, str], T] = {}

    def get(self, scope: Scope, name: str) -> T:
        """A resource.

        Raises:
            SageMakerError: There is none of that name.
        """
        with self._lock:
            found = self._rows.get((scope, name))
        if found is None:
            raise self._missing(scope, name)
        return found

    def find(self, scope: Scope, name: str) -> T | None:
        """A resource, or None."""
        with self._lock:
            return self._rows.get((scope, name))

    def add(self, scope: Scope, name: str, row: T, *, taken: Callable[[T], SageMakerError]) -> None:
        """Adds a resource.

        Raises:
            SageMakerError: The name is taken; made by ``taken`` from the resource that has it.
        """
        with self._lock:
            present = self._rows.get((scope, name))
            if present is not None:
                raise taken(present)
            self._rows[scope, name] = row

    def remove(self, scope: Scope, name: str) -> T:
        """Takes a resource away.

        Raises:
            SageMakerError: There is none of that name.
        """
        with self._lock:
            found = self._rows.pop((scope, name), None)
        if found is None:
            raise self._missing(scope, name)
        return found

    def rows(self, scope: Scope) -> list[T]:
        """The resources of an account and region, oldest first."""
        with self._lock:
            return [row for (where, _), row in self._rows.items() if where == scope]

    def everything(self) -> list[T]:
        """The resources of all accounts."""
        with self._lock:
            return list(self._rows.values())


def listing(
    documents: list[Document],
    request: Document,
    *,
    key: str,
    name: str,
    created: str = "CreationTime",
) -> Document:
    """A page of a List operation.

    Args:
        documents: The summaries, oldest first.
        request: Gives MaxResults, NextToken, SortBy, SortOrder, NameContains, CreationTimeAfter, CreationTimeBefore
            and StatusEquals, where the operation has them.
        key: The response's member that holds them.
        name: The summary's member that NameContains and SortBy=Name look at.
        created: The summary's member that holds the time of creation.
    """
    chosen = [
        document
        for document in documents
        if request.get("NameContains", "").lower() in str(document.get(name, "")).lower()
        and document[created] > _seconds(request.get("CreationTimeAfter") or request.get("CreatedAfter"), 0.0)
        and document[created] < _seconds(request.get("CreationTimeBefore") or request.get("CreatedBefore"), 1e12)
        and request.get("StatusEquals")
        in (None, *(value for part, value in document.items() if part.endswith("Status")))
    ]
    by_name = request.get("SortBy") in ("Name", name)
    chosen.sort(
        key=lambda document: str(document[name]) if by_name else document[created],
        reverse=request.get("SortOrder", "Ascending" if by_name else "Descending") == "Descending",
    )
    start = int(request.get("NextToken") or 0)
    size = int(request.get("MaxResults") or 100)
    page: Document = {key: chosen[start : start + size]}
    if start + size < len(chosen):
        page["NextToken"] = str(start + size)
    return page


def _seconds(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
