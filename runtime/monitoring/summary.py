"""What a window of data comes down to: counts, moments and a sketch a column, which several instances can merge."""

import math
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from runtime.monitoring.sketch import Sketch


class Kind(StrEnum):
    """What a value is; the names are Model Monitor's."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    STRING = "String"
    UNKNOWN = "Unknown"


# Of a text column with more values the rarest are counted together: identifiers are no categories.
CATEGORIES = 10_000
# Of all columns together, which share them out evenly: 50 columns of texts have 10,000 each. With texts of 256
# characters it is about 0.3 GB between two sortings-out.
TEXTS = 500_000
# The most columns of a summary. Tables of models have tens or hundreds; objects whose keys are identifiers have a new
# one a row. It is a choice: at 45 kB of a full sketch, 2,000 columns of numbers are 90 MB, and each text column still
# has more categories (250) than a constraint may list (120).
COLUMNS = 2_000
# In characters, of a text and of a column's name. What tells categories apart stands at their beginning.
LONGEST_TEXT = 256
_PLACES = 3  # of a fault, by name: a folder may have any number of files
# A column holds the kind that this share of its values has, so that one bad cell does not change what it is.
_MAJORITY = 0.9


@dataclass
class Moments:
    """Count, mean and spread of numbers, in a way that merges without losing digits (Chan, Golub and LeVeque, 1983)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Takes finite values, at least one."""
        mean = float(values.mean())
        deviations = values - mean
        # Not as a product: that wakes the threads of a linear algebra library for a moment's work.
        np.square(deviations, out=deviations)
        self.merge(
            Moments(
                count=len(values),
                mean=mean,
                squares=float(deviations.sum()),
                low=float(values.min()),
                high=float(values.max()),
            )
        )

    def merge(self, other: "Moments") -> None:
        """Takes all that another one stands for."""
        if other.count == 0:
            return
        count = self.count + other.count
        apart = other.mean - self.mean
        self.squares += other.squares + apart * apart * self.count * other.count / count
        self.mean += apart * other.count / count
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.count = count

    @property
    def standard_deviation(self) -> float:
        """That of the values themselves, as Model Monitor has it; 0 of no value."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0


@dataclass
class Categories:
    """How often each text occurs; of more than 10,000 the rarest are counted together.

    Attributes:
        counts: Occurrences by text, of which the first 256 characters count.
        others: Occurrences of texts that are not in `counts`.
        cut: How many texts were longer.
    """

    counts: Counter[str] = field(default_factory=Counter)
    others: int = 0
    cut: int = 0

    @property
    def count(self) -> int:
        """How many texts it stands for."""
        return self.counts.total() + self.others

    def add(self, counts: Mapping[str, int]) -> None:
        """Takes texts by how often each occurs."""
        if any(len(text) > LONGEST_TEXT for text in counts):
            self.cut += sum(count for text, count in counts.items() if len(text) > LONGEST_TEXT)
            for text, count in counts.items():
                self.counts[text[:LONGEST_TEXT]] += count
        else:
            self.counts.update(counts)
        self.bound(CATEGORIES)

    def merge(self, other: "Categories") -> None:
        """Takes all that another one stands for."""
        self.others += other.others
        self.cut += other.cut
        self.add(other.counts)

    def bound(self, most: int) -> None:
        """Keeps about as many texts as are asked for.

        Args:
            most: How many. The rarest are sorted out at twice as many: now and then, and not at each batch.
        """
        if len(self.counts) > 2 * most:
            self.trim(most)

    def trim(self, most: int = CATEGORIES) -> None:
        """Keeps the most frequent texts, of equal ones the first of the alphabet.

        Args:
            most: How many.
        """
        if len(self.counts) > most:
            ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
            self.others += sum(count for _, count in ranked[most:])
            self.counts = Counter(dict(ranked[:most]))


@dataclass
class Column:
    """A column of a window.

    A boolean is counted as the integer 0 or 1. Not-a-number and the infinities are no values: they are missing, and
    counted by name as well.

    Attributes:
        unknown: How many values are neither number nor text, such as lists.
        fractional: How many of the numbers have a fraction; 2.0 is a whole number, however it is stored.
        missing: Empty cells, and rows without the column; not-a-numbers and infinities among them.
        not_numbers: How many are not-a-number.
        infinities: How many are infinite.
        moments: Of the numbers.
        sketch: Of the numbers.
        categories: Of the texts.
    """

    unknown: int = 0
    fractional: int = 0
    missing: int = 0
    not_numbers: int = 0
    infinities: int = 0
    moments: Moments = field(default_factory=Moments)
    sketch: Sketch = field(default_factory=Sketch)
    categories: Categories = field(default_factory=Categories)

    @property
    def present(self) -> int:
        """How many values it has."""
        return self.moments.count + self.categories.count + self.unknown

    @property
    def kind(self) -> Kind:
        """What nine in ten of its values are: a whole number, a number, a text; unknown of no value."""
        if self.moments.count >= _MAJORITY * self.present > 0:
            return Kind.FRACTIONAL if self.fractional else Kind.INTEGRAL
        return Kind.STRING if self.categories.count + self.moments.count > self.unknown else Kind.UNKNOWN

    # Sums beyond the largest number, or of opposite infinities, are looked at and not warned of.
    @np.errstate(over="ignore", invalid="ignore")
    def add_numbers(self, values: npt.NDArray[np.float64], *, whole: bool) -> None:
        """Takes numbers; not-a-number and infinities may be among them.

        Args:
            values: The numbers.
            whole: Whether they are stored as whole numbers, so that nobody has to look.
        """
        if not whole and not math.isfinite(float(values.sum())):  # one pass without a copy tells of nearly all arrays
            finite = np.isfinite(values)
            bad = values[~finite]
            not_numbers = int(np.isnan(bad).sum())
            self.not_numbers += not_numbers
            self.infinities += len(bad) - not_numbers
            self.missing += len(bad)
            values = values[finite]
        if len(values) == 0:
            return
        if not whole:
            self.fractional += int(np.count_nonzero(values != np.floor(values)))
        self.moments.add(values)
        self.sketch.add(values)

    def add_texts(self, counts: Mapping[str, int]) -> None:
        """Takes texts by how often each occurs."""
        self.categories.add(counts)

    def add_missing(self, count: int) -> None:
        """Takes empty cells."""
        self.missing += count

    def add_unknown(self, count: int) -> None:
        """Takes values that are neither number nor text, such as lists."""
        self.unknown += count

    def merge(self, other: "Column") -> None:
        """Takes all that another one stands for."""
        self.unknown += other.unknown
        self.fractional += other.fractional
        self.missing += other.missing
        self.not_numbers += other.not_numbers
        self.infinities += other.infinities
        self.moments.merge(other.moments)
        self.sketch.merge(other.sketch)
        self.categories.merge(other.categories)


@dataclass
class Summary:
    """A window of data, in memory that does not grow with it.

    Attributes:
        rows: How many rows it has, those that could not be read not among them.
        columns: Its columns by name, in the order in which they were first seen; at most 2,000, and none whose name is
            longer than 256 characters. Cells of others are counted in `faults`.
        faults: What could not be read, by what is wrong with it, and how often.
        places: Of each fault that files have, the first three of them by name, in the order of their reading.
    """

    rows: int = 0
    columns: dict[str, Column] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)

    def place(self, fault: str, name: str) -> None:
        """Keeps where a fault is, if it is among the first three places.

        Args:
            fault: What is wrong.
            name: The file or folder.
        """
        kept = self.places.setdefault(fault, [])
        if len(kept) < _PLACES:
            kept.append(name)

    def column(self, name: str, *, cells: int) -> Column | None:
        """A column; one that is new was missing in all rows before.

        Args:
            name: Its name.
            cells: How many cells it is asked for: they are counted as left out, if it is not held.

        Returns:
            The column; None if its name is too long, or there are as many columns as there may be.
        """
        found = self.columns.get(name)
        if found is not None:
            return found
        if len(name) > LONGEST_TEXT:
            self._leave_out(f"cells of columns whose name is longer than {LONGEST_TEXT} characters", cells)
            return None
        if len(self.columns) >= COLUMNS:
            self._leave_out(f"cells of columns beyond the first {COLUMNS:,}", cells)
            return None
        # By its name, and not by its place: columns that are read in another order come down to the same. With one
        # seed for all, chance would err in all columns to the same side.
        seed = zlib.crc32(name.encode("utf-8", "surrogatepass"))
        self.columns[name] = Column(missing=self.rows, sketch=Sketch(seed=seed))
        return self.columns[name]

    def bound(self) -> None:
        """Sorts out the rarest texts of columns that have too many; for after each batch."""
        most = self.categories
        if most < CATEGORIES:
            for column in self.columns.values():
                column.categories.bound(most)

    @property
    def categories(self) -> int:
        """How many texts a column keeps: 10,000, or fewer if many columns have texts."""
        holding = sum(bool(column.categories.counts) for column in self.columns.values())
        return min(CATEGORIES, TEXTS // max(1, holding))

    def merge(self, other: "Summary") -> None:
        """Takes all that another one stands for; a column that only one has is missing in the other's rows."""
        for name, column in other.columns.items():
            held = self.column(name, cells=column.present)
            if held is not None:
                held.merge(column)
        for name, column in self.columns.items():
            if name not in other.columns:
                column.add_missing(other.rows)
        self.rows += other.rows
        self.faults.update(other.faults)
        for fault, names in other.places.items():
            for name in names:
                self.place(fault, name)
        self.bound()

    def _leave_out(self, fault: str, cells: int) -> None:
        if cells:
            self.faults[fault] += cells
