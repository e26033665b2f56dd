"""Scores that are lost are no better grades, and hide none."""

from __future__ import annotations

import numpy as np
import pytest

from service.evaluation.analysis.coverage import count_at_worst
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import VerdictWord
from service.evaluation.table import RunTable
from service.statistics.undefined import Undefined
from tests.evaluation.comparing import CASES, GOOD, REFERENCE, compare, compare_levels
from tests.evaluation.tables import (
    FloatArray,
    blur,
    make_table,
    take,
)


def test_a_lost_score_is_no_better_grade() -> None:
    """Without the fifth of the cases that it grades worst, kappa rises; the lost scores are what is told."""
    errors = np.abs(GOOD - REFERENCE).sum(axis=1)
    lost = dict.fromkeys((int(place) for place in np.argsort(-errors)[:56]), "invalid_reply")
    report = compare(make_table(REFERENCE, GOOD), make_table(REFERENCE, GOOD, unscored=lost))
    assert report.verdict.word is VerdictWord.WORSE
    assert report.verdict.reasons == (
        "20.0% of the gradings lost their score and 0.0% gained one; the policy allows a net loss of 2%. Of 280 cases "
        "56 have no score any more.",
    )
    assert report.coverage.only_first == 56
    assert len(report.coverage.lost_cases) == 50
    assert report.differences[0].n == 224
    allowed = compare(make_table(REFERENCE, GOOD), make_table(REFERENCE, GOOD, unscored=lost), coverage_loss=0.2)
    assert allowed.verdict.reasons == ()
    assert allowed.verdict.word in {VerdictWord.BETTER, VerdictWord.NO_WORSE}


def refuse(graded: FloatArray, refused: dict[int, int]) -> RunTable:
    """Three equal gradings of each case, of which some (place -> how many) have no score."""
    thrice = np.repeat(graded[:, np.newaxis, :], 3, axis=1)
    for place, count in refused.items():
        thrice[place, 3 - count :] = np.nan
    return make_table(REFERENCE, thrice)


def test_two_of_three_gradings_of_every_case_are_a_loss() -> None:
    report = compare(refuse(GOOD, {}), refuse(GOOD, dict.fromkeys(range(CASES), 2)))
    assert report.differences[0].word is VerdictWord.NO_WORSE
    assert report.verdict.word is VerdictWord.WORSE
    (reason,) = report.verdict.reasons
    assert reason.startswith("66.7% of the gradings lost their score and 0.0% gained one")
    assert report.coverage.only_first == 0
    assert report.coverage.first_share == 1.0
    assert report.coverage.second_share == pytest.approx(1 / 3)
    assert take(report.coverage.share_p) < 0.001


def test_a_loss_as_large_as_the_policy_allows_is_let_pass() -> None:
    """14 of 840 gradings are 1.7 %; 21 are 2.5 %, and more than chance."""
    few, many = (refuse(GOOD, dict.fromkeys(range(count), 1)) for count in (14, 21))
    assert compare(refuse(GOOD, {}), few).verdict.word is VerdictWord.NO_WORSE
    assert compare(refuse(GOOD, {}), many).verdict.word is VerdictWord.WORSE
    assert compare(refuse(GOOD, {}), many, coverage_loss=0.025).verdict.word is VerdictWord.NO_WORSE


def test_refusals_that_moved_to_the_worst_answers_are_no_way_past_the_gate() -> None:
    """As many scores as before, and kappa of the rest within the margin."""
    poor = blur(REFERENCE, 12, 0.95)
    errors = np.abs((poor - REFERENCE).mean(axis=1))
    hard = dict.fromkeys((int(place) for place in np.argsort(-errors)[:20]), "reply_refused")
    others = dict.fromkeys([place for place in range(CASES) if place not in hard][:20], "reply_refused")
    assert compare_levels(GOOD, poor).verdict.word is VerdictWord.WORSE
    before, after = make_table(REFERENCE, GOOD, unscored=others), make_table(REFERENCE, poor, unscored=hard)
    report = compare(before, after)
    assert report.differences[0].word is VerdictWord.NO_WORSE
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert report.verdict.reasons == ()
    assert report.verdict.sentence.startswith(
        "7.1% of the gradings lost their score. Each counted as the level farthest from its reference: Kappa changed by"
    )
    assert compare(before, after, coverage_loss=0.08).verdict.word is VerdictWord.NO_WORSE


def test_a_lost_grading_counts_at_its_worst_beside_those_that_are_left() -> None:
    """Two of three left at the reference, the third at the far end: 2.0 becomes 3.0, and 4.0 becomes 3.0."""
    levels = np.tile([[2.0], [4.0]], (28, 1))
    tables = [make_table(levels, np.repeat(levels[:, np.newaxis, :], 3, axis=1)) for _ in range(2)]
    tables[1].overall[:, 2] = np.nan
    counted = count_at_worst(tables[0], tables[1], Policy())
    assert not isinstance(counted, Undefined)
    assert counted is not None
    assert counted.estimate == pytest.approx(-1.0)  # every case at 3.0: kappa 0 instead of 1
    assert count_at_worst(tables[1], tables[0], Policy()) is None


def test_a_few_lost_scores_are_let_pass() -> None:
    lost = dict.fromkeys(range(5), "reply_refused")
    report = compare(make_table(REFERENCE, GOOD), make_table(REFERENCE, GOOD, unscored=lost))
    assert report.verdict.word is VerdictWord.NO_WORSE
    assert report.coverage.lost_cases == tuple(f"c-{place:03}" for place in range(5))


def test_scores_that_were_won_back_are_no_net_loss_and_no_proof_either() -> None:
    gained, lost = dict.fromkeys(range(20), "invalid_reply"), dict.fromkeys(range(20, 40), "invalid_reply")
    tables = make_table(REFERENCE, GOOD, unscored=gained), make_table(REFERENCE, GOOD, unscored=lost)
    report = compare(*tables)
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert report.verdict.reasons == ()
    assert compare(*tables, coverage_loss=0.1).verdict.word is VerdictWord.NO_WORSE
    assert (report.coverage.only_first, report.coverage.only_second) == (20, 20)
