"""What a difference between two people is worth.

Two scores can be told apart when they differ by at least 1.96 standard errors of their difference. League tables
should show this instead of bare ranks: Goldstein and Spiegelhalter (1996), League tables and their limitations:
statistical issues in comparisons of institutional performance, J. Royal Statistical Society A 159(3), 385–443. Of 100
pairs of people who are truly equal about 5 are called different; among thousands of people some are. The errors of two
people are taken as independent and normal.
"""

from __future__ import annotations

import math

import numpy as np

from service.store.results import FloatArray, IntArray

Z = 1.96  # of a normal distribution: 95 of 100 differences by chance are smaller than this many standard errors
ERROR_STEPS = 16  # distinct standard errors that rank intervals tell apart: comparisons cost their square

TIER_RULE = (
    "People in one tier cannot be told apart from the best of that tier: their scores differ by less than 1.96 "
    "standard errors of the difference. Their order within the tier means nothing. The last of a tier and the first of "
    "the next may be as close as two people of one tier; the ranks that a person may hold say so."
)


def sort_by_score(scores: FloatArray, errors: FloatArray) -> IntArray:
    """Places by falling score; of equal scores the most certain first, then the earliest place."""
    return np.lexsort((errors, -scores)).astype(np.int64)


def assign_tiers(scores: FloatArray, errors: FloatArray) -> IntArray:
    """The tier (from 1) of each person, O(n log n).

    By falling score, a tier starts with its best; everybody after that belongs to it until the first whose score can be
    told apart from that best one's. That one is the best of the next tier. Equal scores are in one tier.
    """
    tiers = np.zeros(len(scores), np.int64)
    order = sort_by_score(scores, errors)
    number, best, best_error = 0, math.inf, 0.0
    assigned = []
    for score, error in zip(scores[order].tolist(), errors[order].tolist(), strict=True):
        if not number or (score < best and best - score >= Z * math.hypot(best_error, error)):
            number, best, best_error = number + 1, score, error
        assigned.append(number)
    tiers[order] = assigned
    return tiers


def rank_scores(scores: FloatArray) -> IntArray:
    """The rank (from 1) of each person by falling score; equal scores share the better one."""
    ascending = np.sort(scores)
    return (len(scores) - np.searchsorted(ascending, scores, side="right") + 1).astype(np.int64)


def find_rank_intervals(scores: FloatArray, errors: FloatArray) -> tuple[IntArray, IntArray]:
    """The best and the worst rank that each person may hold, O(n log n).

    The best is one after all who are certainly above, the worst leaves room for all who are certainly below. With more
    than ERROR_STEPS distinct standard errors they are rounded up to that many, which makes intervals wider, never
    narrower.
    """
    steps, group = np.unique(_round_up(errors), return_inverse=True)
    above, below = np.zeros(len(scores), np.int64), np.zeros(len(scores), np.int64)
    ascending = [np.sort(scores[group == index]) for index in range(len(steps))]
    for mine in range(len(steps)):
        members = np.flatnonzero(group == mine)
        own = scores[members]
        for theirs, others in enumerate(ascending):
            margin = Z * math.hypot(steps[mine], steps[theirs])
            # without any error, an equal score (one's own among them) is neither above nor below
            high, low = ("left", "right") if margin else ("right", "left")
            above[members] += len(others) - np.searchsorted(others, own + margin, side=high)  # type: ignore[call-overload]
            below[members] += np.searchsorted(others, own - margin, side=low)  # type: ignore[call-overload]
    return above + 1, len(scores) - below


def _round_up(errors: FloatArray) -> FloatArray:
    if len(np.unique(errors)) <= ERROR_STEPS:
        return errors
    grid = np.linspace(errors.min(), errors.max(), ERROR_STEPS)
    return np.asarray(grid[np.searchsorted(grid, errors, side="left").clip(max=ERROR_STEPS - 1)])
