"""Features → the numbers a booster reads. What it knows of categories, it learned from the training rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from .features import CATEGORIES


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """The columns of the matrix and the codes of the categories.

    Attributes:
        columns: Names of the features, in the order of the matrix's columns.
        vocabularies: Categories that the training rows have, sorted; a category's code is its place.
    """

    columns: Sequence[str]
    vocabularies: Mapping[str, Sequence[str]]

    @classmethod
    def learned(cls, features: pl.DataFrame) -> "Encoding":
        """The encoding that training rows give."""
        return cls(
            columns=tuple(features.columns),
            vocabularies={name: tuple(features[name].drop_nulls().unique().sort().to_list()) for name in CATEGORIES},
        )

    @property
    def categorical(self) -> list[int]:
        """Places of the columns that hold codes."""
        return [place for place, name in enumerate(self.columns) if name in self.vocabularies]

    def matrix(self, features: pl.DataFrame) -> npt.NDArray[np.float64]:
        """Rows by columns. A null is NaN; so is a category that the training rows did not have."""
        return features.select(self._column(name) for name in self.columns).to_numpy().astype(np.float64, order="C")

    def _column(self, name: str) -> pl.Expr:
        if name not in self.vocabularies:
            return pl.col(name).cast(pl.Float64).fill_null(float("nan"))
        words = list(self.vocabularies[name])
        codes = [float(code) for code in range(len(words))]
        return pl.col(name).replace_strict(words, codes, default=float("nan"), return_dtype=pl.Float64)
