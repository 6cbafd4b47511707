"""Pages of SageMaker's List operations."""

from plumbline.rehearsal.api.shapes import Document


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
