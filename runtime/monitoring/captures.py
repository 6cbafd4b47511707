"""What an endpoint captures: a line an invocation, with the request, the answer and when it was.

Source: "Capture data from real-time endpoint", Amazon SageMaker developer guide.
"""

import base64
import binascii
import csv
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from runtime.monitoring.lines import Scalar, objects_of

_CSV = "text/csv"
_BAD = "captures without a request that can be read"


def is_capture(found: Mapping[str, Scalar]) -> bool:
    """Whether an object is a captured invocation, and not a row itself."""
    return "captureData" in found and "eventMetadata" in found


def rows_asked(
    capture: Mapping[str, Scalar], faults: Counter[str], *, texts: Collection[str] = (), names: Sequence[str] = ()
) -> Iterator[Mapping[str, Scalar]]:
    """The rows of a captured request.

    Args:
        capture: The invocation.
        faults: Takes what is wrong with it.
        texts: Columns of CSV whose cells are texts, whatever they read as.
        names: The columns of CSV in their order; a first line that has exactly these names is no row.
    """
    data = capture["captureData"]
    asked = data.get("endpointInput") if isinstance(data, Mapping) else None
    body = _body(asked) if isinstance(asked, Mapping) else None
    if body is None or not isinstance(asked, Mapping):
        faults[_BAD] += 1
        return
    kind = str(asked.get("observedContentType", "")).partition(";")[0].strip().lower()
    if kind == _CSV or asked.get("encoding") == "CSV":
        yield from _of_csv(body, faults, texts=texts, names=names)
    else:
        yield from objects_of(_json_lines(body), faults)


def _body(side: Mapping[str, object]) -> str | None:
    data = side.get("data")
    if not isinstance(data, str):
        return None
    if side.get("encoding") != "BASE64":
        return data
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _json_lines(body: str) -> Iterator[str]:
    """The lines of a body; of one that is an array, or one object on several lines, its objects."""
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > 1 or body.lstrip().startswith("["):
        try:
            whole = json.loads(body)
        except (ValueError, RecursionError):
            pass  # lines, then
        else:
            yield from (json.dumps(one) for one in (whole if isinstance(whole, list) else [whole]))
            return
    yield from lines


def _of_csv(
    body: str, faults: Counter[str], *, texts: Collection[str], names: Sequence[str]
) -> Iterator[Mapping[str, Scalar]]:
    if not names:
        faults["captures of CSV, whose columns nobody has named"] += 1
        return
    try:
        rows = [row for row in csv.reader(body.splitlines()) if row]
    except csv.Error:
        faults[_BAD] += 1
        return
    if rows and rows[0] == list(names):
        rows = rows[1:]
    for row in rows:
        if len(row) == len(names):
            yield {name: cell if name in texts else _value(cell) for name, cell in zip(names, row, strict=True)}
        else:
            faults["rows of captured CSV with another number of cells than there are columns"] += 1


def _value(cell: str) -> Scalar:
    text = cell.strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text
