from __future__ import annotations

from typing import Any

import numpy as np

from service.evaluation.analysis.run_report import build_run_report, measure_repeatability
from service.evaluation.policy import Policy
from service.evaluation.results.numbers import Missing
from service.evaluation.results.run import RunReport
from service.evaluation.table import RunTable
from tests.evaluation.tables import blur, draw_reference, explain, make_source, make_table, take

NAN = float("nan")
REFERENCE = draw_reference(1, 60)
GOOD = blur(REFERENCE, 2, 0.7)


def report_on(table: RunTable, **identity: Any) -> RunReport:
    return build_run_report(make_source(table, **identity), None, (), Policy())


def test_half_of_the_replies_were_invalid_and_nothing_hides_it() -> None:
    half = dict.fromkeys(range(0, 60, 2), "invalid_reply")
    report = report_on(make_table(REFERENCE, GOOD, unscored=half))
    coverage = report.coverage
    assert (coverage.cases, coverage.scored, coverage.unscored) == (60, 30, {"invalid_reply": 30})
    assert coverage.wrongly_unscored == 30
    assert [row.n for row in report.agreement] == [30, 30, 30]
    assert sum(point.count for point in report.points) == 30
    assert report.cost.grades == 60


def test_nothing_was_scored() -> None:
    report = report_on(make_table(REFERENCE, GOOD, unscored=dict.fromkeys(range(60), "reply_refused")))
    assert report.coverage.scored == 0
    assert report.coverage.unscored == {"reply_refused": 60}
    assert explain(report.agreement[0].qwk.value) == "No case has both a reference and a grade here."
    assert report.points == ()
    assert report.shown == ()


def test_unscored_rightly_and_wrongly_are_told_apart() -> None:
    reference = REFERENCE.copy()
    reference[:6] = NAN
    none = ("nothing_observed",) * 6 + ("",) * 54
    unscored = {
        **dict.fromkeys(range(3), "nothing_observed"),  # as the raters said
        3: "invalid_reply",  # not for the raters' reason
        10: "nothing_observed",  # the raters saw something
    }
    coverage = report_on(make_table(reference, GOOD, unscored=unscored, reference_none=none)).coverage
    assert coverage.expected_unscored == 6
    assert coverage.rightly_unscored == 3
    assert coverage.wrongly_scored == 2
    assert coverage.wrongly_unscored == 1
    assert coverage.unscored == {"invalid_reply": 1, "nothing_observed": 4}
    assert coverage.scored + sum(coverage.unscored.values()) == coverage.cases


def test_flags_are_counted() -> None:
    raised = ((frozenset({"red_flag", "wide_spread"}),), *[(frozenset({"red_flag"}),)] * 59)
    assert report_on(make_table(REFERENCE, GOOD, raised=raised)).coverage.flags == {"red_flag": 60, "wide_spread": 1}


def test_costs_add_up_or_are_unknown() -> None:
    known = np.full((60, 1), 0.01)
    cost = report_on(make_table(REFERENCE, GOOD, cost_usd=known, tokens_in=known * 100, tokens_out=known * 200)).cost
    assert (take(cost.cost_usd), cost.tokens_in, cost.tokens_out) == (0.6, 60, 120)
    assert take(cost.latency_median_seconds) == 0.5
    some = known.copy()
    some[7] = NAN
    cost = report_on(make_table(REFERENCE, GOOD, cost_usd=some, tokens_in=some)).cost
    assert explain(cost.cost_usd) == "The backend did not say."
    assert cost.tokens_in == Missing(undefined="The backend did not say.")


def test_one_repeat_says_nothing_of_repeatability() -> None:
    assert isinstance(report_on(make_table(REFERENCE, GOOD)).repeatability, Missing)


def test_a_grader_that_says_the_same_again_has_no_noise() -> None:
    found = measure_repeatability(make_table(REFERENCE, np.stack([GOOD] * 3, axis=1)), Policy())
    assert not isinstance(found, Missing)
    assert (found.repeats, found.deviation, found.changed_share) == (3, 0, 0)
    assert found.noise_floor_mean == found.noise_floor_qwk == 0


def test_the_noise_of_repeats_is_measured_with_and_without_references() -> None:
    levels = np.stack([blur(REFERENCE, seed, 0.8) for seed in range(3)], axis=1)
    found = measure_repeatability(make_table(REFERENCE, levels), Policy())
    assert not isinstance(found, Missing)
    assert take(found.deviation) > 0.3
    assert take(found.noise_floor_qwk) > 0
    unrated = measure_repeatability(make_table(np.full((60, 2), NAN), levels), Policy())
    assert not isinstance(unrated, Missing)
    assert explain(unrated.noise_floor_qwk) == "No case has a reference and was scored in every repeat."
    assert unrated.deviation == found.deviation


def test_no_case_was_scored_in_every_repeat() -> None:
    levels = np.stack([GOOD, GOOD], axis=1)
    table = make_table(REFERENCE, levels, overall=np.column_stack([GOOD.mean(axis=1), np.full(60, NAN)]))
    assert measure_repeatability(table, Policy()) == Missing(undefined="No case was scored in every repeat.")


def test_the_worst_cases_are_shown_first_and_twenty_at_most() -> None:
    graded = REFERENCE.copy()
    graded[5] = 6 - graded[5]
    graded[10:40] = np.clip(graded[10:40] + 0.5, 1, 5)
    graded[5] = np.where(REFERENCE[5] >= 3, 1, 5)
    report = report_on(make_table(REFERENCE, graded))
    assert report.shown[0].id == "c-005"
    assert len(report.shown) == 20
    moves = [case.moved_by for case in report.shown]
    assert moves == sorted(moves, reverse=True)
    assert min(moves) > 0


def test_a_case_is_shown_with_the_reference_it_is_held_against() -> None:
    """Of a set whose reference is the mean of its raters, not with the first one's levels."""
    graded = np.full((60, 2), 1.0)
    reference = np.full((60, 2), 2.5)
    reference[:, 1] = 1
    observed = np.ones((60, 2), dtype=np.bool_)
    observed[:, 1] = False
    shown = report_on(make_table(reference, graded, reference_observed=observed)).shown[0]
    assert list(shown.reference.values()) == [2.5, "not_observed"]
    assert shown.reference_overall == 1.75
    assert shown.sides[0].criteria[0].rationale == "This baseline keeps the levels only."


def test_no_case_is_shown_when_every_grade_is_right() -> None:
    assert report_on(make_table(REFERENCE, REFERENCE)).shown == ()
