"""The flights of the months after those that the first version was trained on, as production's endpoint is asked.

Not shipped to jobs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from .data import dataset
from .features import INPUTS, LABEL, date
from .prepare import TIME_ORDER, labelled
from .scores import Floats, metrics

MONTHS = (4, 5, 6, 7, 8, 9, 10, 11, 12)
STATIONARY = 1  # the month that a stream without drift is drawn from
FLIGHTS = (
    8_000  # of a month, of about 28,000: each second or fourth, drawn at random and asked in the order of departure
)
SCORES = ("average_precision", "log_loss", "roc_auc")
_HOUR, _WEEKDAY = "hour of departure", "weekday"


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month of flights.

    Attributes:
        name: Such as 2013-04.
        rows: The raw inputs of a flight, as a line of a request has them, in the order of departure.
        labels: Whether each was late, 0 or 1.
        of_all: How many flights of the month have an arrival.
        slots: Hour of the day and weekday of each departure.
    """

    name: str
    rows: tuple[str, ...]
    labels: tuple[int, ...]
    of_all: int
    slots: pl.DataFrame

    def quality(self, probabilities: Sequence[float]) -> dict[str, float]:
        """How good probabilities for these flights are: average precision, log loss and ROC AUC."""
        measured = metrics(np.array(self.labels, dtype=np.float64), np.array(probabilities, dtype=np.float64))
        return {name: measured[name] for name in SCORES}

    def seasonal_naive(self, before: "Month") -> Floats:
        """What anybody could say who knew the month before: the share of late flights at that hour on that weekday.

        A share of few flights is drawn to that of all: as if ten more had been seen, as late as flights are on average.
        """
        known = before.slots.with_columns(pl.Series(LABEL, before.labels))
        overall = float(np.mean(before.labels))
        shares = known.group_by(_HOUR, _WEEKDAY).agg(
            ((pl.col(LABEL).sum() + 10 * overall) / (pl.len() + 10)).alias("said")
        )
        said = self.slots.join(shares, on=[_HOUR, _WEEKDAY], how="left", maintain_order="left")["said"]
        probabilities: Floats = said.fill_null(overall).to_numpy()
        return probabilities


def months(folder: Path) -> tuple[Month, ...]:
    """April to December.

    Args:
        folder: Where the raw flights are written to.
    """
    flights = _flights(folder, MONTHS)
    return tuple(_month(flights.filter(pl.col("month") == number), seed=number) for number in MONTHS)


def trained_on(folder: Path) -> Month:
    """March, which is known when April begins.

    Args:
        folder: Where the raw flights are written to.
    """
    return _month(_flights(folder, (3,)), seed=3)


def stationary(folder: Path, *, windows: int, rows: int) -> tuple[Month, ...]:
    """January, drawn anew with replacement for each window: traffic that never drifts.

    No run trains on it, since the dataset has its flights.

    Args:
        folder: Where the raw flights are written to.
        windows: How many.
        rows: Of how many flights each.
    """
    flights = _flights(folder, (STATIONARY,))
    return tuple(_month(flights, seed=number, rows=rows, again=True) for number in range(windows))


def _flights(folder: Path, numbers: Sequence[int]) -> pl.DataFrame:
    return labelled(dataset(folder=folder, months=numbers).folder)


def _month(flights: pl.DataFrame, *, seed: int, rows: int = FLIGHTS, again: bool = False) -> Month:
    drawn = flights.sample(min(rows, flights.height), seed=seed, with_replacement=again)
    ordered = drawn.sort(TIME_ORDER, maintain_order=True)
    inputs = ordered.select(column.name for column in INPUTS).to_dicts()
    year, number = ordered.select("year", "month").row(0)
    return Month(
        name=f"{year}-{number:02d}",
        rows=tuple(json.dumps({name: value for name, value in row.items() if value is not None}) for row in inputs),
        labels=tuple(int(late) for late in ordered[LABEL]),
        of_all=flights.height,
        slots=ordered.select((pl.col("sched_dep_time") // 100).alias(_HOUR), date().dt.weekday().alias(_WEEKDAY)),
    )
