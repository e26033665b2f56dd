from __future__ import annotations

import numpy as np
import pytest

from service.evaluation.analysis.agreement import bin_points, measure_ceiling, measure_scopes, name_scopes
from service.evaluation.policy import Policy
from service.evaluation.results.numbers import OVERALL, Interval
from service.evaluation.results.run import Agreement, Yardstick
from service.evaluation.table import RunTable
from service.statistics.agreement import measure_agreement
from tests.evaluation.tables import (
    FloatArray,
    average,
    blur,
    draw_reference,
    explain,
    get_rubric,
    list_criteria,
    make_table,
    take,
)
from tests.statistics.arrays import take as take_measured

NAN = float("nan")
FIRST_CRITERION, SECOND_CRITERION = list_criteria()[:2]


def measure(table: RunTable, yardstick: RunTable | None = None) -> dict[str, Agreement]:
    rows = measure_scopes(table, name_scopes(get_rubric()), yardstick, Policy())
    return {row.scope: row for row in rows}


def find(row: Agreement, name: str) -> Yardstick | None:
    return next((one for one in row.yardsticks if one.name == name), None)


def rate_twice(reference: FloatArray, first: FloatArray, second: FloatArray, graded: FloatArray) -> RunTable:
    return make_table(
        reference,
        graded,
        first_levels=first,
        first_overall=average(first),
        second_levels=second,
        second_overall=average(second),
    )


def test_each_scope_is_measured_on_its_own() -> None:
    reference = draw_reference(1, 60)
    graded = np.column_stack([reference[:, 0], 6 - reference[:, 1]])
    rows = measure(make_table(reference, graded))
    assert list(rows) == [OVERALL, FIRST_CRITERION, SECOND_CRITERION]
    assert take(rows[FIRST_CRITERION].qwk.value) == 1
    assert take(rows[SECOND_CRITERION].qwk.value) == pytest.approx(-1, abs=0.1)
    assert rows[FIRST_CRITERION].name == get_rubric().criteria[0].name


def test_overall_is_that_of_the_plain_numbers() -> None:
    reference, graded = draw_reference(2, 80), blur(draw_reference(2, 80), 3, 0.8)
    expected = measure_agreement(reference.mean(axis=1), graded.mean(axis=1))
    row = measure(make_table(reference, graded))[OVERALL]
    assert take(row.qwk.value) == pytest.approx(take_measured(expected.kappa))
    assert take(row.mae.value) == pytest.approx(expected.mean_error)
    assert isinstance(row.qwk.interval, Interval)
    assert row.qwk.interval.low < take(row.qwk.value) < row.qwk.interval.high


@pytest.mark.parametrize("graded", [np.full((50, 2), 3.0), draw_reference(1, 50)])
def test_equal_references_have_no_kappa_and_it_says_so(graded: FloatArray) -> None:
    row = measure(make_table(np.full((50, 2), 3.0), graded))[OVERALL]
    assert row.n == 50
    assert explain(row.qwk.value) == "Every case has the same reference level, so there is nothing to agree on."
    assert explain(row.pearson) == "Every case has the same reference level."
    assert take(row.mae.value) == pytest.approx(np.abs(graded.mean(axis=1) - 3).mean())


def test_one_case_has_a_report_that_says_what_is_missing() -> None:
    row = measure(make_table([[4.0, 2.0]], [[3.0, 2.0]]))[OVERALL]
    assert row.n == 1
    assert take(row.mae.value) == pytest.approx(0.5)
    for number in (row.qwk.value, row.pearson, row.icc, row.standardised_difference):
        assert explain(number).endswith(".")
    assert explain(row.qwk.interval)  # type: ignore[arg-type]


def test_cases_without_a_reference_are_left_open() -> None:
    rows = measure(make_table(np.full((9, 2), NAN), draw_reference(1, 9)))
    assert rows[OVERALL].n == 0
    assert explain(rows[OVERALL].qwk.value) == "No case has both a reference and a grade here."


def test_a_grade_that_is_missing_shrinks_n_and_nothing_else() -> None:
    reference = draw_reference(4, 60)
    half = dict.fromkeys(range(0, 60, 2), "invalid_reply")
    row = measure(make_table(reference, reference, unscored=half))[OVERALL]
    assert row.n == 30
    assert take(row.qwk.value) == 1
    assert sum(band.n for band in row.bands) == 30


def test_not_observed_counts_as_the_lowest_level_and_is_told_apart() -> None:
    reference, graded = np.array([[1.0], [1.0], [4.0], [3.0]]), np.array([[1.0], [1.0], [1.0], [3.0]])
    table = make_table(
        reference,
        graded,
        reference_observed=np.array([[False], [True], [True], [True]]),
        observed=np.array([[[True]], [[True]], [[False]], [[True]]]),
    )
    row = measure(table)[FIRST_CRITERION]
    assert row.confusion_labels[0] == "not observed"
    assert row.confusion[0][1] == 1  # the raters saw nothing, the grader a 1
    assert row.confusion[4][0] == 1  # the grader saw nothing, the raters a 4
    assert row.confusion[1][1] == row.confusion[3][3] == 1
    assert (row.n, row.observed_n) == (4, 2)


def test_most_of_the_repeats_that_judged_decide_what_was_observed() -> None:
    levels = np.array([[[4.0], [NAN], [NAN]], [[4.0], [1.0], [1.0]], [[4.0], [4.0], [1.0]]])
    observed = np.array([[[True], [False], [False]], [[True], [False], [False]], [[True], [True], [False]]])
    row = measure(make_table(np.full((3, 1), 4.0), levels, observed=observed))[FIRST_CRITERION]
    assert row.observed_n == 2  # of the first case one grading came back, and that one observed it
    assert row.confusion[0] == (0,) * 6
    assert sum(line[0] for line in row.confusion) == 1


def test_length_alone_is_a_yardstick() -> None:
    reference = np.repeat([[1.0], [3.0], [5.0]], 20, axis=0)
    words = (reference[:, 0] * 50).astype(np.int64)
    row = measure(make_table(reference, reference, words=words))[OVERALL]
    found = find(row, "length only")
    assert found is not None
    assert take(found.qwk) > 0.9


def test_the_embedded_grader_is_a_yardstick_on_the_same_cases() -> None:
    reference = draw_reference(5, 40)
    table = make_table(reference, reference)
    other = make_table(reference[10:], blur(reference, 6, 1)[10:], ids=table.case_ids[10:])
    other = make_table(
        reference[10:], other.levels, ids=table.case_ids[10:], fingerprints=table.fingerprints[10:]
    )  # ten cases that it has not graded
    found = find(measure(table, other)[OVERALL], "embedded grader")
    assert found is not None
    assert found.n == 30
    assert 0 < take(found.qwk) < 1


def test_a_yardstick_that_graded_other_answers_or_criteria_is_none() -> None:
    reference = draw_reference(5, 40)
    table = make_table(reference, reference)
    other_answers = make_table(reference, reference, fingerprints=("changed",) * 40)
    assert find(measure(table, other_answers)[OVERALL], "embedded grader") is None
    narrowed = make_table(reference[:, :1], reference[:, :1])
    rows = measure(table, narrowed)
    assert find(rows[OVERALL], "embedded grader") is None
    assert find(rows[FIRST_CRITERION], "embedded grader") is not None


def test_where_two_rated_the_ceiling_is_one_against_the_other() -> None:
    first, second = draw_reference(7, 60), blur(draw_reference(7, 60), 8, 0.8)
    mean = (first + second) / 2  # what a set with `reference: mean` is held against
    expected = take_measured(measure_agreement(first.mean(axis=1), second.mean(axis=1)).kappa)
    against_mean = take_measured(measure_agreement(mean.mean(axis=1), second.mean(axis=1)).kappa)
    assert against_mean > expected + 0.02
    table = rate_twice(mean, first, second, mean)
    (ceiling,) = measure_ceiling(table)
    assert (ceiling.name, ceiling.n) == ("second rating", 60)
    assert take(ceiling.qwk) == pytest.approx(expected)
    beside = find(measure(table)[OVERALL], "second rating")
    assert beside == ceiling


def test_the_ceiling_is_of_the_cases_that_were_rated_twice() -> None:
    first, second = draw_reference(7, 60), blur(draw_reference(7, 60), 8, 0.8)
    second[12:] = NAN
    (ceiling,) = measure_ceiling(rate_twice(first, first, second, first))
    assert ceiling.n == 12
    second[1:] = NAN
    assert measure_ceiling(rate_twice(first, first, second, first)) == ()


def test_degradation_is_the_second_rating_less_the_grader_on_the_same_cases() -> None:
    first, second = draw_reference(7, 60), blur(draw_reference(7, 60), 8, 0.8)
    second[40:] = NAN
    row = measure(rate_twice(first, first, second, first))[OVERALL]
    human = take_measured(measure_agreement(first[:40].mean(axis=1), second[:40].mean(axis=1)).kappa)
    assert take(row.degradation) == pytest.approx(human - 1)
    second[1:] = NAN
    assert explain(measure(rate_twice(first, first, second, first))[OVERALL].degradation) == (
        "Fewer than two cases were rated twice."
    )


def test_points_are_binned_and_none_is_lost() -> None:
    reference = draw_reference(1, 400, 3)
    points = bin_points(make_table(reference, blur(reference, 2, 1.0)))
    assert sum(point.count for point in points) == 400
    assert len(points) <= 41 * 41
    assert bin_points(make_table(np.full((3, 1), NAN), np.full((3, 1), 2.0))) == ()
