from __future__ import annotations

import numpy as np
import pytest

from service.errors import RunInvalid
from service.evaluation.analysis.comparison_report import Terms, compare_runs, diff_prompts, list_changes
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import ComparisonReport
from tests.evaluation.tables import (
    FloatArray,
    blur,
    draw_reference,
    explain,
    make_identity,
    make_source,
    make_table,
    take,
)

REFERENCE = draw_reference(1, 100)
GOOD = blur(REFERENCE, 2, 0.7)
TABLE = make_table(REFERENCE, GOOD)


def compare(graded: FloatArray, **policy: float) -> ComparisonReport:
    terms = Terms(Policy.model_validate(policy))
    return compare_runs(make_source(TABLE, run_id="old"), make_source(make_table(REFERENCE, graded)), terms)


def test_what_differs_between_two_runs_is_listed() -> None:
    changes = list_changes(make_identity(), make_identity(prompt="grade@v2", mode="screening", run_id="other"))
    assert changes == ("Prompt: grade@v1 → grade@v2", "Mode: practice → screening")
    assert list_changes(make_identity(), make_identity(run_id="other", label="other")) == ()


def test_a_changed_prompt_is_shown_as_a_diff() -> None:
    first = make_source(TABLE, prompt_text="Same.\nOld line.\n")
    second = make_source(TABLE, prompt_text="Same.\nNew line.\n", prompt="grade@v2")
    lines = diff_prompts(first, second).splitlines()
    assert lines[:2] == ["--- grade@v1", "+++ grade@v2"]
    assert "-Old line." in lines
    assert "+New line." in lines
    assert diff_prompts(first, first) == ""


def test_cases_that_cross_the_cut_off_are_named() -> None:
    graded = GOOD.copy()
    order = np.argsort(GOOD.mean(axis=1), kind="stable")
    graded[order[0]], graded[order[-1]] = 5, 1
    flips = compare(graded).rank_flips
    assert flips.cut_off == "the best 20%"
    assert f"c-{order[0]:03}" in flips.entered
    assert f"c-{order[-1]:03}" in flips.left
    assert 0 < take(flips.kendall_tau) < 1


def test_cases_of_which_nothing_can_be_ranked() -> None:
    lost = make_table(REFERENCE, GOOD, unscored=dict.fromkeys(range(100), "invalid_reply"))
    report = compare_runs(make_source(TABLE), make_source(lost), Terms(Policy()))
    assert explain(report.rank_flips.kendall_tau) == "No case was scored by both runs."
    assert report.coverage.only_first == 100
    assert report.shown[0].moved_by == 5


def test_the_most_moved_cases_are_shown_with_both_sides() -> None:
    graded = GOOD.copy()
    graded[[3, 50]] = 6 - graded[[3, 50]]
    graded[3] = 1 if GOOD[3].mean() > 3 else 5
    shown = compare(graded).shown
    assert {case.id for case in shown} <= {"c-003", "c-050"}
    assert [len(case.sides) for case in shown] == [2] * len(shown)
    assert shown[0].sides[0].overall != shown[0].sides[1].overall


def test_two_runs_over_different_cases_are_refused_or_cut_to_what_they_share() -> None:
    some = make_table(REFERENCE[:80], GOOD[:80])
    with pytest.raises(RunInvalid, match="only run-1 has c-080, c-081, c-082, c-083, c-084 and 15 more"):
        compare_runs(make_source(TABLE), make_source(some), Terms(Policy()))
    report = compare_runs(make_source(TABLE), make_source(some), Terms(Policy(), common=True))
    assert report.differences[0].n == 80
    assert [run.coverage.cases for run in report.runs] == [80, 80]


def test_coverage_counts_every_case_once() -> None:
    first = make_table(REFERENCE, GOOD, unscored={0: "invalid_reply", 1: "invalid_reply"})
    second = make_table(REFERENCE, GOOD, unscored={1: "reply_empty", 2: "reply_empty", 3: "reply_empty"})
    found = compare_runs(make_source(first), make_source(second), Terms(Policy())).coverage
    assert (found.both, found.only_first, found.only_second, found.neither) == (96, 2, 1, 1)
    assert found.lost_cases == ("c-002", "c-003")


def test_runs_that_scored_the_same_cases_have_no_test_of_it() -> None:
    assert explain(compare(GOOD).coverage.mcnemar_p) == "Both runs scored the same cases."
