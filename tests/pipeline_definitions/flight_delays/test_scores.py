import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss

from pipeline_definitions.flight_delays.scores import (
    Floats,
    average_precisions,
    calibration,
    gains,
    losses,
    metrics,
)
from runtime.errors import JobError

GENERATOR = np.random.default_rng(5)
LABELS: Floats = (GENERATOR.random(2000) < 0.25).astype(np.float64)


def guesses(*, skill: float) -> Floats:
    """Probabilities that know something of the labels, of two digits, so that there are many ties."""
    noisy = 0.25 + skill * (LABELS - 0.25) + GENERATOR.normal(0, 0.2, len(LABELS))
    return np.asarray(np.round(np.clip(noisy, 0.01, 0.99), 2), dtype=np.float64)


DAYS = np.repeat(np.arange(20), 100)
BETTER = guesses(skill=0.3)
WORSE = guesses(skill=0.1)


def test_weighted_average_precision_is_that_of_drawn_rows() -> None:
    weights = GENERATOR.integers(0, 4, size=(5, len(LABELS))).astype(np.float64)
    drawn = [np.repeat(np.arange(len(LABELS)), row.astype(int)) for row in weights]
    wanted = [average_precision_score(LABELS[rows], BETTER[rows]) for rows in drawn]
    assert average_precisions(LABELS, BETTER, weights) == pytest.approx(wanted, abs=1e-12)


def test_losses_are_those_of_the_log_loss() -> None:
    assert losses(LABELS, BETTER).mean() == pytest.approx(log_loss(LABELS, BETTER), abs=1e-12)


def test_a_certain_mistake_has_a_finite_loss() -> None:
    assert np.isfinite(losses(np.array([1.0, 0.0]), np.array([0.0, 1.0]))).all()


def test_a_better_model_gains_and_a_worse_one_loses() -> None:
    up = gains(LABELS, BETTER, WORSE, days=DAYS, resamples=300, confidence=0.95, seed=1)
    down = gains(LABELS, WORSE, BETTER, days=DAYS, resamples=300, confidence=0.95, seed=1)
    for metric in ("average_precision", "log_loss"):
        assert 0 < up[metric].lower < up[metric].value < up[metric].upper
        assert down[metric].upper < 0


def test_the_same_model_gains_nothing_in_any_resample() -> None:
    same = gains(LABELS, BETTER, BETTER, days=DAYS, resamples=200, confidence=0.95, seed=1)
    assert {(gain.lower, gain.value, gain.upper) for gain in same.values()} == {(0.0, 0.0, 0.0)}


def test_the_same_seed_gives_the_same_interval() -> None:
    first = gains(LABELS, BETTER, WORSE, days=DAYS, resamples=250, confidence=0.9, seed=1)
    assert gains(LABELS, BETTER, WORSE, days=DAYS, resamples=250, confidence=0.9, seed=1) == first


def test_more_confidence_takes_a_wider_interval() -> None:
    narrow = gains(LABELS, BETTER, WORSE, days=DAYS, resamples=300, confidence=0.5, seed=1)["log_loss"]
    wide = gains(LABELS, BETTER, WORSE, days=DAYS, resamples=300, confidence=0.99, seed=1)["log_loss"]
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def test_the_interval_covers_the_spread_of_the_days_means() -> None:
    """For days of equally many rows, the bootstrap's interval is the normal one, up to the noise of its resamples."""
    means = (losses(LABELS, WORSE) - losses(LABELS, BETTER)).reshape(20, 100).mean(axis=1)
    half = 1.96 * means.std() / np.sqrt(len(means))
    interval = gains(LABELS, BETTER, WORSE, days=DAYS, resamples=5000, confidence=0.95, seed=1)["log_loss"]
    wanted = (means.mean() - half, means.mean() + half)
    assert (interval.lower, interval.upper) == pytest.approx(wanted, abs=0.1 * half)


def test_rows_that_share_their_day_tell_less_than_rows_of_days_of_their_own() -> None:
    shared = np.where(DAYS % 2 == 0, BETTER, WORSE)  # better on every other day, as in one kind of weather
    rows = np.arange(len(LABELS))
    together = gains(LABELS, shared, WORSE, days=DAYS, resamples=300, confidence=0.95, seed=1)
    apart = gains(LABELS, shared, WORSE, days=rows, resamples=300, confidence=0.95, seed=1)
    for metric in ("average_precision", "log_loss"):
        assert together[metric].lower < apart[metric].lower
        assert together[metric].upper > apart[metric].upper


def test_a_model_that_is_better_on_one_day_only_is_not_surely_better() -> None:
    lucky = np.where(DAYS == 7, 0.98 * LABELS + 0.01, WORSE)
    rows = np.arange(len(LABELS))
    by_days = gains(LABELS, lucky, WORSE, days=DAYS, resamples=300, confidence=0.95, seed=1)
    by_rows = gains(LABELS, lucky, WORSE, days=rows, resamples=300, confidence=0.95, seed=1)
    for metric in ("average_precision", "log_loss"):
        assert by_rows[metric].lower > 0, "drawn row by row, the one day would do"
        assert by_days[metric].lower <= 0


def test_days_count_by_their_rows() -> None:
    """The same gain in every row is the gain of every resample, however many rows its days have."""
    labels = np.tile([0.0, 1.0], 50)
    even, sure = np.full(100, 0.5), np.where(labels == 1, 0.8, 0.2)
    days = np.repeat(np.arange(8), [2, 4, 6, 8, 10, 20, 20, 30])
    gain = gains(labels, sure, even, days=days, resamples=200, confidence=0.95, seed=1)["log_loss"]
    assert (gain.lower, gain.value, gain.upper) == pytest.approx((np.log(0.8 / 0.5),) * 3, abs=1e-12)


def test_the_order_and_the_origin_of_the_days_do_not_matter() -> None:
    order = GENERATOR.permutation(len(LABELS))
    shuffled = gains(
        LABELS[order],
        BETTER[order],
        WORSE[order],
        days=DAYS[order] + 15_780,
        resamples=200,
        confidence=0.95,
        seed=1,
    )
    asis = gains(LABELS, BETTER, WORSE, days=DAYS, resamples=200, confidence=0.95, seed=1)
    for metric in ("average_precision", "log_loss"):
        assert shuffled[metric].lower == pytest.approx(asis[metric].lower, abs=1e-12)


def test_too_few_days_are_refused() -> None:
    gains(LABELS, BETTER, WORSE, days=DAYS % 8, resamples=200, confidence=0.95, seed=1)
    with pytest.raises(JobError, match="the test rows are of 7 days; accepted: 8 or more"):
        gains(LABELS, BETTER, WORSE, days=DAYS % 7, resamples=200, confidence=0.95, seed=1)


def test_calibration_bins_hold_every_row_once() -> None:
    bins = calibration(LABELS, BETTER)
    assert sum(bin_["share"] for bin_ in bins) == pytest.approx(1)
    assert sum(bin_["share"] * bin_["observed"] for bin_ in bins) == pytest.approx(LABELS.mean())


def test_probabilities_that_say_what_happens_are_calibrated() -> None:
    assert metrics(LABELS, LABELS)["calibration_error"] == 0
    assert metrics(LABELS, np.full(len(LABELS), 0.75))["calibration_error"] == pytest.approx(0.75 - LABELS.mean())
