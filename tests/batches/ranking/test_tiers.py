"""Tiers and rank intervals against the definition, worked out by hand and by comparing everybody with everybody."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from service.batches.ranking.error import DEFAULT_ERROR, UNMEASURED, GraderError, measure_grader_error
from service.batches.ranking.tiers import ERROR_STEPS, Z, assign_tiers, find_rank_intervals, rank_scores


def test_a_tier_worked_out_by_hand() -> None:
    """Errors of 0.1: a difference of 1.96 · √0.02 = 0.277 tells apart. 4.0 to 3.73 is less, to 3.72 is more."""
    scores, errors = np.array([3.72, 4.0, 3.73, 3.46, 3.44]), np.full(5, 0.1)
    assert assign_tiers(scores, errors).tolist() == [2, 1, 1, 2, 3]
    best, worst = find_rank_intervals(scores, errors)
    assert rank_scores(scores).tolist() == [3, 1, 2, 4, 5]
    assert best.tolist() == [2, 1, 1, 2, 4]
    assert worst.tolist() == [4, 2, 4, 5, 5]


def test_an_uncertain_person_is_in_the_tier_that_a_certain_one_with_the_same_gap_is_not() -> None:
    scores = np.array([4.0, 3.0])
    assert assign_tiers(scores, np.array([0.1, 0.1])).tolist() == [1, 2]
    assert assign_tiers(scores, np.array([0.1, 0.9])).tolist() == [1, 1]


@pytest.mark.parametrize("error", [0.0, 0.3])
def test_equal_scores_share_tier_and_rank(error: float) -> None:
    scores = np.array([3.0, 3.0, 2.0, 3.0])
    assert len(set(assign_tiers(scores, np.full(4, error))[[0, 1, 3]].tolist())) == 1
    assert rank_scores(scores).tolist() == [1, 1, 4, 1]


def test_without_error_intervals_are_ranks_with_room_for_ties() -> None:
    best, worst = find_rank_intervals(np.array([3.0, 3.0, 2.0, 3.0]), np.zeros(4))
    assert (best.tolist(), worst.tolist()) == ([1, 1, 4, 1], [3, 3, 4, 3])


def compare_all(scores: np.ndarray, errors: np.ndarray) -> tuple[list[int], list[int]]:
    best, worst = [], []
    for score, error in zip(scores, errors, strict=True):
        margins = [Z * math.hypot(error, other) for other in errors]
        best.append(1 + sum(o - score >= m for o, m in zip(scores, margins, strict=True)))
        worst.append(len(scores) - sum(score - o >= m for o, m in zip(scores, margins, strict=True)))
    return best, worst


def test_intervals_are_those_of_comparing_everybody() -> None:
    random = np.random.default_rng(7)
    scores, errors = random.uniform(1, 5, 120), random.choice([0.1, 0.2, 0.35], 120)
    best, worst = find_rank_intervals(scores, errors)
    assert (best.tolist(), worst.tolist()) == compare_all(scores, errors)


def test_rounded_errors_never_narrow_an_interval() -> None:
    random = np.random.default_rng(8)
    scores, errors = random.uniform(1, 5, 150), random.uniform(0.05, 0.5, 150)
    assert len(np.unique(errors)) > ERROR_STEPS
    best, worst = find_rank_intervals(scores, errors)
    exact_best, exact_worst = compare_all(scores, errors)
    assert (best <= exact_best).all()
    assert (worst >= exact_worst).all()
    assert np.mean(worst - best) < np.mean(np.array(exact_worst) - exact_best) + 8  # wider, but not by much


def test_true_order_within_the_interval_as_often_as_promised() -> None:
    """400 people with known true scores, graded with error 0.3: nearly all true ranks lie in the intervals."""
    random = np.random.default_rng(9)
    truth = random.normal(3, 0.7, 400)
    seen = truth + random.normal(0, 0.3, 400)
    best, worst = find_rank_intervals(seen, np.full(400, 0.3))
    true_rank = rank_scores(truth)
    assert np.mean((best <= true_rank) & (true_rank <= worst)) > 0.95


def test_100_000_people_take_no_time_to_speak_of() -> None:
    random = np.random.default_rng(10)
    scores, errors = random.uniform(1, 5, 100_000), random.uniform(0.2, 0.6, 100_000)
    started = time.process_time()
    assign_tiers(scores, errors)
    find_rank_intervals(scores, errors)
    assert time.process_time() - started < 3  # a whole snapshot takes 0.3 s; comparing everybody would be 10^10 steps


def test_nobody_is_no_failure() -> None:
    nothing = np.zeros(0)
    assert assign_tiers(nothing, nothing).tolist() == []
    assert [found.tolist() for found in find_rank_intervals(nothing, nothing)] == [[], []]


def test_the_error_of_a_strict_grader_is_its_spread() -> None:
    reference = np.tile([2.0, 3.0, 4.0], 20)
    noise = np.tile([0.3, -0.3], 30)
    found = measure_grader_error(np.append(reference, np.nan), np.append(reference - 1 + noise, 3.0), "the set")
    assert found.levels == pytest.approx(0.3 * math.sqrt(60 / 59))
    assert found.is_measured
    assert "60 answers of the set" in found.source


def test_too_few_cases_measure_nothing() -> None:
    assert measure_grader_error([3.0] * 29, [4.0] * 29, "the set") is UNMEASURED
    assert UNMEASURED.levels == DEFAULT_ERROR
    assert "assumed" in UNMEASURED.source
    with pytest.raises(ValueError, match="between 0 and 4"):
        GraderError(-0.1, "", is_measured=True)
