"""A number that was measured on rows, and how sure it is."""

from collections.abc import Mapping
from dataclasses import dataclass

# The line of a monitor: by what share of the baseline, or by how much of a distance, the present may be off.
LINE = 0.10
# Of a bootstrap. Intervals over fewer units are far too narrow; of one unit, the width is 0.
FEWEST_UNITS = 8
# Of its resamples, in which a metric may be undefined: the spread of the rest would leave out the extremes.
MOST_UNDEFINED = 0.05


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
