"""A change split into its steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.statistics.comparison import compare_paired
from service.statistics.decomposition import Run, compute_noise_share, decompose_change
from service.statistics.undefined import Undefined
from tests.statistics.arrays import draw_pair, take


def make_runs(seed: int, count: int) -> list[Run]:
    return [Run(f"factor {place}", draw_pair(seed, noise=0.4 + 0.1 * place)[1]) for place in range(count)]


@given(st.integers(0, 1000), st.integers(2, 5))
@settings(max_examples=15)
def test_the_steps_add_up_to_the_total(seed: int, count: int) -> None:
    reference, _, clusters = draw_pair(seed)
    split = decompose_change(reference, make_runs(seed, count), clusters, seed=1)
    assert [step.factor for step in split.steps] == [f"factor {place}" for place in range(1, count)]
    for quantity in ("kappa", "mean_level"):
        steps = [take(getattr(step, quantity).difference) for step in split.steps]
        assert sum(steps) == pytest.approx(take(getattr(split.total, quantity).difference), abs=1e-12)
    for before, after in zip(split.steps, split.steps[1:], strict=False):
        assert before.kappa.second == after.kappa.first


def test_a_step_is_the_paired_comparison_of_its_two_runs() -> None:
    reference, _, clusters = draw_pair(3)
    runs = make_runs(3, 3)
    split = decompose_change(reference, runs, clusters, seed=8)
    comparison = compare_paired(reference, runs[1].graded, runs[2].graded, clusters, seed=8)
    assert split.steps[1].kappa.difference == comparison.kappa.difference
    assert isinstance(split.steps[1].kappa_noise_share, Undefined)
    interval, expected = split.steps[1].kappa.interval, comparison.kappa.interval
    assert not isinstance(interval, Undefined)
    assert not isinstance(expected, Undefined)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert split.total.factor == "factor 0 to factor 2"


def test_a_step_that_changes_nothing_is_nothing() -> None:
    reference, graded, clusters = draw_pair(3)
    split = decompose_change(reference, [Run("a", graded), Run("b", graded)], clusters, seed=1, kappa_floor=0.02)
    assert split.steps[0].kappa.difference == 0.0
    assert split.steps[0].kappa_noise_share == Undefined("Nothing changed, so there is nothing to explain.")


@pytest.mark.parametrize(
    ("difference", "floor", "share"), [(0.10, 0.02, 0.2), (-0.10, 0.02, 0.2), (0.01, 0.02, 1.0), (0.1, 0.0, 0.0)]
)
def test_the_noise_share(difference: float, floor: float, share: float) -> None:
    assert compute_noise_share(difference, floor) == pytest.approx(share)


def test_the_noise_share_of_the_undefined_keeps_its_reason() -> None:
    reason = Undefined("No kappa.")
    assert compute_noise_share(reason, 0.02) == reason
    assert compute_noise_share(0.1, reason) == reason


def test_one_run_is_no_chain_and_a_bad_run_is_named() -> None:
    reference, graded, clusters = draw_pair(3)
    with pytest.raises(ValueError, match="at least two"):
        decompose_change(reference, [Run("a", graded)], clusters, seed=1)
    with pytest.raises(ValueError, match=r"run 2 \(model\): levels lie between"):
        decompose_change(reference, [Run("a", graded), Run("model", np.full(280, 6.0))], clusters, seed=1)
