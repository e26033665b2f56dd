"""The noise of asking again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from service.statistics.repeats import RepeatNoise, measure_repeats
from service.statistics.undefined import Undefined
from tests.statistics.arrays import take


def test_two_cases_by_hand() -> None:
    """Variances 0 and 2, mean 1. One run has 3 2 and the other 3 4, always: means 2.5 and 3.5.

    Against 1 5 (mean 3, variance 4): 3 2 has covariance 6.5 - 7.5 = -1, kappa -2 / (4 + 0.25 + 0.25) = -4/9; 3 4 +4/9.
    """
    noise = measure_repeats([[3, 3], [2, 4]], seed=1, reference=[1, 5])
    assert isinstance(noise, RepeatNoise)
    assert (noise.cases, noise.repeats, noise.changed) == (2, 2, 0.5)
    assert noise.deviation == pytest.approx(1.0)
    assert noise.mean_floor == pytest.approx(1.0)
    assert noise.kappa_floor == pytest.approx(8 / 9)


@pytest.mark.parametrize("repeats", [2, 5])
def test_the_floor_is_what_normal_noise_makes_it(repeats: int) -> None:
    """Two means over n cases with noise s differ with deviation s·sqrt(2/n); 1.96 of it is the floor, for any k."""
    levels = 3 + np.random.default_rng(1).normal(0, 0.3, (400, repeats))
    noise = measure_repeats(levels, seed=2, draws=8000)
    assert isinstance(noise, RepeatNoise)
    assert noise.deviation == pytest.approx(0.3, rel=0.05)
    assert noise.mean_floor == pytest.approx(1.96 * noise.deviation * math.sqrt(2 / 400), rel=0.05)


def test_a_grader_that_repeats_itself_has_no_noise() -> None:
    noise = measure_repeats(np.repeat([[1.3], [2.2], [4.9]], 3, axis=1), seed=1, reference=[1, 2, 5])
    assert noise == RepeatNoise(3, 3, 0.0, 0.0, 0.0, 0.0)


def test_the_same_seed_gives_the_same_floor() -> None:
    levels = np.random.default_rng(1).uniform(1, 5, (30, 4))
    reference = np.random.default_rng(2).uniform(1, 5, 30)
    whole = measure_repeats(levels, seed=2, reference=reference)
    assert whole == measure_repeats(levels, seed=2, reference=reference)
    assert whole != measure_repeats(levels, seed=3, reference=reference)
    assert isinstance(whole, RepeatNoise)
    assert take(whole.kappa_floor) > 0


def test_what_was_graded_once_shows_no_noise() -> None:
    assert isinstance(measure_repeats([[3], [4]], seed=1), Undefined)


def test_kappa_needs_a_reference_that_varies() -> None:
    for reference in (None, [3, 3]):
        noise = measure_repeats([[3, 4], [4, 4]], seed=1, reference=reference)
        assert isinstance(noise, RepeatNoise)
        assert isinstance(noise.kappa_floor, Undefined)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="filled array of 2 dimension"):
        measure_repeats([3, 4], seed=1)
    with pytest.raises(ValueError, match="one entry a case"):
        measure_repeats([[3, 4]], seed=1, reference=[1, 2])
    with pytest.raises(ValueError, match="draws"):
        measure_repeats([[3, 4]], seed=1, draws=0)
