"""Holm's adjustment against a worked example and its definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.statistics.holm import adjust_holm, find_rejected

EXAMPLE = {"first": 0.01, "second": 0.04, "third": 0.03, "fourth": 0.005}


def test_the_usual_example() -> None:
    """Four hypotheses at 0.05, of which Holm rejects the first and the fourth (Wikipedia, "Holm-Bonferroni method").

    Ascending: 4 · 0.005 = 0.02; 3 · 0.01 = 0.03; 2 · 0.03 = 0.06; 1 · 0.04 = 0.04, raised to 0.06.
    """
    adjusted = adjust_holm(EXAMPLE)
    assert adjusted == pytest.approx({"first": 0.03, "second": 0.06, "third": 0.06, "fourth": 0.02})
    assert list(adjusted) == list(EXAMPLE)
    assert find_rejected(EXAMPLE, 0.05) == ("first", "fourth")
    assert find_rejected(EXAMPLE, 0.001) == ()


def test_no_tests_need_no_adjustment() -> None:
    assert adjust_holm({}) == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_adjusted_values_keep_the_order_and_lie_between_plain_and_bonferroni(values: list[float]) -> None:
    plain = {str(place): value for place, value in enumerate(values)}
    adjusted = adjust_holm(plain)
    assert min(adjusted.values()) == pytest.approx(min(1.0, len(values) * min(values)))
    for name, p in plain.items():
        assert p <= adjusted[name] <= 1.0
        assert all(adjusted[other] >= adjusted[name] for other in plain if plain[other] >= p)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused_by_name(p: float) -> None:
    with pytest.raises(ValueError, match="these are not: empathy"):
        adjust_holm({"clarity": 0.5, "empathy": p})
