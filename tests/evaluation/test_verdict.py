"""The four words, each by runs made to deserve it, and what may hide behind a good overall number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.evaluation.analysis.comparison_report import Terms, compare_runs
from service.evaluation.analysis.coverage import count_at_worst
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import ComparisonReport, VerdictWord
from service.evaluation.results.numbers import OVERALL, Interval, Missing
from service.evaluation.robustness.families import Family
from service.evaluation.table import RunTable
from service.statistics.undefined import Undefined
from tests.evaluation.robustness.making import make_family
from tests.evaluation.tables import (
    FloatArray,
    blur,
    draw_reference,
    list_criteria,
    list_questions,
    make_source,
    make_table,
    shuffle,
    take,
)

CASES = 280
REFERENCE = draw_reference(1, CASES, 3)
GOOD = blur(REFERENCE, 2, 0.7)


def compare(first: RunTable, second: RunTable, *families: Family, **policy: Any) -> ComparisonReport:
    terms = Terms(Policy(**policy), families=families)
    return compare_runs(make_source(first, run_id="old"), make_source(second, run_id="new"), terms)


def compare_levels(first: FloatArray, second: FloatArray, **policy: Any) -> ComparisonReport:
    return compare(make_table(REFERENCE, first), make_table(REFERENCE, second), **policy)


def test_identical_runs_are_no_worse_and_nothing_is_unsure() -> None:
    report = compare_levels(GOOD, GOOD)
    assert report.verdict.word is VerdictWord.NO_WORSE
    assert report.verdict.reasons == ()
    for row in report.differences:
        assert row.qwk.value == 0
        assert row.qwk.interval == Interval(low=0, high=0)
    assert report.shown == ()
    assert report.rank_flips.entered == report.rank_flips.left == ()


def test_a_clearly_better_grader_is_better() -> None:
    report = compare_levels(blur(REFERENCE, 2, 1.6), GOOD)
    assert report.verdict.word is VerdictWord.BETTER
    assert "the whole interval lies above zero" in report.verdict.sentence


def test_a_damaged_grader_is_worse() -> None:
    report = compare_levels(GOOD, shuffle(GOOD, 3))
    assert report.verdict.word is VerdictWord.WORSE
    assert "beyond the margin of 0.050" in report.verdict.sentence


def test_a_small_loss_within_the_margin_is_no_worse() -> None:
    second = GOOD.copy()
    second[::20] = blur(GOOD, 4, 1.0)[::20]
    report = compare_levels(GOOD, second)
    assert report.verdict.word is VerdictWord.NO_WORSE
    assert take(report.differences[0].qwk.value) < 0
    assert compare_levels(GOOD, second, margin_qwk=0.0001).verdict.word is not VerdictWord.NO_WORSE


def test_a_wide_interval_is_not_enough_evidence() -> None:
    reference = draw_reference(1, 42, 4)
    first, second = blur(reference, 2, 1.2), blur(reference, 4, 1.2)
    report = compare(make_table(reference, first), make_table(reference, second))
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert "neither zero nor a loss of 0.050, the margin, is ruled out" in report.verdict.sentence


def test_few_cases_are_not_enough_even_when_all_is_lost() -> None:
    reference = draw_reference(1, 39, 4)
    tables = make_table(reference, reference), make_table(reference, 6 - reference)
    report = compare(*tables)
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert report.verdict.sentence.startswith("Only 39 cases have a reference and both grades; the policy asks for 40.")
    assert compare(*tables, fewest_cases=39).verdict.word is VerdictWord.WORSE


def test_cases_without_a_reference_do_not_count_as_evidence() -> None:
    reference = REFERENCE.copy()
    reference[30:] = np.nan
    report = compare(make_table(reference, GOOD), make_table(reference, GOOD))
    assert report.verdict.sentence.startswith("Only 30 cases have a reference and both grades")


def test_few_questions_are_not_enough() -> None:
    clusters = list_questions(CASES, 5)
    first, second = (make_table(REFERENCE, graded, clusters=clusters) for graded in (GOOD, 6 - GOOD))
    report = compare(first, second)
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert report.verdict.sentence.startswith("The cases are of only 5 questions; the policy asks for 6.")


def test_one_case_is_not_enough_and_says_why() -> None:
    report = compare(make_table([[3.0, 2.0]], [[3.0, 2.0]]), make_table([[3.0, 2.0]], [[4.0, 2.0]]))
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert "There is no interval for the difference." in report.verdict.sentence


def test_no_references_are_not_enough() -> None:
    none = np.full_like(REFERENCE, np.nan)
    report = compare(make_table(none, GOOD), make_table(none, shuffle(GOOD, 1)))
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert isinstance(report.differences[0].qwk.value, Missing)
    assert take(report.differences[0].mean.value) is not None  # how far levels moved is known without raters


def test_equal_references_are_not_enough() -> None:
    flat = np.full_like(REFERENCE, 3.0)
    report = compare(make_table(flat, GOOD), make_table(flat, shuffle(GOOD, 1)))
    assert report.verdict.word is VerdictWord.NOT_ENOUGH
    assert "Every case has the same reference level" in report.verdict.sentence


@pytest.mark.parametrize("seed", [81, 144, 213, 216, 294])
def test_chance_on_five_cases_of_two_questions_is_no_regression(seed: int) -> None:
    """Of 300 such pairs these had a criterion with an adjusted p of 0.000, and were called worse."""
    reference = draw_reference(seed, 5, 8)
    first, second = blur(reference, 2 + seed, 0.5), blur(reference, 1000 + seed, 0.5)
    clusters = list_questions(5, 2)
    report = compare(make_table(reference, first, clusters=clusters), make_table(reference, second, clusters=clusters))
    assert report.verdict.word is VerdictWord.NOT_ENOUGH


def test_a_criterion_that_broke_behind_a_good_overall_is_worse() -> None:
    reference = draw_reference(1, CASES, 8)
    first, second = blur(reference, 2, 2.5), blur(reference, 3, 0.5)
    first[:, 3], second[:, 3] = second[:, 3], shuffle(reference, 5)[:, 3]
    report = compare(make_table(reference, first), make_table(reference, second))
    assert report.differences[0].word is VerdictWord.BETTER
    assert report.verdict.word is VerdictWord.WORSE
    (reason,) = report.verdict.reasons
    assert reason.startswith(report.differences[4].name)
    assert report.differences[4].scope == list_criteria()[3]
    assert "at least the margin of 0.100" in reason
    assert report.verdict.sentence.startswith(reason)


def test_a_criterion_of_few_questions_is_not_called_worse() -> None:
    """All of it is lost, in five questions of ten cases; its jackknife error rests on five values."""
    reference, second = REFERENCE.copy(), GOOD.copy()
    reference[np.arange(CASES) % 28 >= 5, 2], second[:, 2] = np.nan, 6 - GOOD[:, 2]
    tables = make_table(reference, GOOD), make_table(reference, second)
    assert compare(*tables).differences[3].word is VerdictWord.NOT_ENOUGH
    report = compare(*tables, fewest_clusters=5)
    assert report.differences[3].word is VerdictWord.WORSE
    assert report.verdict.word is VerdictWord.WORSE


def test_a_criterion_that_fell_by_less_than_its_margin_is_let_pass() -> None:
    second = GOOD.copy()
    second[:, 2] = blur(GOOD, 6, 0.6)[:, 2]
    report = compare_levels(GOOD, second)
    fall = -take(report.differences[3].qwk.value)
    assert 0 < fall < 0.1
    assert report.verdict.reasons == ()
    assert compare_levels(GOOD, second, criterion_margin_qwk=fall / 2).verdict.word is VerdictWord.WORSE


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


def derive(graded: FloatArray, rise: float) -> RunTable:
    """Ten cases that were made from the first ten, graded higher by `rise`."""
    pairs = np.vstack([graded, np.clip(graded[:10] + rise, 1, 5)])
    return make_table(
        np.vstack([REFERENCE, np.full((10, 3), np.nan)]),
        pairs,
        bases=("",) * CASES + tuple(f"c-{place:03}" for place in range(10)),
        families=("",) * CASES + ("longer",) * 10,
    )


RULE = make_family(invariant={"kind": "no_rise", "by": 0})


def test_a_robustness_family_that_broke_is_worse() -> None:
    low = np.minimum(GOOD, 3)
    report = compare(derive(low, 0), derive(low, 1), RULE)
    assert report.differences[0].word is VerdictWord.NO_WORSE
    assert report.verdict.word is VerdictWord.WORSE
    assert report.verdict.reasons == ("Longer: broken by 10 of 10 cases now, and by 0 before (adjusted p 0.004).",)
    ignored = compare(derive(low, 0), derive(low, 1), RULE, families="ignore")
    assert ignored.verdict.word is VerdictWord.NO_WORSE


def rise_once(graded: FloatArray) -> RunTable:
    """As `derive` without a rise, but for one case."""
    table = derive(graded, 0)
    table.levels[CASES, :, 0] += 1
    return table


def test_one_case_decides_only_between_graders_without_noise() -> None:
    """By chance alone one case broke its promise in up to 65 % of equal noisy graders, and each was called worse."""
    low = np.minimum(GOOD, 3)
    tables = derive(low, 0), rise_once(low)
    assert compare(*tables, RULE).verdict.word is VerdictWord.NO_WORSE
    reasons = ("Longer: held before, and is broken by 1 of 10 cases now.",)
    terms = Terms(Policy(), families=(RULE,))
    embedded = [make_source(table, model_requested="embedded") for table in tables]
    assert compare_runs(embedded[0], embedded[1], terms).verdict.reasons == reasons
    assert compare_runs(make_source(tables[0]), embedded[1], terms).verdict.reasons == ()
    steady = [make_source(repeat(table)) for table in tables]
    assert compare_runs(steady[0], steady[1], terms).verdict.reasons == reasons
    shaky = repeat(tables[1])
    shaky.levels[0, 1, 0] += 1
    assert compare_runs(steady[0], make_source(shaky), terms).verdict.reasons == ()


def repeat(table: RunTable) -> RunTable:
    """The same grades twice."""
    return replace(
        table,
        levels=np.repeat(table.levels, 2, axis=1),
        observed=np.repeat(table.observed, 2, axis=1),
        overall=np.repeat(table.overall, 2, axis=1),
        reasons=tuple(row * 2 for row in table.reasons),
        raised=tuple(row * 2 for row in table.raised),
        latency_seconds=np.repeat(table.latency_seconds, 2, axis=1),
        tokens_in=np.repeat(table.tokens_in, 2, axis=1),
        tokens_out=np.repeat(table.tokens_out, 2, axis=1),
        cost_usd=np.repeat(table.cost_usd, 2, axis=1),
    )


def test_a_family_that_was_broken_before_is_no_new_break() -> None:
    low = np.minimum(GOOD, 3)
    assert compare(derive(low, 1), derive(low, 1), RULE).verdict.word is VerdictWord.NO_WORSE
    assert compare(derive(low, 1), derive(low, 0), RULE).verdict.word is VerdictWord.NO_WORSE


def test_asking_more_often_does_not_make_a_grader_better_or_worse() -> None:
    """The mean of three gradings agrees better than one: kappa +0.07 for the same grader."""
    thrice = np.stack([blur(REFERENCE, seed, 0.9) for seed in (11, 12, 13)], axis=1)
    once, again = make_table(REFERENCE, thrice[:, 0]), make_table(REFERENCE, thrice)
    for report in (compare(once, again), compare(again, once)):
        assert report.verdict.word is VerdictWord.NO_WORSE
        assert report.differences[0].qwk.value == 0
        assert any(change.startswith("Repeats") for change in report.changed)
        repeated = next(run for run in report.runs if run.identity.repeats == 3)
        assert not isinstance(repeated.repeatability, Missing)  # the noise is still that of all three


def test_the_same_comparison_gives_the_same_report() -> None:
    first, second = make_table(REFERENCE, GOOD), make_table(REFERENCE, blur(REFERENCE, 9, 0.8))
    assert compare(first, second) == compare(first, second)
    assert compare(first, second, seed=1).differences[0].qwk.interval != (
        compare(first, second).differences[0].qwk.interval
    )


def test_each_row_says_its_margin() -> None:
    report = compare_levels(GOOD, GOOD, margin_qwk=0.03, criterion_margin_qwk=0.2)
    assert [row.margin for row in report.differences] == [0.03, 0.2, 0.2, 0.2]
    assert report.differences[0].scope == OVERALL
