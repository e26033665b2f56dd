"""Two graders on the same cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from service.statistics.agreement import measure_agreement
from service.statistics.bootstrap import Interval
from service.statistics.comparison import compare_levels, compare_paired, count_exact
from service.statistics.differences import Difference
from service.statistics.sign_flip import compute_sign_flip_p
from service.statistics.undefined import Undefined
from service.statistics.verdict import Outcome, decide
from tests.statistics import oracles
from tests.statistics.arrays import draw_pair, level_lists, make_levels, take


def test_differences_are_second_less_first() -> None:
    x, first, clusters = draw_pair(1, noise=0.5)
    second = np.clip(first + np.random.default_rng(2).normal(0.2, 0.8, len(x)), 1, 5)
    comparison = compare_paired(x, first, second, clusters, seed=3)
    before, after = measure_agreement(x, first), measure_agreement(x, second)
    assert comparison.kappa.first == pytest.approx(before.kappa)
    assert comparison.kappa.second == pytest.approx(after.kappa)
    assert comparison.kappa.difference == pytest.approx(take(after.kappa) - take(before.kappa))
    assert comparison.mean_error.difference == pytest.approx(after.mean_error - before.mean_error)
    assert comparison.levels.mean_level.difference == pytest.approx((second - first).mean())
    assert comparison.levels.mean_level.first == pytest.approx(first.mean())
    interval = comparison.kappa.interval
    assert isinstance(interval, Interval)
    assert interval.high < 0  # the second is plainly noisier
    assert take(comparison.kappa_worse_p) < 0.001
    assert decide(interval, 0.05).outcome is Outcome.WORSE
    # 1.959964 + 0.841621
    assert comparison.kappa.minimum_detectable == pytest.approx(2.801585 * interval.standard_error, rel=1e-6)


def test_a_margin_makes_the_p_value_of_being_worse_larger() -> None:
    x, first, clusters = draw_pair(1)
    second = draw_pair(1, noise=0.9)[1]
    strict, lenient = (compare_paired(x, first, second, clusters, 3, margin=margin) for margin in (0.0, 0.05))
    assert take(strict.kappa_worse_p) < take(lenient.kappa_worse_p)


def test_identical_graders_differ_by_nothing_at_all() -> None:
    x, y, clusters = draw_pair(7)
    comparison = compare_paired(x, y, y, clusters, seed=1)
    for difference in (comparison.kappa, comparison.mean_error, comparison.levels.mean_level):
        assert isinstance(difference.interval, Interval)
        assert (difference.interval.low, difference.difference, difference.interval.high) == (0.0, 0.0, 0.0)
        assert isinstance(difference.minimum_detectable, Undefined)
    assert comparison.error_wilcoxon_p == Undefined("Every difference is zero.")
    assert comparison.levels.wilcoxon_p == Undefined("Every difference is zero.")
    assert isinstance(comparison.levels.sign_flip_p, Undefined)
    assert isinstance(comparison.exact.p, Undefined)
    assert comparison.kappa_worse_p == 1.0
    assert decide(comparison.kappa.interval, 0.05).outcome is Outcome.NO_WORSE


def test_without_a_reference_the_levels_say_the_same() -> None:
    x, first, clusters = draw_pair(1)
    second = draw_pair(1, noise=1.0)[1]
    assert compare_levels(first, second, clusters, seed=3) == compare_paired(x, first, second, clusters, seed=3).levels


def test_one_cluster_leaves_the_differences_and_takes_their_intervals() -> None:
    x, first, _ = draw_pair(1)
    comparison = compare_paired(x, first, np.clip(first + 0.1, 1, 5), ["one"] * len(x), seed=3)
    assert take(comparison.mean_error.difference) != 0
    assert isinstance(comparison.mean_error.interval, Undefined)
    assert comparison.mean_error.minimum_detectable == comparison.mean_error.interval
    assert comparison.levels.sign_flip_p == 1.0


def test_a_reference_without_variance_leaves_the_mean_error() -> None:
    _, first, clusters = draw_pair(1)
    comparison = compare_paired(np.full(280, 3.0), first, np.clip(first + 0.2, 1, 5), clusters, seed=1)
    reason = Undefined("Every case has the same reference level, so there is nothing to agree on.")
    assert comparison.kappa == Difference(reason, reason, reason, reason, reason)
    assert comparison.kappa_worse_p == reason
    assert isinstance(comparison.mean_error.interval, Interval)


def test_signed_ranks_are_scipys_and_floating_point_makes_no_ranks() -> None:
    _, first, clusters = draw_pair(1, cases=60)
    second = draw_pair(2, cases=60)[1]
    p = compare_levels(first, second, clusters, seed=3).wilcoxon_p
    assert p == pytest.approx(oracles.compute_wilcoxon_p(second - first))
    up = compare_levels(make_levels(4.1, 2.1, 3, 3), make_levels(4.4, 2.4, 3, 2.7), [1, 2, 3, 4], seed=3).wilcoxon_p
    assert up == pytest.approx(oracles.compute_wilcoxon_p(make_levels(3, 3, 0, -3)))


@pytest.mark.parametrize("cases", [1, 2, 9])
def test_a_handful_of_cases_has_a_p_value_and_no_warning(cases: int) -> None:
    comparison = compare_levels([3] * cases, [4] * cases, list(range(cases)), seed=1)
    assert 0 < take(comparison.wilcoxon_p) <= 1
    assert take(comparison.sign_flip_p) == 2 / 2**cases


def test_mcnemar_by_hand() -> None:
    """Seven discordant cases, one for the first: 2 · (1 + 7) / 2^7 = 0.125."""
    reference = np.full(10, 3.0)
    first = make_levels(3, 1, 1, 1, 1, 1, 1, 3, 3, 1)
    second = make_levels(1, 3, 3, 3, 3, 3, 3, 3, 3, 1)
    counted = count_exact(reference, first, second)
    assert (counted.both_exact, counted.only_first, counted.only_second, counted.neither) == (2, 1, 6, 1)
    assert counted.p == pytest.approx(0.125) == pytest.approx(oracles.compute_binomial_p(1, 7))


def test_sign_flips_by_hand() -> None:
    # ±1 ±2 ±3: two of the eight patterns reach a total of 6
    assert compute_sign_flip_p(make_levels(1, 2, 3), seed=1, resamples=2000) == 0.25
    # ±1 ±1 ±2: totals 4, 2, 2, 0, 0, -2, -2, -4; six of the eight are at least 2 in size
    assert compute_sign_flip_p(make_levels(1, -1, 2), seed=1, resamples=2000) == 0.75


def test_random_sign_flips_come_near_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(3).normal(0.6, 1, 12)
    exact = take(compute_sign_flip_p(sums, seed=1, resamples=2000))
    monkeypatch.setattr("service.statistics.sign_flip.EXACT_CLUSTERS", 0)
    drawn = take(compute_sign_flip_p(sums, seed=1, resamples=20_000))
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 20_000))
    assert drawn == compute_sign_flip_p(sums, seed=1, resamples=20_000)


@given(level_lists(least=4, most=12))
@settings(max_examples=30)
def test_swapping_the_graders_turns_every_estimate_round(cases: list[tuple[int, int, int]]) -> None:
    x, first, second = np.array(cases, dtype=np.float64).T
    clusters = np.arange(len(x)) // 2
    forth = compare_paired(x, first, second, clusters, seed=1)
    back = compare_paired(x, second, first, clusters, seed=1)
    assert take(forth.mean_error.difference) == pytest.approx(-take(back.mean_error.difference))
    assert forth.levels.wilcoxon_p == back.levels.wilcoxon_p
    assert forth.levels.sign_flip_p == back.levels.sign_flip_p
    assert (forth.exact.only_first, forth.exact.p) == (back.exact.only_second, back.exact.p)
    if isinstance(forth.kappa.difference, float):
        assert forth.kappa.difference == pytest.approx(-take(back.kappa.difference))


@pytest.mark.parametrize("margin", [-0.01, math.nan])
def test_a_negative_margin_is_refused(margin: float) -> None:
    x, first, clusters = draw_pair(1)
    with pytest.raises(ValueError, match="margin: expected zero or more kappa"):
        compare_paired(x, first, first, clusters, seed=1, margin=margin)


def test_labels_that_are_not_one_a_case_are_refused() -> None:
    x, first, clusters = draw_pair(1)
    with pytest.raises(ValueError, match="one entry a case"):
        compare_paired(x, first, first, clusters[:-1], seed=1)
    with pytest.raises(ValueError, match="one label a case"):
        compare_paired(x, first, first, [], seed=1)
    with pytest.raises(ValueError, match="a label is not a number"):
        compare_paired(x, first, first, np.full(len(x), math.nan), seed=1)
