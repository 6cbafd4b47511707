"""`statistics.json`: a window of data in the format of SageMaker Model Monitor.

Source: "Schema for statistics (statistics.json file)", Amazon SageMaker developer guide. Beside Model Monitor's fields
stand four of our own, which its tools pass over: `type_counts` of a feature, `other_count` of its categories (more
than 10,000 are not told apart), `faults` of the dataset (what could not be read, or is no value of its column), and its
`fault_places` (the first files of a fault).
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from runtime.errors import JobError
from runtime.monitoring.documents import document_text, read_model, refuse_twice
from runtime.monitoring.lines import NAMED, told
from runtime.monitoring.sketch import ITEMS, SHRINKING, Distribution, Sketch
from runtime.monitoring.summary import LONGEST_TEXT, Column, Kind, Summary

_BUCKETS = 10  # as Model Monitor has them, of equal width


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


_Count = Annotated[int, Field(ge=0, lt=2**63)]
# A number of JSON has no infinities: a sum beyond the largest float is no number.
_Number = Annotated[float | None, AfterValidator(_finite)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Common(_Part):
    """How many values a feature has, and how many rows are without."""

    num_present: _Count
    num_missing: _Count


class Bucket(_Part):
    """A range of numbers: its upper bound belongs to the next one, but for the last."""

    lower_bound: float
    upper_bound: float
    count: float


class Parameters(_Part):
    """How large the levels of a sketch are."""

    c: float = SHRINKING
    k: float = ITEMS


class SketchData(_Part):
    """The items of a sketch: one of level i stands for 2^i values."""

    parameters: Parameters = Parameters()
    # An item of level 63 stands for more values than anyone can count.
    data: Annotated[list[list[Annotated[float, Field(allow_inf_nan=False)]]], Field(max_length=64)]


class Kll(_Part):
    """The distribution of numbers."""

    buckets: list[Bucket] = []
    sketch: SketchData


class NumericalDistribution(_Part):
    """The distribution of numbers, by its only kind."""

    kll: Kll


class NumericalStatistics(_Part):
    """What the numbers of a feature come down to."""

    common: Common
    mean: _Number = None
    sum: _Number = None
    std_dev: _Number = None
    min: _Number = None
    max: _Number = None
    distribution: NumericalDistribution

    def steps(self) -> Distribution:
        """The distribution as steps."""
        levels = [np.array(items, dtype=np.float64) for items in self.distribution.kll.sketch.data]
        return Sketch(levels=levels or [np.empty(0)]).distribution()


class Category(_Part):
    """A text, and how often it occurs."""

    value: str
    count: _Count


class Categorical(_Part):
    """How often each text occurs."""

    buckets: list[Category]
    other_count: _Count = 0


class StringDistribution(_Part):
    """The distribution of texts, by its only kind."""

    categorical: Categorical


class StringStatistics(_Part):
    """What the texts of a feature come down to."""

    common: Common
    distinct_count: float | None = None
    distribution: StringDistribution | None = None

    def counts(self) -> tuple[Counter[str], int]:
        """How often each text occurs, and how often one that is not told apart."""
        if self.distribution is None:
            return Counter(), 0
        found = self.distribution.categorical
        return Counter({bucket.value: bucket.count for bucket in found.buckets}), found.other_count


class TypeCounts(_Part):
    """How many values are of each kind; what is no number at all, or infinite, is among the missing."""

    integral: _Count = 0
    fractional: _Count = 0
    string: _Count = 0
    unknown: _Count = 0
    not_a_number: _Count = 0
    infinite: _Count = 0


class Feature(_Part):
    """A column."""

    name: str
    inferred_type: Kind
    numerical_statistics: NumericalStatistics | None = None
    string_statistics: StringStatistics | None = None
    type_counts: TypeCounts | None = None

    @property
    def common(self) -> Common:
        """How many values it has, and how many rows are without; a feature without statistics has none of either."""
        found = self.numerical_statistics or self.string_statistics
        return found.common if found else Common(num_present=0, num_missing=0)


class Dataset(_Part):
    """All rows."""

    item_count: _Count
    faults: dict[str, int] = {}
    fault_places: dict[str, list[str]] = {}


class Statistics(_Part):
    """A window of data."""

    version: Annotated[float, Field(ge=0, lt=1)] = 0.0  # of Model Monitor's format: 0 is the only one there is
    dataset: Dataset
    features: list[Feature]

    def feature(self, name: str) -> Feature | None:
        """A feature by its name; None if there is none."""
        return next((feature for feature in self.features if feature.name == name), None)

    def text(self) -> str:
        """The file's content."""
        return document_text(self.model_dump(mode="json", exclude_none=True))


def statistics_of(summary: Summary) -> Statistics:
    """What a summary is as a document."""
    faults = summary.faults + _odd(summary)
    if cut := sum(column.categories.cut for column in summary.columns.values()):
        faults[f"ends of texts of more than {LONGEST_TEXT} characters"] += cut
    most = summary.categories
    return Statistics(
        dataset=Dataset(
            item_count=summary.rows,
            faults=dict(sorted(faults.items())),
            fault_places=dict(sorted(summary.places.items())),
        ),
        features=[_feature(name, column, most) for name, column in summary.columns.items()],
    )


def read_statistics(path: Path) -> Statistics:
    """Reads `statistics.json`, ours or Model Monitor's.

    Raises:
        JobError: It is missing, is none, or is of no use: without a row, with a column or a category twice, with
            numbers whose distribution is not there, or with counts that contradict each other.
    """
    found = read_model(path, Statistics)
    if found.dataset.item_count == 0:
        raise JobError(f"{path}: dataset.item_count is 0; accepted: statistics of one row or more.")
    refuse_twice(path, (feature.name for feature in found.features))
    for feature in found.features:
        numbers = feature.numerical_statistics
        if numbers and numbers.common.num_present and not any(numbers.distribution.kll.sketch.data):
            raise JobError(
                f"{path}: column {told(feature.name)} has {numbers.common.num_present} values and an empty sketch; "
                "accepted: a sketch of its numbers."
            )
        if said := _contradiction(feature, found.dataset.item_count):
            raise JobError(f"{path}: column {told(feature.name)} has {said}.")
    return found


def _contradiction(feature: Feature, rows: int) -> str:
    """What the counts of a column cannot all be, and what is accepted; empty if they can."""
    for each in (feature.numerical_statistics, feature.string_statistics):
        if each and (cells := each.common.num_present + each.common.num_missing) > rows:
            return f"num_present and num_missing of {cells} rows in all; accepted: the {rows} of dataset.item_count"
    counts, present = feature.type_counts, feature.common.num_present
    if counts and (typed := counts.integral + counts.fractional + counts.string + counts.unknown) != present:
        return f"type_counts of {typed} values in all; accepted: the {present} of num_present"
    found = feature.string_statistics.distribution if feature.string_statistics else None
    if found is None:
        return ""
    buckets, others = found.categorical.buckets, found.categorical.other_count
    if twice := [value for value, count in Counter(bucket.value for bucket in buckets).items() if count > 1]:
        return f"the category {told(twice[0])} more than once; accepted: each category once"
    if (texts := sum(bucket.count for bucket in buckets) + others) > rows:
        return f"categories of {texts} rows in all; accepted: at most the {rows} of dataset.item_count"
    return ""


def _odd(summary: Summary) -> Counter[str]:
    """What is no value of its column, by what it is and where; of many columns the worst are named."""
    found: Counter[str] = Counter()
    for what, count_of in _ODD.items():
        counts = Counter({name: count for name, column in summary.columns.items() if (count := count_of(column))})
        for place, (name, count) in enumerate(counts.most_common()):
            found[f"{what} {told(name) if place < NAMED else 'columns beyond those named'}"] += count
    return found


_NUMBERS = (Kind.INTEGRAL, Kind.FRACTIONAL)
_ODD: Mapping[str, Callable[[Column], int]] = {
    "infinities in": lambda column: column.infinities,
    "not-a-numbers in": lambda column: column.not_numbers,
    "values neither number nor text in": lambda column: column.unknown,
    "texts among the numbers of": lambda column: column.categories.count if column.kind in _NUMBERS else 0,
    "numbers among the other values of": lambda column: 0 if column.kind in _NUMBERS else column.moments.count,
}


def _feature(name: str, column: Column, categories: int) -> Feature:
    common = Common(num_present=column.present, num_missing=column.missing)
    moments, numbers, texts = column.moments, None, None
    if column.kind in _NUMBERS:
        numbers = NumericalStatistics(
            common=common,
            mean=moments.mean,
            sum=moments.mean * moments.count,
            std_dev=moments.standard_deviation,
            min=moments.low,
            max=moments.high,
            distribution=NumericalDistribution(kll=_kll(column)),
        )
    else:
        column.categories.trim(categories)
        ranked = sorted(column.categories.counts.items(), key=lambda item: (-item[1], item[0]))
        texts = StringStatistics(
            common=common,
            distinct_count=len(ranked),
            distribution=StringDistribution(
                categorical=Categorical(
                    buckets=[Category(value=text, count=count) for text, count in ranked],
                    other_count=column.categories.others,
                )
            ),
        )
    return Feature(
        name=name,
        inferred_type=column.kind,
        numerical_statistics=numbers,
        string_statistics=texts,
        type_counts=TypeCounts(
            integral=moments.count - column.fractional,
            fractional=column.fractional,
            string=column.categories.count,
            unknown=column.unknown,
            not_a_number=column.not_numbers,
            infinite=column.infinities,
        ),
    )


def _kll(column: Column) -> Kll:
    steps = column.sketch.distribution()
    low, high = column.moments.low, column.moments.high
    shares = np.linspace(0.0, 1.0, _BUCKETS + 1)
    edges = low * (1 - shares) + high * shares  # not `linspace` of the ends: their difference may be beyond a float
    if not np.all(np.diff(edges) > 0):
        edges = np.array([low, high])
    counts = np.histogram(steps.points, bins=edges, weights=steps.weights)[0] if low < high else [steps.count]
    return Kll(
        buckets=[
            Bucket(lower_bound=float(low), upper_bound=float(high), count=float(count))
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
        sketch=SketchData(data=[items.tolist() for items in column.sketch.levels]),
    )
