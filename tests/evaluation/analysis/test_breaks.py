"""Breaks that are chance, and breaks that are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.evaluation.analysis.breaks import judge_alike, weigh_breaks
from service.evaluation.robustness.families import Family
from service.evaluation.table import RunTable
from tests.evaluation.robustness.making import make_family
from tests.evaluation.tables import FloatArray, make_source, make_table

BASES, COPIES = 30, 2
LEVEL = 3.0
UNCHANGED = make_family(invariant={"kind": "unchanged"})
AGREE = make_family(invariant={"kind": "agree"})


def make_graded(levels: FloatArray) -> RunTable:
    """Bases, and after them `COPIES` made from each; `levels` are (cases, repeats, criteria)."""
    bases = tuple(f"c-{place:03}" for place in range(BASES))
    return make_table(
        np.full((levels.shape[0], levels.shape[2]), np.nan),
        levels,
        bases=("",) * BASES + bases * COPIES,
        families=("",) * BASES + ("longer",) * BASES * COPIES,
    )


def draw(seed: int, repeats: int = 1, noise: float = 0.27) -> FloatArray:
    """What a grader without any fault gives to answers of one level."""
    shape = (BASES * (1 + COPIES), repeats, 2)
    return np.round(np.random.default_rng(seed).normal(LEVEL, noise, shape))


def weigh(first: FloatArray, second: FloatArray, rule: Family = UNCHANGED, **changes: Any) -> float:
    """The p that the second breaks the rule more often; NaN where it was not asked."""
    one, two = make_graded(first), make_graded(second)
    fewest = min(first.shape[1], second.shape[1])
    even = make_graded(first[:, :fewest]), make_graded(second[:, :fewest])
    families = judge_alike((one, two), even, (rule,))
    sources = make_source(one, **changes), make_source(two, **changes)
    return weigh_breaks(families, even[1], sources).get("family:longer", np.nan)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [UNCHANGED, AGREE])
@pytest.mark.parametrize("repeats", [(1, 1), (3, 3), (5, 1), (1, 5)])
def test_equal_graders_break_as_often(rule: Family, repeats: tuple[int, int]) -> None:
    """At p <= 0.025 at most 2.5 % of equal pairs, whatever the one shows of its noise and the other does not."""
    found = [weigh(draw(seed, repeats[0]), draw(seed + 1000, repeats[1]), rule) for seed in range(120)]
    assert not np.isnan(found).any()
    assert sum(p <= 0.025 for p in found) <= 7  # 3 are expected; 8 or more come in 1.2 %


def test_a_grader_that_began_to_read_names_is_found_through_noise() -> None:
    for repeats in (1, 3):
        second = draw(5, repeats)
        second[BASES:, :, 0] += 2
        assert weigh(draw(4, repeats), second) < 0.001


def test_cases_of_one_base_count_once() -> None:
    """A base that was graded low by chance makes a rise of every case made of it."""
    steady = np.full((BASES * (1 + COPIES), 1, 2), LEVEL)
    second = steady.copy()
    second[:3] -= 1
    assert weigh(steady, second) == pytest.approx(1 / 8)
    assert weigh(second, steady) == 1
    assert weigh(second, second) == 1


def test_a_promise_may_be_broken_worse_than_before() -> None:
    """A noisy grader breaks a promise without exceptions by chance, so that none of its families ever held."""
    first = np.full((BASES * (1 + COPIES), 1, 2), LEVEL)
    second = first.copy()
    first[BASES] += 1
    second[BASES : 2 * BASES] += 1
    assert weigh(first, second) == pytest.approx(2.0**-29)


def test_without_noise_there_is_nothing_to_weigh() -> None:
    steady = np.full((BASES * (1 + COPIES), 2, 2), LEVEL)
    assert np.isnan(weigh(steady, steady))
    assert np.isnan(weigh(steady[:, :1], steady[:, :1], model_requested="embedded"))
    assert weigh(steady[:, :1], steady) == 1  # one grade of each says nothing of noise


def test_what_one_run_left_unchecked_is_not_weighed() -> None:
    wild = np.tile(np.array([1.0, 5.0])[:, np.newaxis], (BASES * (1 + COPIES), 1, 2))
    assert np.isnan(weigh(wild, draw(1, 2)))
