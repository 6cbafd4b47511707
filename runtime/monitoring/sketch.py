"""The distribution of a column in bounded memory: a KLL sketch, which can be merged with others.

Karnin, Lang and Liberty, "Optimal Quantile Approximation in Streams" (2016). The `statistics.json` of SageMaker Model
Monitor holds the same sketch: `data` has the items of each level, and an item of level i stands for 2^i values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# As Model Monitor writes them: items of the largest level, and by what the levels below it are smaller.
ITEMS, SHRINKING = 2048, 0.64
_IN_FULL = 1 << 20  # values until which each is looked at
_SMALLEST = 8  # items of a level, below which compacting costs more than it saves


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A sketch as steps of a cumulative distribution.

    Attributes:
        points: Where it steps, ascending and each once.
        weights: How many values stand at each point.
        coarseness: About the largest share of the values by which a step is off; 0 where every value is known.
    """

    points: Floats
    weights: Floats
    coarseness: float = 0.0

    @property
    def count(self) -> float:
        """How many values it stands for."""
        return float(self.weights.sum())

    def cumulated(self, at: Floats) -> Floats:
        """The share of values up to and including each of `at`; the distribution is not empty."""
        below = np.concatenate((np.zeros(1), np.cumsum(self.weights)))
        shares: Floats = below[np.searchsorted(self.points, at, side="right")] / below[-1]
        return shares

    def quantiles(self, shares: Sequence[float]) -> Floats:
        """The smallest points up to which each of `shares` of the values lie; the distribution is not empty."""
        cumulated = np.cumsum(self.weights)
        indices = np.searchsorted(cumulated, np.asarray(shares) * cumulated[-1] * (1 - 1e-12), side="left")
        found: Floats = self.points[np.minimum(indices, len(self.points) - 1)]
        return found


@dataclass
class Sketch:
    """Quantiles of the values that it was given; a rank is off by about 0.1 % of them, and by nothing up to 2,048.

    Which items are dropped is drawn with a fixed seed: the same values in the same order give the same sketch.

    Attributes:
        levels: The items of each level, sorted.
        seed: Of what is drawn, 0 or more. Sketches of several columns need several, or all of them err alike.
    """

    levels: list[Floats] = field(default_factory=lambda: [np.empty(0)])
    seed: int = 20130101
    _random: np.random.Generator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    @property
    def count(self) -> int:
        """How many values it stands for."""
        return sum(len(items) << level for level, items in enumerate(self.levels))

    def add(self, values: Floats) -> None:
        """Takes finite values in any order.

        From the first million on it looks at one in two, of the values after two million at one in four, and so on: by
        then a value more or less is of no weight, and sorting is most of the work.
        """
        level = max(0, (self.count // _IN_FULL).bit_length())
        blocks = len(values) >> level
        if level and blocks:
            chosen = values[: blocks << level].reshape(blocks, 1 << level)
            drawn = chosen[np.arange(blocks), self._random.integers(1 << level, size=blocks)]
            self._merge_level(level, np.sort(drawn))
            values = values[blocks << level :]
        self._merge_level(0, np.sort(values))
        self._compress()

    def merge(self, other: "Sketch") -> None:
        """Takes all that another sketch stands for."""
        for level, items in enumerate(other.levels):
            self._merge_level(level, items)
        self._compress()

    def distribution(self) -> Distribution:
        """The steps of the cumulative distribution."""
        items = np.concatenate(self.levels)
        weights = np.concatenate([np.full(len(each), float(1 << level)) for level, each in enumerate(self.levels)])
        points, index = np.unique(items, return_inverse=True)
        summed: Floats = np.bincount(index, weights=weights, minlength=len(points)).astype(np.float64)
        # An item of the largest level stands for itself and its neighbours, and so did those that it was drawn from:
        # twice its weight is what a rank was off by at most in trials of all shapes and sizes.
        coarseness = 2 * ((1 << (len(self.levels) - 1)) - 1) / self.count if self.count else 0.0
        return Distribution(points=points, weights=summed, coarseness=coarseness)

    def _merge_level(self, level: int, items: Floats) -> None:
        while len(self.levels) <= level:
            self.levels.append(np.empty(0))
        here = self.levels[level]
        if len(here) == 0:
            self.levels[level] = np.asarray(items, dtype=np.float64)
        elif len(items):
            # Two sorted runs: the stable sort finds them, and merges.
            self.levels[level] = np.sort(np.concatenate((here, items)), kind="stable")

    def _compress(self) -> None:
        level = 0
        while level < len(self.levels):
            full = len(self.levels[level]) > self._capacity(level)
            if full:
                self._compact(level)
            # A level more makes those below it smaller: look at all of them again.
            level = 0 if full else level + 1

    def _capacity(self, level: int) -> int:
        return max(_SMALLEST, int(ITEMS * SHRINKING ** (len(self.levels) - 1 - level)))

    def _compact(self, level: int) -> None:
        """Hands every other item on, for twice its weight; an odd one stays, so that the count is exact."""
        items = self.levels[level]
        kept = items[:0]
        if len(items) % 2:
            # Either end, by chance: the one in the middle would pull the rest apart.
            if self._random.integers(2):
                kept, items = items[:1], items[1:]
            else:
                kept, items = items[-1:], items[:-1]
        self.levels[level] = kept
        self._merge_level(level + 1, items[int(self._random.integers(2)) :: 2])
