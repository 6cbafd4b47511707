"""The raw inputs of a model: their names, types and limits."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

Scalar: TypeAlias = bool | int | float | str | None

_DTYPES: dict[str, pl.DataType] = {"integer": pl.Int64(), "number": pl.Float64(), "text": pl.String()}
LONGEST_TEXT = 64  # characters: longer than any category


@dataclass(frozen=True, kw_only=True)
class Column:
    """One raw input.

    Attributes:
        name: The field's name in JSON, and the column's in tables.
        kind: `integer`, `number` or `text`.
        required: Whether a row must have it. Left out or empty otherwise, it is null.
        low: Smallest value accepted, of numbers.
        high: Largest value accepted, of numbers.
    """

    name: str
    kind: Literal["integer", "number", "text"]
    required: bool = True
    low: float = float("-inf")
    high: float = float("inf")

    @property
    def dtype(self) -> pl.DataType:
        """Type of the column in tables."""
        return _DTYPES[self.kind]

    @property
    def accepted(self) -> str:
        """What the column accepts, for a message."""
        if self.kind == "text":
            return f"a text of 1 to {LONGEST_TEXT} characters"
        name = "a whole number" if self.kind == "integer" else "a number"
        if math.isinf(self.low) and math.isinf(self.high):
            return name
        return f"{name} from {self.low:g} to {self.high:g}"

    def value(self, value: Scalar) -> int | float | str | None:
        """The value as the column holds it.

        Raises:
            ValueError: The column does not accept it.
        """
        if value is None:
            if self.required:
                raise ValueError
            return None
        if self.kind == "text":
            if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT:
                raise ValueError
            value.encode()  # half a character (a lone surrogate, which JSON can escape) is a ValueError
            return value
        # A JSON true is a Python integer.
        if isinstance(value, bool | str) or (self.kind == "integer" and value != int(value)):
            raise ValueError
        if not self.low <= value <= self.high:  # refuses NaN as well
            raise ValueError
        return int(value) if self.kind == "integer" else float(value)

    def refused(self, values: pl.Series) -> pl.Series:
        """Whether each of some values, of whatever type, is one that the column does not accept; false of nulls."""
        if self.kind == "text":
            length = values.cast(pl.String, strict=False).str.len_chars()
            good = length.is_between(1, LONGEST_TEXT)
        elif values.dtype == pl.Boolean:
            good = pl.repeat(False, len(values), eager=True)
        else:
            number, taken = values.cast(pl.Float64, strict=False), values.cast(self.dtype, strict=False)
            good = number.is_finite() & (number == taken.cast(pl.Float64)) & number.is_between(self.low, self.high)
        return values.is_not_null() & ~good.fill_null(value=False)

    def parsed(self, text: str) -> Scalar:
        """What a cell of CSV stands for: nothing is null, and numbers are numbers.

        Raises:
            ValueError: The text is no number where one is wanted.
        """
        if text == "":
            return None
        if self.kind == "text":
            return text
        return int(text) if self.kind == "integer" else float(text)
