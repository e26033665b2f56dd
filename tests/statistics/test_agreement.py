"""Agreement against a table worked out by hand, other implementations, and what must hold for any levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.statistics.agreement import measure_agreement, measure_interval
from service.statistics.inputs import round_levels
from service.statistics.intraclass import compute_icc
from service.statistics.undefined import Undefined
from tests.statistics import oracles
from tests.statistics.arrays import draw_pair, level_lists, make_levels, take

REFERENCE = make_levels(1, 2, 3, 4, 5)
GRADED = make_levels(2, 2, 3, 5, 4)

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def test_a_table_worked_out_by_hand() -> None:
    """x = 1 2 3 4 5: mean 3, squares about it 4+1+0+1+4 = 10. y = 2 2 3 5 4: mean 3.2, squares 58 - 5·3.2² = 6.8.

    Sum xy = 2 + 4 + 9 + 20 + 20 = 55, about the means 55 - 5·3·3.2 = 7. Squared distances 1+0+0+1+1 = 3.
    """
    agreement = measure_agreement(REFERENCE, GRADED)
    assert agreement.n == 5
    assert agreement.kappa == pytest.approx(2 * 7 / (10 + 6.8 + 5 * 0.2**2))  # 14 / 17 = 0.8235
    assert agreement.kappa == pytest.approx(1 - 3 / 17)  # the same from the distances
    assert (agreement.exact, agreement.adjacent) == (0.4, 1.0)
    assert agreement.pearson == pytest.approx(7 / math.sqrt(68))
    # Ranks of y: 1.5 1.5 3 5 4, squares 2.25+2.25+0+4+1 = 9.5; with x: 3 + 1.5 + 0 + 2 + 2 = 8.5
    assert agreement.spearman == pytest.approx(8.5 / math.sqrt(95))
    assert agreement.mean_error == pytest.approx(0.6)
    assert agreement.mean_difference == pytest.approx(0.2)
    assert agreement.standardised_difference == pytest.approx(0.2 / math.sqrt((2.5 + 1.7) / 2))
    assert agreement.deviation_ratio == pytest.approx(math.sqrt(6.8 / 10))
    assert agreement.confusion == ((0, 1, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 0, 0, 0, 1), (0, 0, 0, 1, 0))


def test_icc_of_the_same_table_by_hand() -> None:
    """Case means 1.5 2 3 4.5 4.5 about 3.1: BMS = 2·(2.56+1.21+0.01+1.96+1.96)/4 = 3.85.

    Rater means 3, 3.2: JMS = 5·(0.01+0.01)/1 = 0.1. In all 10 + 6.8 + 0.1 = 16.9; EMS = (16.9-15.4-0.1)/4 = 0.35.
    """
    assert measure_agreement(REFERENCE, GRADED).icc == pytest.approx(
        (3.85 - 0.35) / (3.85 + 0.35 + 2 * (0.1 - 0.35) / 5)
    )


def test_icc_as_published_by_shrout_and_fleiss() -> None:
    """1979, table 2 (six targets, four judges) and table 4: ICC(2,1) = .29."""
    assert round(take(compute_icc(SHROUT_FLEISS.astype(np.float64))), 2) == 0.29


def test_a_band_is_the_cases_of_one_rounded_reference_level() -> None:
    agreement = measure_agreement(make_levels(1.5, 2.4, 4), make_levels(2.0, 3.4, 2.5))
    second, fourth = agreement.bands[1], agreement.bands[3]
    assert (second.n, second.exact) == (2, 0.5)
    assert second.mean_graded == pytest.approx(2.7)
    assert second.mean_error == pytest.approx((0.5 + 1.0) / 2)
    assert (fourth.n, fourth.mean_graded, fourth.mean_error, fourth.exact) == (1, 2.5, 1.5, 0.0)
    assert agreement.bands[0].n == 0
    assert isinstance(agreement.bands[0].mean_graded, Undefined)
    assert sum(band.n for band in agreement.bands) == agreement.n


@pytest.mark.parametrize(
    ("level", "rounded"), [(1, 1), (1.5, 2), (2.5, 3), (2.4999999999999996, 2), (3.4999, 3), (4.5, 5), (5, 5)]
)
def test_halves_are_rounded_up(level: float, rounded: int) -> None:
    assert round_levels(make_levels(level)).tolist() == [rounded]


def test_one_level_apart_is_adjacent_whatever_floating_point_makes_of_it() -> None:
    assert 4.4 - 3.4 > 1.0
    assert measure_agreement(make_levels(4.4, 1), make_levels(3.4, 2.1)).adjacent == 0.5


@given(level_lists())
def test_kappa_of_whole_levels_is_cohens(cases: list[tuple[int, int, int]]) -> None:
    x, y, _ = np.array(cases, dtype=np.float64).T
    kappa = measure_agreement(x, y).kappa
    if np.ptp(x) == 0:
        assert isinstance(kappa, Undefined)
    else:
        assert kappa == pytest.approx(oracles.compute_cohen_kappa(x, y), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_correlations_are_scipys(seed: int) -> None:
    x, y, _ = draw_pair(seed)
    agreement = measure_agreement(x, y)
    assert agreement.pearson == pytest.approx(oracles.compute_pearson(x, y))
    assert agreement.spearman == pytest.approx(oracles.compute_spearman(x, y))


def test_kappa_of_continuous_levels_is_its_definition_over_all_pairs() -> None:
    x, y, _ = draw_pair(1, cases=60)
    x = x * 0.97 + 0.1
    by_chance = ((x[:, np.newaxis] - y[np.newaxis, :]) ** 2).mean()
    assert measure_agreement(x, y).kappa == pytest.approx(1 - ((x - y) ** 2).mean() / by_chance)


levels = st.lists(st.floats(1, 5), min_size=2, max_size=30)


@given(levels)
def test_a_grader_that_is_the_reference_agrees_perfectly(values: list[float]) -> None:
    agreement = measure_agreement(values, values)
    assert isinstance(agreement.kappa, Undefined) or agreement.kappa == pytest.approx(1.0)
    assert (agreement.exact, agreement.adjacent, agreement.mean_error) == (1.0, 1.0, 0.0)


@given(level_lists())
def test_kappa_is_symmetric_and_at_most_one(cases: list[tuple[int, int, int]]) -> None:
    x, y, _ = np.array(cases, dtype=np.float64).T
    forth, back = measure_agreement(x, y).kappa, measure_agreement(y, x).kappa
    if not isinstance(forth, Undefined) and not isinstance(back, Undefined):
        assert forth == pytest.approx(back)
        assert -1 <= forth <= 1


def test_a_reference_without_variance_leaves_undefined_what_needs_it() -> None:
    agreement = measure_agreement(make_levels(3.3, 3.3, 3.3), make_levels(3, 4, 3))
    for value in (agreement.kappa, agreement.pearson, agreement.spearman, agreement.deviation_ratio):
        assert isinstance(value, Undefined)
        assert value.reason == value.reason.strip()
        assert value.reason.endswith(".")
    assert agreement.mean_error == pytest.approx((0.3 + 0.7 + 0.3) / 3)


def test_a_grader_that_always_says_the_same_has_kappa_zero() -> None:
    agreement = measure_agreement(REFERENCE, make_levels(3, 3, 3, 3, 3))
    assert agreement.kappa == 0.0
    assert agreement.deviation_ratio == 0.0
    assert agreement.pearson == Undefined("Every case has the same graded level.")


def test_one_case_has_no_kappa_and_no_icc() -> None:
    agreement = measure_agreement(make_levels(3), make_levels(4))
    for value in (agreement.kappa, agreement.icc, agreement.standardised_difference):
        assert isinstance(value, Undefined)
    assert isinstance(compute_icc(np.full((4, 2), 3.3)), Undefined)
    assert isinstance(compute_icc(np.array([[1.0, 2.0], [2.0, 1.0]])), Undefined)  # nothing but error


@pytest.mark.parametrize(
    ("reference", "graded", "message"),
    [
        ([1, math.nan], [1, 2], "reference: every value must be a finite number"),
        ([1, 2], [1, math.inf], "graded: every value must be a finite number"),
        ([1, 2], [0.9, 2], "graded: levels lie between 1 and 5, got 0.9 to 2"),
        ([1, 5.1], [1, 2], "reference: levels lie between 1 and 5"),
        ([1, 2], [1, 2, 3], "one entry a case"),
        ([], [], "filled array of 1 dimension"),
        ([[1, 2]], [1, 2], "filled array of 1 dimension"),
    ],
)
def test_what_is_not_a_level_is_refused(reference: list[float], graded: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_agreement(reference, graded)


def test_the_interval_holds_the_estimates_and_shrinks_with_confidence() -> None:
    x, y, clusters = draw_pair(3)
    agreement = measure_agreement(x, y)
    wide, narrow = (measure_interval(x, y, clusters, seed=1, confidence=share) for share in (0.95, 0.5))
    for outer, inner, estimate in (
        (wide.kappa, narrow.kappa, agreement.kappa),
        (wide.mean_error, narrow.mean_error, agreement.mean_error),
    ):
        assert not isinstance(outer, Undefined)
        assert not isinstance(inner, Undefined)
        assert outer.estimate == pytest.approx(estimate)
        assert outer.low < inner.low < outer.estimate < inner.high < outer.high
        assert (outer.clusters, outer.resamples, outer.undefined_resamples) == (28, 2000, 0)
