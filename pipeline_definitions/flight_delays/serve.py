"""The model in memory."""

import json
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
import polars as pl

from runtime.columns import Column
from runtime.errors import JobError, RowError
from runtime.monitoring.attribution import contributions

from .encoding import Encoding
from .features import INPUTS, date, features


class LateFlights:
    """Gives the probability that a flight arrives more than 15 minutes late.

    Args:
        booster: The trees.
        encoding: How the features become numbers.
    """

    def __init__(self, *, booster: lightgbm.Booster, encoding: Encoding) -> None:
        self._booster = booster
        self._encoding = encoding

    @property
    def columns(self) -> Sequence[Column]:
        """The raw inputs of a row."""
        return INPUTS

    def predict(self, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One probability a row, each by itself.

        Raises:
            RowError: A date that does not exist, or a time of day with more than 59 minutes.
        """
        _check(frame)
        matrix = self._encoding.matrix(features(frame))
        # One thread: requests are small, and several of them run at once.
        return np.asarray(self._booster.predict(matrix, num_threads=1), dtype=np.float64)

    def explain(self, frame: pl.DataFrame) -> pl.DataFrame:
        """SHAP values, in log odds.

        Raises:
            RowError: As `predict`.
        """
        _check(frame)
        values, _ = contributions(self._booster, self._encoding.matrix(features(frame)))
        return pl.DataFrame(values, schema=list(self._encoding.columns))


def load(folder: Path) -> LateFlights:
    """Reads the model that `train` wrote to `folder`.

    Raises:
        JobError: A file is missing.
    """
    for name in ("model.txt", "model.json"):
        if not (folder / name).is_file():
            raise JobError(f"the model has no {name}.")
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return LateFlights(
        booster=lightgbm.Booster(model_file=folder / "model.txt"),
        encoding=Encoding(columns=content["columns"], vocabularies=content["vocabularies"]),
    )


def _check(frame: pl.DataFrame) -> None:
    faults = {
        "day": (date().is_null(), "is no day of that month"),
        "sched_dep_time": (pl.col("sched_dep_time") % 100 > 59, "has more than 59 minutes"),
        "sched_arr_time": (pl.col("sched_arr_time") % 100 > 59, "has more than 59 minutes"),
    }
    for field, (fault, problem) in faults.items():
        rows = frame.select(fault.arg_true()).to_series()
        if not rows.is_empty():
            row = int(rows[0])
            raise RowError(row=row, field=field, problem=f"is {frame[field][row]}, which {problem}")
