"""Tables for the tests of monitors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from runtime.monitoring.statistics import Statistics, statistics_of
from runtime.monitoring.summary import Summary
from runtime.monitoring.tables import summarized

Columns = dict[str, Sequence[object]]


def normal(rows: int, *, seed: int = 1, mean: float = 0.0) -> list[float]:
    """Numbers of a normal distribution."""
    return [float(value) for value in np.random.default_rng(seed).normal(mean, size=rows)]


def parquet(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """A file of Parquet."""
    pl.DataFrame(dict(columns)).write_parquet(path)
    return path


def summary_of(folder: Path, columns: Mapping[str, Sequence[object]]) -> Summary:
    """What a table comes down to."""
    return summarized([parquet(folder / "table.parquet", columns)])


def statistics(folder: Path, columns: Mapping[str, Sequence[object]]) -> Statistics:
    """The statistics of a table."""
    return statistics_of(summary_of(folder, columns))
