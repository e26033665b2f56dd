"""Intervals: against scipy's, and where there is little or nothing to resample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from service.statistics.agreement import measure_interval
from service.statistics.bootstrap import (
    Interval,
    compute_interval,
    compute_p_below,
    count_effective,
    resample_clusters,
)
from service.statistics.distributions import compute_t_probability
from service.statistics.moments import KAPPA, MEAN_ERROR, sum_pairs
from service.statistics.undefined import Undefined
from tests.statistics import oracles
from tests.statistics.arrays import draw_pair, make_levels


def measure_error(seed: int = 1, resamples: int = 2000) -> Interval:
    x, y, clusters = draw_pair(4)
    interval = measure_interval(x, y, clusters, seed, resamples).mean_error
    assert isinstance(interval, Interval)
    return interval


def test_the_interval_is_scipys_bca_when_each_case_is_a_cluster() -> None:
    """Apart from chance, and the widening for few clusters: 0.8 % with 280."""
    x, y, _ = draw_pair(4)
    interval = measure_interval(x, y, np.arange(len(x)), seed=1, resamples=20_000).mean_error
    assert isinstance(interval, Interval)
    low, high = oracles.compute_bca(x, y, resamples=20_000)
    assert interval.low == pytest.approx(low, abs=0.03 * (high - low))
    assert interval.high == pytest.approx(high, abs=0.03 * (high - low))


def test_replicates_are_statistics_of_resampled_cases() -> None:
    """The product of counts and sums is the statistic of the drawn cases, put together by hand."""
    x, y, clusters = draw_pair(2, cases=60)
    resampled = resample_clusters(sum_pairs(x, y, clusters, 6), seed=11)
    drawn = np.random.default_rng(11).integers(0, 6, size=(2000, 6))
    for row in (0, 1, 1999):
        cases = np.concatenate([np.flatnonzero(clusters == cluster) for cluster in drawn[row]])
        by_hand = sum_pairs(x[cases], y[cases], np.zeros(60, dtype=np.int64), 1)[0]
        assert resampled.replicates[row] == pytest.approx(by_hand)


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    assert measure_error(seed=1) == measure_error(seed=1)
    assert measure_error(seed=1) != measure_error(seed=2)


def test_small_chunks_draw_what_large_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure_error()
    monkeypatch.setattr("service.statistics.bootstrap.CHUNK_CELLS", 1000)
    assert measure_error() == whole


def test_the_order_of_cases_and_the_names_of_clusters_do_not_matter() -> None:
    x, y, clusters = draw_pair(5)
    order = np.random.default_rng(0).permutation(len(x))
    names = np.array([f"question-{cluster:02d}" for cluster in clusters])
    straight = measure_interval(x, y, clusters, seed=1).kappa
    shuffled = measure_interval(x[order], y[order], names[order], seed=1).kappa
    assert isinstance(straight, Interval)
    assert isinstance(shuffled, Interval)
    assert (shuffled.low, shuffled.high) == pytest.approx((straight.low, straight.high), abs=1e-9)


def test_one_cluster_has_no_interval_but_a_reason() -> None:
    x, y, _ = draw_pair(6)
    intervals = measure_interval(x, y, np.zeros(len(x), dtype=np.int64), seed=1)
    assert intervals.kappa == Undefined("All cases are of one question, so nothing shows how questions differ.")
    resampled = resample_clusters(sum_pairs(x, y, np.zeros(len(x), dtype=np.int64), 1), seed=1)
    assert compute_p_below(resampled, KAPPA, 0.9) == intervals.kappa


def test_clusters_that_are_all_alike_give_a_point() -> None:
    interval = measure_interval([3.3, 2.1] * 5, [3.0, 2.0] * 5, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5], seed=1).mean_error
    assert isinstance(interval, Interval)
    assert interval.low == interval.high == interval.estimate == pytest.approx(0.2)
    assert interval.standard_error == 0.0


def test_resamples_without_a_kappa_are_left_out_and_counted() -> None:
    """One cluster of six varies: (5/6)^6 = 33 % of the draws miss it; of 60 all but 0.5 vary: none does."""
    reference = [3.0] * 10 + [2.0, 4.0]
    clusters = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    rare = measure_interval(reference, reference, clusters, seed=1).kappa
    assert isinstance(rare, Undefined)
    assert "of the resamples have no value" in rare.reason
    common = measure_interval([3.0, 3.0, 2.0, 4.0, 2.0, 4.0, 2.0, 4.0], [3.0, 2.0, 2.0, 4.0, 3.0, 4.0, 1.0, 4.0],
                              [0, 0, 1, 1, 2, 2, 3, 3], seed=1).kappa  # fmt: skip
    assert isinstance(common, Interval)
    assert common.undefined_resamples == pytest.approx(2000 / 4**4, abs=8)  # all four draws fall on the first
    assert math.isfinite(common.low)
    assert math.isfinite(common.high)


@pytest.mark.parametrize(("resamples", "confidence"), [(1999, 0.95), (2000, 0.0), (2000, 1.0), (2000, math.nan)])
def test_too_few_resamples_and_no_confidence_are_refused(resamples: int, confidence: float) -> None:
    x, y, clusters = draw_pair(1)
    with pytest.raises(ValueError, match="expected"):
        measure_interval(x, y, clusters, 1, resamples, confidence)


def test_the_p_value_of_a_mean_is_students() -> None:
    """The jackknife's standard error of a mean is s / sqrt(n), so p must be that of the one-sample t test."""
    errors = make_levels(1, 0, 2, 1, 0, 1, 3, 0)  # mean 1, squares about it 8, s² = 8/7
    sums = sum_pairs(np.full(8, 1.0), 1.0 + errors, np.arange(8), 8)
    p = compute_p_below(resample_clusters(sums, seed=1), MEAN_ERROR, 1.5)
    assert p == pytest.approx(compute_t_probability(-0.5 / math.sqrt(8 / 7 / 8), 7))


def test_large_clusters_leave_fewer_degrees_of_freedom() -> None:
    """Sizes 4, 1, 1 say as much as (4 + 1 + 1)² / (16 + 1 + 1) = 2 equal clusters: one degree of freedom, not two."""
    errors = make_levels(1, 1, 1, 1, 0, 2)
    sums = sum_pairs(np.full(6, 1.0), 1.0 + errors, np.array([0, 0, 0, 0, 1, 2]), 3)
    assert count_effective(sums[:, 0]) == pytest.approx(2.0)
    left_out = np.array([2 / 2, 6 / 5, 4 / 5])
    t = (1.0 - 1.5) / math.sqrt(2 / 3 * ((left_out - left_out.mean()) ** 2).sum())
    assert compute_p_below(resample_clusters(sums, seed=1), MEAN_ERROR, 1.5) == pytest.approx(
        compute_t_probability(t, 1)
    )


def test_equal_clusters_count_as_many_as_they_are_and_one_giant_as_one() -> None:
    assert count_effective(np.full(28, 10.0)) == pytest.approx(28)
    assert count_effective(np.array([1e6, 1.0, 1.0])) == pytest.approx(1, abs=1e-5)
    assert count_effective(np.array([100.0] * 2 + [3.0] * 26)) == pytest.approx(3.82, abs=0.005)
    with pytest.raises(ValueError, match="expected at least one case"):
        count_effective(np.zeros(2))


def test_the_p_value_of_what_does_not_vary_is_zero_or_one() -> None:
    sums = sum_pairs(make_levels(2, 3, 4), make_levels(3, 4, 5), np.arange(3), 3)
    resampled = resample_clusters(sums, seed=1)
    assert compute_p_below(resampled, MEAN_ERROR, 1.0) == 1.0
    assert compute_p_below(resampled, MEAN_ERROR, 1.1) == 0.0


def test_the_p_value_is_undefined_when_kappa_hangs_on_one_cluster() -> None:
    resampled = resample_clusters(sum_pairs(make_levels(3, 3, 2), make_levels(3, 2, 2), np.arange(3), 3), seed=1)
    p = compute_p_below(resampled, KAPPA, 0.0)
    assert isinstance(p, Undefined)
    assert "hangs on one question" in p.reason
    constant = resample_clusters(sum_pairs(make_levels(3, 3), make_levels(3, 2), np.arange(2), 2), seed=1)
    assert compute_p_below(constant, KAPPA, 0.0) == compute_interval(constant, KAPPA)


@pytest.mark.parametrize("clusters", [2, 3, 4])
def test_few_clusters_give_finite_ordered_ends(clusters: int) -> None:
    x, y, labels = draw_pair(9, cases=10 * clusters)
    interval = measure_interval(x, y, labels, seed=1).kappa
    assert isinstance(interval, Interval)
    assert -1 <= interval.low <= interval.high <= 1


def test_an_end_beyond_the_reach_of_bca_is_the_last_replicate() -> None:
    """Five clusters, one unlike the rest: 1 - a (z0 + z) is negative for a tail of 0.00005."""
    sums = sum_pairs(np.full(5, 3.0), make_levels(3, 3, 3, 3, 4), np.arange(5), 5)
    resampled = resample_clusters(sums, seed=1)
    interval = compute_interval(resampled, MEAN_ERROR, confidence=0.9999)
    assert isinstance(interval, Interval)
    assert interval.high == MEAN_ERROR.compute(resampled.replicates).max()
    assert interval.standard_error > 0
