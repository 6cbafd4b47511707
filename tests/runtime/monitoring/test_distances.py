"""Distances of distributions, against SciPy and against their definitions."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, kstwobign

from runtime.monitoring import distances
from runtime.monitoring.sketch import Distribution, Sketch

_NUMBERS = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=80)
_TEXTS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=80)


def _distribution(values: list[float]) -> Distribution:
    sketch = Sketch()
    sketch.add(np.array(values))
    return sketch.distribution()


@given(_NUMBERS, _NUMBERS)
def test_of_numbers_it_is_the_statistic_of_kolmogorov_and_smirnov(first: list[float], second: list[float]) -> None:
    found = distances.of_numbers(_distribution(first), _distribution(second))
    assert found.simple == pytest.approx(ks_2samp(first, second, method="asymp").statistic, abs=1e-12)


@given(st.floats(0, 1), st.integers(1, 10_000), st.integers(1, 10_000))
def test_chance_is_kolmogorovs_limit(distance: float, n: int, m: int) -> None:
    scaled = distance * math.sqrt(n * m / (n + m))
    assert distances._chance(distance, n, m) == pytest.approx(kstwobign.sf(scaled), abs=1e-9)


@given(_TEXTS, _TEXTS)
def test_of_categories_it_is_the_largest_difference_of_a_share(first: list[str], second: list[str]) -> None:
    one, other = Counter(first), Counter(second)
    found = distances.of_categories(one, other)
    shares = [(one[text] / len(first), other[text] / len(second)) for text in "abcdef"]
    assert found.simple == pytest.approx(max(abs(a - b) for a, b in shares))
    assert found.jensen_shannon == pytest.approx(
        jensenshannon([a for a, _ in shares], [b for _, b in shares], base=2), abs=1e-7
    )


@given(_NUMBERS, _NUMBERS)
def test_every_distance_is_the_same_both_ways_round_or_nearly(first: list[float], second: list[float]) -> None:
    there = distances.of_numbers(_distribution(first), _distribution(second))
    back = distances.of_numbers(_distribution(second), _distribution(first))
    assert there.simple == pytest.approx(back.simple)
    assert 0 <= there.robust <= there.simple <= 1
    assert 0 <= there.jensen_shannon <= 1
    assert there.stability_index >= 0


def test_a_sample_is_at_no_distance_from_itself() -> None:
    steps = _distribution([1.0, 2.0, 2.0, 5.0])
    found = distances.of_numbers(steps, steps)
    assert (found.simple, found.robust, found.jensen_shannon, found.stability_index) == (0, 0, 0, 0)
    assert found.chance == 1.0


def test_what_has_nothing_in_common_is_at_distance_1() -> None:
    found = distances.of_numbers(_distribution([0.0] * 500), _distribution([9.0] * 500))
    assert found.simple == 1
    assert found.jensen_shannon == pytest.approx(1)
    assert found.chance == pytest.approx(0, abs=1e-9)
    assert distances.of_categories({"a": 500}, {"b": 500}).jensen_shannon == pytest.approx(1)


def test_robust_takes_off_what_chance_makes_of_two_windows() -> None:
    # FORMULA: c * sqrt((n + m) / (n m)) with c = 1.8; of 1,000 and 1,000 values 0.0805.
    assert distances.robust(0.2, baseline=1000, current=1000) == pytest.approx(0.2 - 0.080498, abs=1e-6)
    assert distances.robust(0.05, baseline=1000, current=1000) == 0
    assert distances.robust(1.0, baseline=1000, current=0) == 0


def test_the_stability_index_is_that_of_its_definition() -> None:
    found = distances.of_categories({"a": 50, "b": 50}, {"a": 80, "b": 20})
    expected = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    assert found.stability_index == pytest.approx(expected)


def test_texts_that_are_not_told_apart_count_as_one() -> None:
    found = distances.of_categories({"a": 50}, {"a": 50}, others=(50, 0))
    assert found.simple == pytest.approx(0.5)
