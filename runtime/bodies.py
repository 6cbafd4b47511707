"""Requests to an endpoint and the answers to them.

| content type | a row |
|---|---|
| `application/jsonlines` (also `application/json` with one object) | an object of raw inputs on a line of its own |
| `text/csv` | raw inputs in the order of the model's columns; a first line with exactly their names may name them |

The answer has a line a row: `{"probability": 0.25}`, or the bare number if `Accept` asks for `text/csv`. Numbers have
as many digits as it takes to read the same 64-bit number back.
"""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from runtime.columns import Column, Scalar
from runtime.errors import BadRequestError, RowError

JSON_LINES = "application/jsonlines"
CSV = "text/csv"
_JSON_TYPES = frozenset({JSON_LINES, "application/x-jsonlines", "application/json"})


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a request.

    Attributes:
        frame: A table of exactly the model's columns.
        first_line: Number of the line of the body that the first row stands on.
    """

    frame: pl.DataFrame
    first_line: int

    def located(self, error: RowError) -> BadRequestError:
        """The fault of a row, told to the sender by the line of the body."""
        return _located(error, first_line=self.first_line)


def rows_of_body(body: bytes, *, content_type: str, columns: Sequence[Column]) -> Rows:
    """The rows of a request as a table of exactly `columns`.

    Raises:
        BadRequestError: The body has no rows, is not what its content type says, or a row has a field that the model
            does not know, lacks one that it needs, or holds a value which the field does not accept.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequestError(f"byte {error.start + 1} of the body is not UTF-8.") from error
    kind = content_type.partition(";")[0].strip().lower()
    first_line = 1
    if kind in _JSON_TYPES:
        rows = _json_rows(text)
    elif kind == CSV:
        rows, first_line = _csv_rows(text, columns=columns)
    else:
        raise BadRequestError(f"content type {content_type!r} is unknown; accepted: {JSON_LINES} and {CSV}.")
    if not rows:
        raise BadRequestError("the body has no rows.")
    try:
        return Rows(frame=frame_of_rows(rows, columns=columns), first_line=first_line)
    except RowError as error:
        raise _located(error, first_line=first_line) from error


def frame_of_rows(rows: Sequence[Mapping[str, Scalar]], *, columns: Sequence[Column]) -> pl.DataFrame:
    """Rows as a table of exactly `columns`.

    Raises:
        RowError: A row has a field that is none of `columns`, lacks one that is required, or holds a value which the
            field does not accept.
    """
    known = {column.name for column in columns}
    for number, row in enumerate(rows):
        unknown = row.keys() - known
        if unknown:
            raise RowError(row=number, field=_printable(min(unknown)), problem="is none of the model's inputs")
    return pl.DataFrame(
        {column.name: [_value(row, column, number) for number, row in enumerate(rows)] for column in columns},
        schema={column.name: column.dtype for column in columns},
    )


def answer(probabilities: npt.NDArray[np.float64], *, accept: str) -> tuple[bytes, str]:
    """The body of an answer and its content type."""
    numbers: list[float] = probabilities.tolist()
    if CSV in accept:
        return "".join(f"{number!r}\n" for number in numbers).encode(), CSV
    return "".join(json.dumps({"probability": number}) + "\n" for number in numbers).encode(), JSON_LINES


def _located(error: RowError, *, first_line: int) -> BadRequestError:
    return BadRequestError(f"line {error.row + first_line}: field {error.field} {error.problem}.")


def _value(row: Mapping[str, Scalar], column: Column, number: int) -> int | float | str | None:
    value = row.get(column.name)
    try:
        return column.value(value)
    except (ValueError, OverflowError):
        found = "is missing" if value is None else f"is {json.dumps(value)}"
        raise RowError(row=number, field=column.name, problem=f"{found}; accepted: {column.accepted}") from None


def _printable(name: str) -> str:
    """A name that a sender chose, fit for a message: JSON may name a field by half a character."""
    return name if name.isprintable() else ascii(name)


def _json_rows(text: str) -> list[dict[str, Scalar]]:
    rows: list[dict[str, Scalar]] = []
    for number, line in enumerate(text.rstrip().split("\n") if text.strip() else [], start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadRequestError(f"line {number}: character {error.pos + 1} is not JSON ({error.msg}).") from error
        except ValueError as error:  # Python's limit, against conversions that take time quadratic in the digits
            digits = sys.get_int_max_str_digits()
            raise BadRequestError(f"line {number}: it has a whole number of more than {digits} digits.") from error
        except RecursionError as error:
            raise BadRequestError(f"line {number}: it is nested too deeply; accepted: single values.") from error
        if not isinstance(row, dict):
            raise BadRequestError(f"line {number}: it is no JSON object of inputs by name.")
        for field, value in row.items():
            if isinstance(value, dict | list):
                raise BadRequestError(f"line {number}: field {_printable(field)} is no single value.")
        rows.append(row)
    return rows


def _csv_rows(text: str, *, columns: Sequence[Column]) -> tuple[list[dict[str, Scalar]], int]:
    """The rows and the number of the line that the first of them stands on."""
    reader = csv.reader(io.StringIO(text.rstrip("\r\n"), newline=""))
    try:
        lines = list(reader)
    except csv.Error as error:
        longest = csv.field_size_limit()
        raise BadRequestError(f"line {reader.line_num}: a field has more than {longest} characters.") from error
    order, first_line = list(columns), 1
    by_name = {column.name: column for column in columns}
    if lines and sorted(lines[0]) == sorted(by_name):
        order, first_line = [by_name[name] for name in lines[0]], 2
        lines = lines[1:]
    rows: list[dict[str, Scalar]] = []
    for number, cells in enumerate(lines, start=first_line):
        if len(cells) != len(order):
            raise BadRequestError(f"line {number}: it has {len(cells)} fields; accepted: {len(order)}.")
        rows.append({column.name: _cell(cell, column, number) for column, cell in zip(order, cells, strict=True)})
    return rows, first_line


def _cell(cell: str, column: Column, line: int) -> Scalar:
    try:
        return column.parsed(cell)
    except ValueError:
        raise BadRequestError(f"line {line}: field {column.name} is {cell!r}; accepted: {column.accepted}.") from None
