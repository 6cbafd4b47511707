"""A number that was measured on rows, and how sure it is."""

from collections.abc import Mapping
from dataclasses import dataclass


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
