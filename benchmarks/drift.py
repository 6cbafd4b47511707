"""How often the Robust distance gives a false alarm, and how small a shift it sees.

    python benchmarks/drift.py [--windows 2000] [--baseline 60000]

Draws windows of traffic from the baseline's own distribution, and from ones that have moved, and counts in how many of
them a feature's robust distance is above 0 (`any`) and above the line of 0.10 (`line`). A shift of a number is in
standard deviations; a shift of categories is the share that moves from the largest to the smallest of eight.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from runtime.monitoring import distances  # noqa: E402 - the checkout is not an installed package
from runtime.monitoring.sketch import Distribution, Floats, Sketch  # noqa: E402

_WINDOWS_OF = (500, 2_000, 10_000)
_SHIFTS, _SHARES = (0.0, 0.1, 0.25, 0.5, 1.0), (0.0, 0.05, 0.15, 0.25, 0.4)
_CATEGORIES = np.array([0.45, 0.2, 0.1, 0.08, 0.07, 0.05, 0.03, 0.02])
_LINE = 0.10


def _steps(values: Floats) -> Distribution:
    sketch = Sketch()
    sketch.add(values)
    return sketch.distribution()


def of_numbers(random: np.random.Generator, rows: int, shift: float, baseline: Distribution) -> float:
    """The robust distance of a window of numbers."""
    return distances.of_numbers(baseline, _steps(random.normal(shift, size=rows))).robust


def of_categories(random: np.random.Generator, rows: int, shift: float, baseline: Counter[str]) -> float:
    """The robust distance of a window of categories."""
    return distances.of_categories(baseline, _counted(random, rows, shift)).robust


def _counted(random: np.random.Generator, rows: int, shift: float) -> Counter[str]:
    shares = _CATEGORIES.copy()
    shares[0] -= shift
    shares[-1] += shift
    return Counter({str(name): int(count) for name, count in enumerate(random.multinomial(rows, shares)) if count})


def _print(title: str, shifts: tuple[float, ...], windows: int, draw: Callable[[int, float], float]) -> None:
    print(f"\n{title}: share of {windows:,} windows whose distance is above 0, and above {_LINE:g}")
    print("window " + "".join(f"{f'shift {shift:g}':>20}" for shift in shifts))
    for rows in _WINDOWS_OF:
        cells = []
        for shift in shifts:
            found = np.array([draw(rows, shift) for _ in range(windows)])
            cells.append(f"{np.mean(found > 0):9.2%} {np.mean(found > _LINE):9.2%} ")
        print(f"{rows:>6,} " + "".join(f"{cell:>20}" for cell in cells), flush=True)


def main() -> None:
    """Prints a table for numbers and one for categories."""
    parser = argparse.ArgumentParser(description="rates of the Robust distance")
    parser.add_argument("--windows", type=int, default=2_000, help="windows a cell")
    parser.add_argument("--baseline", type=int, default=60_000, help="rows of the baseline")
    arguments = parser.parse_args()
    random = np.random.default_rng(20130101)
    # A baseline is drawn anew for every window: the rate is over both.
    _print(
        "numbers",
        _SHIFTS,
        arguments.windows,
        lambda rows, shift: of_numbers(random, rows, shift, _steps(random.normal(size=arguments.baseline))),
    )
    _print(
        "categories",
        _SHARES,
        arguments.windows,
        lambda rows, shift: of_categories(random, rows, shift, _counted(random, arguments.baseline, 0.0)),
    )


if __name__ == "__main__":
    main()
