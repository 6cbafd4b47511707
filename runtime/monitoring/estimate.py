"""A number that was measured on rows, and how sure it is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The line of a monitor: by what share of the baseline, or by how much of a distance, the present may be off.
LINE = 0.10
# Of a bootstrap. Intervals over fewer units are far too narrow; of one unit, the width is 0.
FEWEST_UNITS = 8
# Of its resamples, in which a metric may be undefined: the spread of the rest would leave out the extremes.
MOST_UNDEFINED = 0.05


@dataclass(frozen=True, kw_only=True)
class Resamples:
    """What a bootstrap draws; what it makes an interval of is for each kind of metric to say.

    Attributes:
        resamples: How many to draw.
        confidence: Level of the central interval, between 0 and 1.
        seed: Of the units drawn: the same seed draws the same ones.

    Raises:
        ValueError: There are fewer than 2 resamples, or the confidence is not between 0 and 1.
    """

    resamples: int = 200
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 2:
            raise ValueError(f"resamples is {self.resamples}; accepted: 2 or more")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; accepted: a number between 0 and 1")


def defined(resampled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """The resamples in which a metric has a value; None if it has none in more than 5 % of them, or there are no two.

    Args:
        resampled: The metric of each resample, NaN where it has no value, shape (resamples,).
    """
    found = resampled[np.isfinite(resampled)]
    return found if len(found) >= max(2, (1 - MOST_UNDEFINED) * len(resampled)) else None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric of a window.

    Attributes:
        value: The metric on the rows; None where it has none, such as a recall without a positive label.
        standard_deviation: Its standard deviation over bootstrap samples of the rows; None where there is none.
        lower: Lower end of its confidence interval; None where there is none.
        upper: Upper end.
    """

    value: float | None
    standard_deviation: float | None = None
    lower: float | None = None
    upper: float | None = None

    def document(self) -> Mapping[str, float | None]:
        """As SageMaker Model Monitor writes a metric (`value`, `standard_deviation`), and the interval beside it."""
        return {
            "value": self.value,
            "standard_deviation": self.standard_deviation,
            "lower_confidence": self.lower,
            "upper_confidence": self.upper,
        }
