"""What an endpoint captures: a line an invocation, with the request, the answer and when it was.

Source: "Capture data from real-time endpoint", Amazon SageMaker developer guide.
"""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from runtime.monitoring.lines import Scalar, objects_of, rows_of_csv

_CSV = "text/csv"


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
    yield from _rows_of(capture, "endpointInput", faults, texts=texts, names=names, bare="")


def rows_answered(capture: Mapping[str, Scalar], faults: Counter[str], *, name: str) -> Iterator[Mapping[str, Scalar]]:
    """The rows of a captured answer.

    Args:
        capture: The invocation.
        faults: Takes what is wrong with it.
        name: What a bare value is called: all there is on a line of CSV, and of JSON that is no object.
    """
    yield from _rows_of(capture, "endpointOutput", faults, texts=(), names=[name], bare=name)


def _rows_of(
    capture: Mapping[str, Scalar],
    side: str,
    faults: Counter[str],
    *,
    texts: Collection[str],
    names: Sequence[str],
    bare: str,
) -> Iterator[Mapping[str, Scalar]]:
    before, rows = faults.total(), 0
    for row in _read(capture, side, faults, texts=texts, names=names, bare=bare):
        rows += 1
        yield row
    if not rows and faults.total() == before:
        faults[f"captures without a row in {side}"] += 1


def _read(
    capture: Mapping[str, Scalar],
    side: str,
    faults: Counter[str],
    *,
    texts: Collection[str],
    names: Sequence[str],
    bare: str,
) -> Iterator[Mapping[str, Scalar]]:
    data = capture["captureData"]
    found = data.get(side) if isinstance(data, Mapping) else None
    body = _body(found) if isinstance(found, Mapping) else None
    if body is None or not isinstance(found, Mapping):
        faults[f"captures without an {side} that can be read"] += 1
        return
    kind = str(found.get("observedContentType", "")).partition(";")[0].strip().lower()
    if kind == _CSV or found.get("encoding") == "CSV":
        yield from _of_csv(body, faults, texts=texts, names=names)
    else:
        yield from objects_of(_json_lines(body, bare=bare), faults)


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


def _json_lines(body: str, *, bare: str) -> Iterator[str]:
    """The lines of a body; of one that is an array, or one object on several lines, its objects."""
    lines = [line for line in body.split("\n") if line.strip()]
    if len(lines) > 1 or body.lstrip().startswith("["):
        try:
            whole = json.loads(body)
        except (ValueError, RecursionError):
            pass  # lines, then
        else:
            lines = [json.dumps(one) for one in (whole if isinstance(whole, list) else [whole])]
    for line in lines:
        # A number or a text by itself gets a name; what begins otherwise is an object, or no JSON.
        yield f"{{{json.dumps(bare)}: {line}}}" if bare and not line.lstrip().startswith("{") else line


def _of_csv(
    body: str, faults: Counter[str], *, texts: Collection[str], names: Sequence[str]
) -> Iterator[Mapping[str, Scalar]]:
    if not names:
        faults["captures of CSV, whose columns nobody has named"] += 1
        return
    lines = (line.removesuffix("\r") for line in body.strip("\r\n").split("\n"))
    for number, row in enumerate(rows_of_csv(lines, faults, of="lines of captured CSV")):
        if row is None or (number == 0 and row == list(names)):
            continue
        if not row:
            faults["blank lines of captured CSV"] += 1
        elif len(row) == len(names):
            yield {name: cell if name in texts else _value(cell) for name, cell in zip(names, row, strict=True)}
        else:
            faults["rows of captured CSV with another number of cells than there are columns"] += 1


def _value(cell: str) -> Scalar:
    text = cell.strip()
    if not text:
        return None
    if "_" in text or not text.isascii():  # numbers of Python alone: in a file, such a cell is a text
        return text
    try:
        return float(text)
    except ValueError:
        return text
