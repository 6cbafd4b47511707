"""The sketch of a column: what it knows of the distribution that it stands for."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.monitoring.sketch import ITEMS, Floats, Sketch

_NUMBERS = st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=300)


def _sketch(values: Floats, *, parts: int = 1) -> Sketch:
    sketch = Sketch()
    for part in np.array_split(values, parts):
        sketch.add(part)
    return sketch


def _largest_error(sketch: Sketch, values: Floats) -> float:
    """The largest difference between the sketch's cumulative distribution and the true one, anywhere."""
    points = np.unique(values)
    true = np.searchsorted(np.sort(values), points, side="right") / len(values)
    return float(np.abs(sketch.distribution().cumulated(points) - true).max())


@given(_NUMBERS, st.integers(1, 5))
def test_of_a_few_values_it_knows_everything(values: list[float], parts: int) -> None:
    array = np.array(values)
    steps = _sketch(array, parts=parts).distribution()
    points, counts = np.unique(array, return_counts=True)
    assert steps.points.tolist() == points.tolist()
    assert steps.weights.tolist() == counts.tolist()
    assert steps.coarseness == 0


@pytest.mark.parametrize("shape", ["normal", "lognormal", "ties", "ascending", "descending", "alternating"])
@pytest.mark.parametrize("rows", [10_000, 1_500_000])
def test_of_many_a_rank_is_off_by_a_third_of_a_percent_at_most(shape: str, rows: int) -> None:
    random = np.random.default_rng(7)
    shapes: dict[str, Callable[[], Floats]] = {
        "normal": lambda: random.normal(size=rows),
        "lognormal": lambda: random.lognormal(sigma=3.0, size=rows),
        "ties": lambda: random.integers(0, 20, size=rows).astype(np.float64),
        "ascending": lambda: np.arange(rows, dtype=np.float64),
        "descending": lambda: np.arange(rows, 0, -1, dtype=np.float64),
        "alternating": lambda: np.tile(np.array([0.0, 1.0]), rows // 2),
    }
    values = shapes[shape]()
    sketch = _sketch(values, parts=20)
    assert sketch.count == rows
    assert sum(len(items) for items in sketch.levels) < 4 * ITEMS
    assert _largest_error(sketch, values) < 0.0034


def test_parts_of_a_day_merge_to_the_day() -> None:
    values = np.random.default_rng(3).gamma(2.0, size=400_000)
    whole = Sketch()
    for part in np.array_split(values, 4):
        whole.merge(_sketch(part, parts=3))
    assert whole.count == len(values)
    assert _largest_error(whole, values) < 0.0034


@given(_NUMBERS, st.lists(st.floats(0.001, 1.0), min_size=1, max_size=5))
def test_a_quantile_has_its_share_of_the_values_up_to_it_and_no_value_less(
    values: list[float], shares: list[float]
) -> None:
    array = np.array(values)
    for share, quantile in zip(shares, _sketch(array).distribution().quantiles(shares), strict=True):
        assert np.mean(array <= quantile) >= share - 1e-9
        assert np.mean(array < quantile) < share + 1e-9


def test_it_says_by_how_much_a_step_may_be_off() -> None:
    values = np.random.default_rng(11).normal(size=60_000)
    steps = _sketch(values).distribution()
    ordered = np.sort(values)
    true = np.searchsorted(ordered, steps.points, side="right") / len(values)
    off = float(np.abs(steps.cumulated(steps.points) - true).max())
    assert 0 < off <= steps.coarseness < 0.002


def test_the_same_values_give_the_same_sketch() -> None:
    values = np.random.default_rng(5).normal(size=300_000)
    first, second = (_sketch(values, parts=9).levels for _ in range(2))
    assert [items.tolist() for items in first] == [items.tolist() for items in second]
