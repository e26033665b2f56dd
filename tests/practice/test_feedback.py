"""What a feedback page shows, made from a grade alone."""

from __future__ import annotations

import json

import pytest

from service.domain.evidence import Evidence
from service.domain.finding import NotObserved
from service.domain.grade import Flag, FlagCode, Improvement, RedFlagGrade, Scored, Unscored
from service.domain.judgement import NOT_OBSERVED
from service.grading.job import Progress, Step
from service.grading.pipeline import grade_answer
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from service.practice.events import EventKind, describe_progress
from service.practice.feedback import FLAGS_IN_PLAIN_WORDS, build_feedback_view, build_landed, round_level
from tests.factories import ANSWER_TEXT, make_empathy, make_reply_text, make_rubric
from tests.grades import make_grader, make_job, miss, observe

RUBRIC = make_rubric()
QUESTION = RUBRIC.questions[0]


def reply(request: Request, level: int | None) -> str:
    """`level` at each criterion; nothing was observed without one."""
    if level is not None:
        return make_reply_text(request.task, level=level)
    document = json.loads(make_reply_text(request.task))
    for criterion in document["criteria"].values():
        criterion |= {"level": NOT_OBSERVED, "quotes": [], "indicators_shown": []}
    document["feedback"]["strengths"] = []
    return json.dumps(document)


async def grade(level: int | None = 3) -> Scored | Unscored:
    return await grade_answer(make_job(), make_grader(ScriptedBackend(lambda request: reply(request, level))))


async def test_the_answer_is_whole_and_marked() -> None:
    made = await grade()
    view = build_feedback_view(made, RUBRIC, QUESTION)
    assert "".join(piece.text for piece in view.pieces) == ANSWER_TEXT
    for criterion in view.criteria:
        assert criterion.quotes
        marked = [piece for piece in view.pieces if criterion.place in piece.places]
        assert "".join(piece.text for piece in marked).startswith(criterion.quotes[0][:10])


@pytest.mark.parametrize(
    ("level", "here", "above"), [(1, None, 3), (2, 2, 3), (3, 3, 4), (5, 5, None), (None, None, 3)]
)
async def test_the_ladder_shows_this_step_and_the_next(level: int | None, here: int | None, above: int | None) -> None:
    view = build_feedback_view(await grade(level), RUBRIC, QUESTION)
    for criterion in view.criteria:
        assert [step.number for step in criterion.ladder] == [1, 2, 3, 4, 5]
        assert (criterion.here.number if criterion.here else None) == here
        assert (criterion.next.number if criterion.next else None) == above


async def test_only_who_reads_or_finds_a_red_flag_says_that_an_answer_does_harm() -> None:
    made = await grade(1)
    read = made.model_copy(update={"provenance": made.provenance.model_copy(update={"notice": None})})
    steps = [one.here for one in build_feedback_view(read, RUBRIC, QUESTION).criteria]
    assert [step.number for step in steps if step] == [1, 1]
    assert all(one.next and one.next.number == 3 for one in build_feedback_view(read, RUBRIC, QUESTION).criteria)
    empathy, resolution = made.criteria
    evidence = Evidence(quote=ANSWER_TEXT[:10], start=0, end=10)
    flag = RedFlagGrade(id="blames", behaviour="Blames the customer", caps_at=1, evidence=evidence)
    flagged = made.model_copy(update={"criteria": (empathy.model_copy(update={"red_flags": (flag,)}), resolution)})
    view = build_feedback_view(flagged, RUBRIC, QUESTION)
    assert [one.here.number if one.here else None for one in view.criteria] == [1, None]


async def test_an_example_of_the_rubric_is_told_from_a_better_sentence() -> None:
    made = await grade()
    assert made.feedback is not None
    indicator = RUBRIC.criteria[0].indicators[0]
    told = [
        Improvement(text="This was not found.", example=indicator.examples[0], criterion=RUBRIC.criteria[0].id),
        Improvement(text="Name the day.", example="I called on Tuesday.", criterion=RUBRIC.criteria[0].id),
    ]
    feedback = made.feedback.model_copy(update={"improvements": tuple(told)})
    view = build_feedback_view(made.model_copy(update={"feedback": feedback}), RUBRIC, QUESTION)
    assert [(one.is_example, one.why) for one in view.better] == [(True, indicator.behaviour), (False, "Name the day.")]
    assert {one.name for one in view.better} == {RUBRIC.criteria[0].name}


async def test_shares_of_the_overall_sum_to_one() -> None:
    view = build_feedback_view(await grade(), RUBRIC, QUESTION)
    assert {one.id: one.share for one in view.criteria} == pytest.approx({"empathy": 2 / 3, "resolution": 1 / 3})


async def test_a_better_sentence_stands_beside_the_candidates_own() -> None:
    made = await grade()
    assert made.feedback is not None
    told = [
        Improvement(text="Name it.", example="I said that I saw her anger.", criterion="empathy"),
        Improvement(text="Check.", example="I rang back.", criterion="unknown"),
        Improvement(text="Old.", example="From before the criterion was kept."),
    ]
    feedback = made.feedback.model_copy(update={"improvements": tuple(told)})
    view = build_feedback_view(made.model_copy(update={"feedback": feedback}), RUBRIC, QUESTION)
    empathy = next(one for one in view.criteria if one.id == "empathy")
    assert [one.own for one in view.better] == [empathy.quotes[-1], None, None]
    assert [one.better for one in view.better] == [one.example for one in told]


async def test_a_grade_keeps_which_criterion_an_improvement_is_about() -> None:
    made = await grade()
    assert made.feedback is not None
    assert {one.criterion for one in made.feedback.improvements} <= {"empathy", "resolution"}
    assert made.feedback.improvements


async def test_what_is_missing_has_its_tip() -> None:
    view = build_feedback_view(await grade(None), RUBRIC, QUESTION)
    assert view.overall is None
    assert [one.tip for one in view.criteria[0].missing] == [one.tip for one in RUBRIC.criteria[0].indicators]


def test_every_flag_is_told_in_plain_words() -> None:
    assert set(FLAGS_IN_PLAIN_WORDS) == set(FlagCode)


async def test_flags_are_not_in_the_words_of_reviewers() -> None:
    flag = Flag(code=FlagCode.THIN_EVIDENCE, message="for reviewers")
    made = (await grade()).model_copy(update={"flags": (flag,)})
    [shown] = build_feedback_view(made, RUBRIC, QUESTION).flags
    assert shown.message == FLAGS_IN_PLAIN_WORDS[FlagCode.THIN_EVIDENCE]


async def test_the_page_says_who_graded() -> None:
    made = await grade()
    grader = build_feedback_view(made, RUBRIC, QUESTION).grader
    assert (grader.is_model, grader.limits) == (False, made.provenance.notice)
    by_model = made.model_copy(update={"provenance": made.provenance.model_copy(update={"notice": None})})
    grader = build_feedback_view(by_model, RUBRIC, QUESTION).grader
    assert grader.is_model
    assert "can be wrong" in grader.limits


async def test_an_answer_without_a_score_has_its_reason() -> None:
    made = await grade_answer(make_job("Too short."), make_grader(ScriptedBackend([])))
    view = build_feedback_view(made, RUBRIC, QUESTION)
    assert view.reason is not None
    assert (view.overall, view.band, view.criteria, view.better) == (None, None, (), ())
    assert "".join(piece.text for piece in view.pieces) == "Too short."


async def test_the_band_comes_with_its_meaning() -> None:
    view = build_feedback_view(await grade(3), RUBRIC, QUESTION)
    assert (view.band, view.band_meaning) == ("Capable", "Does the job.")
    assert view.model_answer == QUESTION.model_answer


async def test_a_criterion_that_the_rubric_has_no_more_is_still_shown() -> None:
    """The rubric version of an old grade may be gone."""
    view = build_feedback_view(await grade(), RUBRIC.model_copy(update={"criteria": ()}), QUESTION)
    assert [(one.level, one.ladder, one.here, one.next) for one in view.criteria] == [(3.0, (), None, None)] * 2


@pytest.mark.parametrize(("level", "step"), [(1.0, 1), (1.49, 1), (1.5, 2), (3.67, 4), (4.5, 5), (5.0, 5)])
def test_a_mean_of_samples_stands_on_the_nearest_step(level: float, step: int) -> None:
    assert round_level(level) == step


def test_a_landed_criterion_counts_red_flags_in() -> None:
    landed = build_landed(observe(make_empathy(), 4, caps=[2]))
    assert (landed.level, landed.anchor) == (2, make_empathy().levels[1].anchor)
    absent: NotObserved = miss(make_empathy())
    assert (build_landed(absent).level, build_landed(absent).anchor, build_landed(absent).quotes) == (None, None, ())


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.CRITERION])
def test_each_step_is_told_in_words(step: Step) -> None:
    event = describe_progress(3, Progress(step))
    assert (event.number, event.kind) == (3, EventKind.STEP)
    assert event.message
