"""Gaps between groups."""

from __future__ import annotations

import math

import numpy as np
import pytest

from service.statistics.bootstrap import Interval
from service.statistics.groups import compare_group_residuals, compare_groups, compute_hedges_g
from service.statistics.undefined import Undefined
from tests.statistics.arrays import draw_pair, make_levels, take


def test_hedges_g_as_published() -> None:
    """Borenstein, Hedges, Higgins & Rothstein 2009, chapter 4: means 103 and 100, deviations 5.5 and 4.5, 50 each.

    d = 3 / 5.0249 = 0.5970, J = 1 - 3 / (4 · 98 - 1) = 0.9923, g = 0.5924.
    """
    first, second = (
        make_levels(50, 50 * mean, 49 * deviation**2 + 50 * mean**2) for mean, deviation in ((103, 5.5), (100, 4.5))
    )
    assert float(compute_hedges_g(first, second)) == pytest.approx(0.5924, abs=5e-5)


def test_gaps_by_hand() -> None:
    """a: 4 5, mean 4.5, squares 0.5; b: 1 2 3, mean 2, squares 2. Pooled (0.5 + 2) / 3 = 0.8333; J = 1 - 3/11."""
    gaps = compare_groups([4, 1, 5, 2, 3], list("ababb"), [1, 1, 2, 2, 3], seed=1)
    assert [(gap.group, gap.n, gap.rest, gap.small) for gap in gaps] == [("a", 2, 3, True), ("b", 3, 2, True)]
    assert gaps[0].difference == pytest.approx(2.5)
    assert gaps[0].standardised == pytest.approx(2.5 / math.sqrt(2.5 / 3) * 8 / 11)
    assert take(gaps[1].standardised) == pytest.approx(-take(gaps[0].standardised))


def test_a_bias_shows_in_the_residuals_and_its_interval() -> None:
    reference, graded, clusters = draw_pair(1, noise=0.3)
    groups = np.where(np.arange(280) % 4 == 0, "dialect", "standard")
    reference, graded = np.clip(reference, 2, 5), np.clip(graded, 2, 5) - 0.3 * (groups == "dialect")
    dialect, standard = compare_group_residuals(reference, graded, groups, clusters, seed=1)
    assert (dialect.group, dialect.n, dialect.small) == ("dialect", 70, False)
    assert take(dialect.difference) == pytest.approx(-0.3, abs=0.1)
    assert isinstance(dialect.interval, Interval)
    assert isinstance(standard.interval, Interval)
    assert dialect.interval.low < take(dialect.standardised) < dialect.interval.high < 0
    assert standard.interval.low == pytest.approx(-dialect.interval.high, abs=0.05)


def test_a_small_group_is_flagged_and_shown() -> None:
    _, graded, clusters = draw_pair(1)
    groups = np.array(["few"] * 19 + ["score"] * 20 + ["many"] * 241)
    gaps = {gap.group: gap for gap in compare_groups(graded, groups, clusters, seed=1)}
    assert {name: gap.small for name, gap in gaps.items()} == {"few": True, "many": False, "score": False}
    assert isinstance(gaps["few"].standardised, float)


def test_a_group_of_one_case_has_a_difference_and_no_more() -> None:
    gaps = compare_groups([3, 1, 2, 3], ["a", "b", "b", "b"], [1, 1, 2, 2], seed=1)
    assert gaps[0].difference == pytest.approx(1.0)
    assert isinstance(gaps[0].standardised, Undefined)
    assert isinstance(gaps[0].interval, Undefined)


def test_a_group_in_one_cluster_only_has_no_interval() -> None:
    _, graded, clusters = draw_pair(1)
    gaps = compare_groups(graded, np.where(clusters == 3, "a", "b"), clusters, seed=1)
    assert isinstance(gaps[0].interval, Undefined)
    assert "of the resamples have no value" in gaps[0].interval.reason


def test_one_group_has_no_rest() -> None:
    (gap,) = compare_groups([3, 4], ["a", "a"], [1, 2], seed=1)
    assert gap.difference == Undefined("Every case belongs to group a.")
    assert isinstance(gap.standardised, Undefined)


def test_labels_must_match_the_cases() -> None:
    with pytest.raises(ValueError, match="one entry a case"):
        compare_groups([3, 4], ["a", "a", "b"], [1, 2], seed=1)
