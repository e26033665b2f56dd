"""Which gradings have a score, before and after, and what the lost ones could hide."""

from __future__ import annotations

import numpy as np

from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL
from service.evaluation.analysis.columns import FloatArray, average_repeats, select_column
from service.evaluation.analysis.numbers import to_number
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import CoverageChange
from service.evaluation.results.numbers import OVERALL, Missing, Number
from service.evaluation.table import RunTable
from service.statistics.bootstrap import Interval
from service.statistics.comparison import McNemar, compare_paired, count_exact
from service.statistics.inputs import MIDDLE_LEVEL
from service.statistics.sign_flip import compute_sign_flip_p
from service.statistics.undefined import Undefined

MAX_NAMED = 50
DECIMALS = 9  # of shares: 0.29 · 100 is 28.999999999999996
SAME_CASES = Missing(undefined="Both runs scored the same cases.")
SAME_SHARES = Missing(undefined="Both runs scored as many gradings of each case.")


def compare_coverage(first: RunTable, second: RunTable, policy: Policy) -> CoverageChange:
    """Cases with any score, and gradings with one; both tables have the same cases and as many repeats."""
    one, two = (np.isfinite(average_repeats(table.overall)) for table in (first, second))
    always = np.ones(len(one))
    found = count_exact(always, np.where(one, 1.0, 5.0), np.where(two, 1.0, 5.0))  # McNemar on scored or not
    lost = np.asarray(second.case_ids)[one & ~two]
    gradings, had = first.overall.size, int(np.isfinite(first.overall).sum())
    return CoverageChange(
        both=found.both_exact,
        only_first=found.only_first,
        only_second=found.only_second,
        neither=found.neither,
        mcnemar_p=SAME_CASES if found.only_first + found.only_second == 0 else to_number(found.p),
        first_share=had / gradings,
        second_share=int(np.isfinite(second.overall).sum()) / gradings,
        lost_share=float(count_lost(first, second).sum()) / gradings,
        share_p=_test_shares(first, second, found, policy),
        lost_cases=tuple(str(case) for case in lost[:MAX_NAMED]),
    )


def count_lost(first: RunTable, second: RunTable) -> FloatArray:
    """How many gradings of each case (cases,) have no score in the second run and had one in the first."""
    had, has = (np.isfinite(table.overall).sum(axis=1, dtype=np.float64) for table in (first, second))
    return np.asarray(np.maximum(had - has, 0.0))


def _test_shares(first: RunTable, second: RunTable, cases: McNemar, policy: Policy) -> Number:
    """Two-sided p of "each case's share of scored gradings is as likely to rise as to fall".

    The sign-flip test over cases, because gradings of one case succeed and fail together. With one grading a case it is
    McNemar's exact test. Not over questions: a prompt that refuses every answer to two questions is no accident, and
    two signs have p = 0.5.
    """
    if first.overall.shape[1] == 1:
        return SAME_SHARES if cases.only_first + cases.only_second == 0 else to_number(cases.p)
    gained = np.isfinite(second.overall).sum(axis=1) - np.isfinite(first.overall).sum(axis=1)
    p = compute_sign_flip_p(gained[gained != 0].astype(np.float64), policy.seed, policy.resamples)
    return SAME_SHARES if isinstance(p, Undefined) else p


def count_at_worst(first: RunTable, second: RunTable, policy: Policy) -> Interval | Undefined | None:
    """The interval of the change in overall kappa when each lost grading counts as the end of the scale farther from
    its reference; None when at most `coverage_loss` of the gradings were lost.

    Kappa over the cases that both scored rises when the worst are refused: a grader that was 0.08 worse, and refused
    its 20 worst of 280 where the old one had refused 20 others, was `no worse`. Five of 280 hide too little: of 60
    graders that were 0.10 worse none passed. Gained gradings are no counterweight: they say nothing of the lost ones.
    """
    lost = count_lost(first, second)
    if round(float(lost.sum()) / first.overall.size, DECIMALS) <= policy.coverage_loss:
        return None
    one, two = select_column(first, OVERALL), np.where(np.isfinite(second.overall), second.overall, 0.0)
    worst = np.where(one.reference < MIDDLE_LEVEL, HIGHEST_LEVEL, LOWEST_LEVEL)
    counted = np.isfinite(second.overall).sum(axis=1) + lost
    filled = (two.sum(axis=1) + worst * lost) / np.maximum(counted, 1)
    rated = one.both & (counted > 0)
    if not rated.any():
        return None
    return compare_paired(
        one.reference[rated], one.graded[rated], filled[rated], one.clusters[rated], policy.seed, policy.resamples
    ).kappa.interval
