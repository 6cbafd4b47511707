"""What the runtime asks of a loaded model."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from runtime.columns import Column


class Predictor(Protocol):
    """A model in memory, as `serve.py`'s `load` gives it. Used by several threads at once."""

    @property
    def columns(self) -> Sequence[Column]:
        """The raw inputs of a row, in the order of a CSV row."""

    def predict(self, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One probability a row.

        The answer for a row does not depend on the other rows.

        Args:
            frame: Raw inputs, at least the model's columns; others are ignored.

        Raises:
            RowError: A row whose fields do not fit each other, such as 31 February.
        """


@runtime_checkable
class Explainable(Protocol):
    """A predictor that also says what its answers owe to the features."""

    def explain(self, frame: pl.DataFrame) -> pl.DataFrame:
        """SHAP values in the unit of the model's raw score: a column a feature, a row a row.

        Args:
            frame: Raw inputs, as `predict` takes them; at least one row.

        Raises:
            RowError: As `predict`.
        """
