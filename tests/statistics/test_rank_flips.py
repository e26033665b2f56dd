"""Who crosses the cut-off."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.statistics.rank_flips import AtLeast, Cutoff, Top, find_flips
from service.statistics.undefined import Undefined


def test_flips_and_tau_by_hand() -> None:
    """Pairs of (5 4 3 2) and (4 5 3 3): five of six are untied in both; 0-1 discordant, the other four concordant.

    tau-b = (4 - 1) / sqrt(6 · 5).
    """
    flips = find_flips([5, 4, 3, 2], [4, 5, 3, 3], Top(1))
    assert (flips.rose, flips.fell, flips.selected_first, flips.selected_second) == ((1,), (0,), 1, 1)
    assert flips.tau_b == pytest.approx(3 / math.sqrt(30))


@pytest.mark.parametrize(
    ("cutoff", "rose", "fell", "selected"),
    [
        (AtLeast(3.0), (3,), (), (3, 4)),
        (AtLeast(4.0), (), (), (2, 2)),
        (AtLeast(9.0), (), (), (0, 0)),
        (Top(2), (), (), (2, 2)),
        (Top(3), (), (), (3, 4)),  # the two of 3 points tie at the border: neither has crossed it
        (Top(4), (), (), (4, 4)),
    ],
)
def test_each_cutoff(cutoff: Cutoff, rose: tuple[int, ...], fell: tuple[int, ...], selected: tuple[int, int]) -> None:
    flips = find_flips([5, 4, 3, 2], [4, 5, 3, 3], cutoff)
    assert (flips.rose, flips.fell) == (rose, fell)
    assert (flips.selected_first, flips.selected_second) == selected


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(0, 100))
def test_a_grader_never_flips_against_itself_and_order_does_not_matter(scores: list[int], seed: int) -> None:
    count = 1 + seed % len(scores)
    assert find_flips(scores, scores, Top(count)).rose == ()
    order = np.random.default_rng(seed).permutation(len(scores))
    other = np.roll(np.array(scores, dtype=np.float64), 1)
    straight, shuffled = (
        find_flips(np.array(scores)[places], other[places], Top(count)) for places in (np.arange(len(scores)), order)
    )
    assert sorted(order[list(shuffled.rose)]) == list(straight.rose)
    assert straight.selected_first >= count


def test_a_tie_at_the_border_is_no_flip_and_a_clear_crossing_is() -> None:
    """One of five equal scores rose by a hair: the four others have not left, and it was not out before."""
    tied, one_up = [4.0, 4.0, 4.0, 4.0, 4.0, 1.0], [4.0, 4.1, 4.0, 4.0, 4.0, 1.0]
    for before, after in ((tied, one_up), (one_up, tied)):
        flips = find_flips(before, after, Top(1))
        assert (flips.rose, flips.fell) == ((), ())
    crossed = find_flips(one_up, [4.0, 1.0, 4.0, 4.0, 4.0, 5.0], Top(1))
    assert (crossed.rose, crossed.fell) == ((5,), (1,))


def test_sums_in_another_order_tie() -> None:
    third = [0.1 + 0.2 + 3.0, 3.0 + 0.2 + 0.1, 1.0]
    assert third[0] != third[1]
    flips = find_flips(third, third[1::-1] + third[2:], Top(1))
    assert (flips.rose, flips.fell) == ((), ())


def test_equal_scores_have_no_tau() -> None:
    assert isinstance(find_flips([3, 3], [1, 2], AtLeast(2)).tau_b, Undefined)


@pytest.mark.parametrize("count", [0, 3])
def test_a_count_that_selects_nobody_or_too_many_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="expected a count from 1 to 2"):
        find_flips([1, 2], [2, 1], Top(count))
