"""Findings become the grade that is read; samples and calls are put together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from service.domain.finding import Findings
from service.domain.grade import CriterionNotObserved, CriterionScored
from service.domain.judgement import FeedbackJudgement, ImprovementClaim, StrengthClaim
from service.domain.score import compute_score
from service.domain.task import Mode
from service.grading.build import build_feedback, build_provenance, build_scored, merge_findings
from service.grading.call import CallLog
from service.grading.estimate import Estimator
from service.llm.base import Reply
from service.llm.scripted import ScriptedBackend
from tests.factories import make_empathy, make_resolution
from tests.grades import QUOTE, STAMP, make_job, miss, observe

EMPATHY, RESOLUTION = make_empathy(), make_resolution()


def make_feedback(name: str, improvements: int = 2) -> FeedbackJudgement:
    return FeedbackJudgement(
        summary=f"Summary {name}.",
        strengths=(StrengthClaim(text=f"Strength {name}.", quote=QUOTE.quote),),
        improvements=tuple(
            ImprovementClaim(criterion=name, indicator="i", text=f"{name} {number}", example="E.")
            for number in range(improvements)
        ),
        next_step=f"Next {name}.",
        follow_up_question=f"Question {name}?",
    )


def test_one_part_is_the_whole() -> None:
    part = Findings(criteria=(observe(EMPATHY, 3),), feedback=make_feedback("a"))
    assert merge_findings(make_job(), [part]) is part


def test_parts_are_put_side_by_side_with_the_weightiest_gap_first() -> None:
    # weights 2 and 1: a gap of 2 levels in empathy (4) outweighs one of 3 in resolution (3)
    parts = [
        Findings(criteria=(observe(RESOLUTION, 2),), feedback=make_feedback("resolution")),
        Findings(criteria=(observe(EMPATHY, 3),), feedback=make_feedback("empathy")),
    ]
    merged = merge_findings(make_job(), parts)
    assert [finding.criterion.id for finding in merged.criteria] == ["resolution", "empathy"]
    assert merged.feedback.summary == "Summary resolution. Summary empathy."
    assert [claim.text for claim in merged.feedback.improvements] == ["empathy 0", "resolution 0", "empathy 1"]
    assert [claim.text for claim in merged.feedback.strengths] == ["Strength resolution.", "Strength empathy."]
    assert merged.feedback.next_step == "Next empathy."
    assert merged.feedback.follow_up_question == "Question empathy?"


def test_what_was_not_observed_is_the_widest_gap() -> None:
    parts = [
        Findings(criteria=(observe(EMPATHY, 4),), feedback=make_feedback("empathy")),
        Findings(criteria=(miss(RESOLUTION),), feedback=make_feedback("resolution")),
    ]
    assert merge_findings(make_job(), parts).feedback.next_step == "Next resolution."


def build(levels: Sequence[float | None], mode: Mode = Mode.PRACTICE) -> list[CriterionScored | CriterionNotObserved]:
    job = make_job(mode=mode)
    found = [
        miss(criterion) if level is None else observe(criterion, level, shown=["names-feeling", "listens"])
        for criterion, level in zip((EMPATHY, RESOLUTION), levels, strict=True)
    ]
    score = compute_score([Findings(criteria=tuple(found), feedback=make_feedback("a"))], job.question.weights)
    provenance = build_provenance(job, ScriptedBackend([]), CallLog())
    grade = build_scored(job, STAMP, score, score.overall or 1.0, make_feedback("a"), (), provenance)
    return list(grade.criteria)


def test_what_was_shown_and_what_is_missing_come_in_the_rubrics_order() -> None:
    empathy, resolution = build([4, None])
    assert [one.indicator for one in empathy.shown] == ["listens", "names-feeling"]
    assert empathy.missing == ()
    assert [(one.indicator, one.tip) for one in resolution.missing] == [("follows-up", RESOLUTION.indicators[0].tip)]
    assert resolution.level is None
    assert (empathy.weight, resolution.weight) == (2.0, 1.0)


def test_screening_shows_no_coaching() -> None:
    for criterion in build([4, None], Mode.SCREENING):
        assert criterion.advice is None
        assert all(one.tip is None for one in criterion.missing)
    feedback = build_feedback(make_job(mode=Mode.SCREENING), make_feedback("a"))
    assert (feedback.improvements, feedback.next_step, feedback.model_answer) == ((), None, None)
    assert feedback.strengths != ()


def test_practice_shows_the_model_answer() -> None:
    job = make_job()
    assert build_feedback(job, make_feedback("a")).model_answer == job.question.model_answer


def test_an_empty_text_is_none() -> None:
    feedback = build_feedback(make_job(), FeedbackJudgement(summary="S."))
    assert (feedback.next_step, feedback.follow_up_question) == (None, None)


@pytest.mark.parametrize(
    ("samples", "estimator", "temperature"), [(1, "stated_level", 0.0), (3, "mean_of_stated_levels", 0.7)]
)
def test_the_provenance_says_what_made_the_grade(samples: int, estimator: str, temperature: float) -> None:
    job, log = make_job(samples=samples), CallLog()
    log.attempts = 5
    log.replies += [
        Reply("one", "served-a", 1, 2, 0.5),
        Reply("two", "served-b", 1, 2, 0.5),
        Reply("3", "served-a", 1, 2, 0.5),
    ]
    made = build_provenance(job, ScriptedBackend([], name="openai/some-model"), log, Estimator(estimator))
    assert (made.backend, made.model_requested) == ("openai", "openai/some-model")
    assert made.models_served == ("served-a", "served-b")
    assert (made.estimator, made.parameters["temperature"], made.samples) == (estimator, temperature, samples)
    assert (made.attempts, made.tokens.input, made.tokens.output, made.cost_usd) == (5, 3, 6, 1.5)
    assert made.prompt.hash == job.prompt.content_hash
    assert made.rubric.hash == job.rubric.content_hash
    assert made.raw_replies == ("one", "two", "3")
