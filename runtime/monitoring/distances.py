"""How far two distributions are from each other.

The L-infinity distance is Model Monitor's: of numbers the largest gap of the cumulative distributions, of categories
the largest difference of a share. `robust` takes off what chance alone makes of it (deequ, `Distance.scala`, from which
Model Monitor has it). The others are additions, for reports.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from runtime.monitoring.sketch import Distribution, Floats

_CHANCE = 1.8  # deequ's factor: chance alone exceeds it in 3 of 1,000 windows (Kolmogorov's limit at 1.8)
_BINS = 10  # of the population stability index: the baseline's deciles
_LEAST = 1e-4  # share that an empty bin is taken for, or the index would be infinite


@dataclass(frozen=True, kw_only=True)
class Distances:
    """How far a feature is from its baseline.

    Attributes:
        simple: L-infinity distance, 0 to 1.
        robust: The same less what chance makes of it, and less what sketches may be off by, 0 to 1.
        jensen_shannon: Jensen-Shannon distance, 0 to 1 (the root of the divergence to the base of 2).
        stability_index: Population stability index, from 0 on.
        chance: How likely chance alone makes a distance as large as `simple` or larger (Kolmogorov-Smirnov, for large
            samples); None of categories, where it is no probability.
    """

    simple: float
    robust: float
    jensen_shannon: float
    stability_index: float
    chance: float | None


def robust(distance: float, *, baseline: float, current: float) -> float:
    """An L-infinity distance less what chance makes of it, not below 0.

    Args:
        distance: The distance.
        baseline: How many values the one side has.
        current: How many values the other side has.
    """
    if baseline <= 0 or current <= 0:
        return 0.0
    return max(0.0, distance - _CHANCE * math.sqrt((baseline + current) / (baseline * current)))


def of_numbers(baseline: Distribution, current: Distribution) -> Distances:
    """The distances of two distributions of numbers, neither of them empty."""
    points = np.union1d(baseline.points, current.points)
    simple = float(np.abs(baseline.cumulated(points) - current.cumulated(points)).max())
    n, m = baseline.count, current.count
    # Steps of the baseline that halve, quarter, … it: of few different values fewer than ten bins.
    edges = np.unique(baseline.quantiles([(step + 1) / _BINS for step in range(_BINS - 1)]))
    shares = [_shares(side, edges) for side in (baseline, current)]
    return Distances(
        simple=simple,
        robust=robust(simple - baseline.coarseness - current.coarseness, baseline=n, current=m),
        jensen_shannon=_jensen_shannon(*shares),
        stability_index=_stability_index(*shares),
        chance=_chance(simple, n, m),
    )


def of_categories(
    baseline: Mapping[str, int], current: Mapping[str, int], *, others: tuple[int, int] = (0, 0)
) -> Distances:
    """The distances of two distributions of texts, neither of them empty.

    Args:
        baseline: Occurrences by text.
        current: Occurrences by text.
        others: Occurrences of texts that are not told apart, of each side; they are taken for one text.
    """
    texts = sorted({*baseline, *current})
    counts = np.array([[side.get(text, 0) for text in texts] for side in (baseline, current)], dtype=np.float64)
    counts = np.column_stack((counts, np.array(others, dtype=np.float64)))
    n, m = counts.sum(axis=1)
    first, second = counts[0] / n, counts[1] / m
    simple = float(np.abs(first - second).max())
    return Distances(
        simple=simple,
        robust=robust(simple, baseline=float(n), current=float(m)),
        jensen_shannon=_jensen_shannon(first, second),
        stability_index=_stability_index(first, second),
        chance=None,
    )


def _shares(side: Distribution, edges: Floats) -> Floats:
    bounds = np.concatenate((np.zeros(1), side.cumulated(edges), np.ones(1)))
    return np.diff(bounds)


def _jensen_shannon(first: Floats, second: Floats) -> float:
    middle = (first + second) / 2
    divergence = (_divergence(first, middle) + _divergence(second, middle)) / 2
    return math.sqrt(min(1.0, max(0.0, divergence)))


def _divergence(of: Floats, from_: Floats) -> float:
    held = of > 0
    return float((of[held] * np.log2(of[held] / from_[held])).sum())


def _stability_index(first: Floats, second: Floats) -> float:
    held = (first > 0) | (second > 0)
    one, other = np.maximum(first[held], _LEAST), np.maximum(second[held], _LEAST)
    return float(((other - one) * np.log(other / one)).sum())


def _chance(distance: float, baseline: float, current: float) -> float:
    """Kolmogorov's limit distribution, summed until its terms are nothing."""
    scaled = distance * math.sqrt(baseline * current / (baseline + current))
    if scaled < 0.2:  # there the sum is 1 to twelve digits, and slow to say so
        return 1.0
    terms = [(-1.0) ** (k - 1) * math.exp(-2.0 * k * k * scaled * scaled) for k in range(1, 101)]
    return min(1.0, max(0.0, 2.0 * math.fsum(terms)))
