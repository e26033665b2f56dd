"""The four words, each by runs made to deserve it, and the words for single criteria."""

from __future__ import annotations

import numpy as np
import pytest

from service.evaluation.results.comparison import VerdictWord
from service.evaluation.results.numbers import OVERALL, Interval, Missing
from service.evaluation.verdict import state_p
from tests.evaluation.comparing import CASES, GOOD, REFERENCE, compare, compare_levels
from tests.evaluation.tables import (
    blur,
    draw_reference,
    list_criteria,
    list_questions,
    make_table,
    shuffle,
    take,
)


def test_identical_runs_are_no_worse_and_nothing_is_unsure() -> None:
    report = compare_levels(GOOD, GOOD)
    assert report.verdict.word is VerdictWord.NO_WORSE
    assert report.verdict.reasons == ()
    assert report.verdict.sentence == "Every grade is the same in both runs, so nothing has changed."
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
    assert "Only 30 cases have a reference and both grades" in report.verdict.sentence
    assert (report.differences[0].n, report.differences[0].graded_n) == (30, CASES)


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


def test_a_criterion_that_is_surely_lower_is_called_so() -> None:
    """It was `not enough evidence`, though the whole interval lay below zero."""
    second = GOOD.copy()
    second[:, 2] = blur(GOOD, 6, 0.6)[:, 2]
    row = compare_levels(GOOD, second).differences[3]
    assert isinstance(row.qwk.interval, Interval)
    low, high = row.qwk.interval.low, row.qwk.interval.high
    assert low < take(row.qwk.value) < high < 0
    for margin, word in ((-low * 1.05, VerdictWord.LOWER_WITHIN), (-low * 0.98, VerdictWord.LOWER)):
        report = compare_levels(GOOD, second, criterion_margin_qwk=margin)
        assert report.differences[3].word is word
        assert report.verdict.word is VerdictWord.NO_WORSE  # single criteria do not decide it
    few = compare_levels(GOOD, second, fewest_cases=CASES + 1).differences[3]
    assert few.word is VerdictWord.NOT_ENOUGH


@pytest.mark.parametrize(
    ("p", "said"), [(0.0, "p < 0.001"), (0.0009, "p < 0.001"), (0.001, "p 0.001"), (1.0, "p 1.000")]
)
def test_no_p_is_zero(p: float, said: str) -> None:
    assert state_p(p) == said


def test_equal_grades_of_too_few_cases_are_said_to_be_equal_and_few() -> None:
    sentence = compare_levels(GOOD, GOOD, fewest_cases=CASES + 1).verdict.sentence
    assert sentence.startswith(f"Every grade is the same in both runs. Only {CASES} cases have a reference")
    moved = GOOD.copy()
    moved[0] = np.where(GOOD[0] > 1, 1, 2)
    assert "Every grade" not in compare_levels(GOOD, moved).verdict.sentence
