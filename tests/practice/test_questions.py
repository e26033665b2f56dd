"""Which questions there are to practise: listed, searched, drawn, and put together as an interview."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.domain.practice import make_question_key
from service.domain.rubric import QuestionKind
from service.errors import PracticeInvalid, UnknownInterview, UnknownQuestion, UnknownRubric
from service.practice.catalogue import choose_newest, describe_question, draw_question, search_questions
from service.practice.interviewing import plan_interview
from service.wiring_practice import Practice
from tests.factories import make_rubric
from tests.practice.rig import ADA, BOB, QUESTION, RUBRIC, attempt, run_practice

SMALL = make_rubric()
QUESTIONS = tuple(describe_question(SMALL, one) for one in SMALL.questions)


def test_only_the_newest_version_of_a_rubric_is_practised() -> None:
    newest = choose_newest([make_rubric(version=version) for version in (2, 10, 1)])
    assert [rubric.version for rubric in newest] == [10]


def test_criteria_come_by_weight() -> None:
    assert [one.id for one in QUESTIONS[0].criteria] == ["empathy", "resolution"]
    assert QUESTIONS[0].kind is QuestionKind.PAST_BEHAVIOUR


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["angry-customer", "empathy-only"]),
        ("angry", ["angry-customer"]),
        ("ANGRI costumer", ["angry-customer"]),  # both misspelt
        ("underst", ["empathy-only"]),  # the beginning of a word
        ("resolution", ["angry-customer"]),  # the name of a criterion
        ("customer understand", ["empathy-only"]),
        ("small", ["angry-customer", "empathy-only"]),  # the rubric's title
        ("parachute", []),
        ("angry parachute", []),
        ("?!", ["angry-customer", "empathy-only"]),
    ],
)
def test_search_finds_words_also_misspelt(search: str, found: list[str]) -> None:
    assert sorted(one.id for one in search_questions(QUESTIONS, search)) == found


def test_the_best_match_comes_first(practice: Practice) -> None:
    assert practice.list_questions("root cause")[0].id == "find-root-cause"


def test_questions_of_a_criterion(practice: Practice) -> None:
    found = practice.list_questions(rubric=RUBRIC, criterion="de-escalation")
    assert 0 < len(found) < len(practice.list_questions(rubric=RUBRIC))
    assert all("de-escalation" in {it.id for it in one.criteria} for one in found)


def test_rubrics_to_choose_from(practice: Practice) -> None:
    cards = {card.id: card for card in practice.list_rubrics()}
    assert (cards[RUBRIC].questions, len(cards[RUBRIC].criteria), cards[RUBRIC].takes_any_question) == (28, 8, True)


def test_unknown_names_are_refused(practice: Practice) -> None:
    with pytest.raises(UnknownRubric):
        practice.get_question("none", QUESTION)
    with pytest.raises(UnknownQuestion):
        practice.get_question(RUBRIC, "none")


def test_a_surprise_was_never_tried_or_long_ago() -> None:
    now = datetime.now(UTC)
    tried = {(one.rubric, one.key): now - timedelta(days=place) for place, one in enumerate(QUESTIONS)}
    draws = {draw_question(QUESTIONS, tried, random.Random(seed)).id for seed in range(20)}
    assert draws == {QUESTIONS[1].id}  # tried a day earlier than the other
    del tried[QUESTIONS[0].rubric, QUESTIONS[0].key]
    draws = {draw_question(QUESTIONS, tried, random.Random(seed)).id for seed in range(20)}
    assert draws == {QUESTIONS[0].id}


async def test_a_surprise_is_drawn_anew_for_each_learner(practice: Practice) -> None:
    tried = await practice.surprise(ADA, criterion="de-escalation", seed=1)
    assert (await practice.surprise(ADA, criterion="de-escalation", seed=1)) == tried
    await attempt(practice, question=tried.id, rubric=tried.rubric)
    assert (await practice.surprise(ADA, criterion="de-escalation", seed=1)) != tried
    assert (await practice.surprise(BOB, criterion="de-escalation", seed=1)) == tried
    with pytest.raises(UnknownQuestion, match="No question fits"):
        await practice.surprise(ADA, criterion="none")


def test_free_questions_are_the_same_by_their_words() -> None:
    key = make_question_key("free-question", "How do you keep calm?")
    assert key == make_question_key("free-question", " how do  you keep CALM? ")
    assert key != make_question_key("free-question", "How do you stay calm?")
    assert make_question_key("angry", "How do you keep calm?") == "angry"


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("seed", range(5))
def test_an_interview_covers_as_many_criteria_as_it_can(practice: Practice, count: int, seed: int) -> None:
    items = plan_interview(practice.list_questions(rubric=RUBRIC), count, {}, random.Random(seed))
    assert len({item.question.id for item in items}) == count
    assert len({one.id for item in items for one in item.question.criteria}) >= 7  # of 8
    assert all(item.preparation_seconds >= 30 and item.answer_seconds >= 90 for item in items)


@pytest.mark.parametrize("count", [0, 2, 6])
async def test_an_interview_has_three_to_five_questions(practice: Practice, count: int) -> None:
    with pytest.raises(PracticeInvalid, match="3 to 5 questions"):
        await practice.start_interview(ADA, RUBRIC, questions=count)
    assert await practice.list_interviews(ADA) == ()


def test_a_rubric_with_too_few_questions_says_so() -> None:
    with pytest.raises(PracticeInvalid, match="has only 2"):
        plan_interview(QUESTIONS, 3, {}, random.Random(1))


async def test_an_interview_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with run_practice(tmp_path) as practice:
        made = await practice.start_interview(ADA, RUBRIC, questions=3, seed=4)
        begun = await practice.begin_question(ADA, made.id, 0)
        answered = await attempt(practice, question=made.items[0].question.id, interview=made.id, place=0)
    async with run_practice(tmp_path) as practice:
        found = await practice.get_interview(ADA, made.id)
        assert found.items[0].attempt == answered.id
        assert found.next_place == 1
        assert [one.id for one in await practice.list_interviews(ADA)] == [made.id]
        again = await practice.begin_question(ADA, made.id, 0)
        assert again.items[0].started_at == begun.items[0].started_at  # the clock went on
        assert again.items[1].started_at is None
        second = await attempt(practice, question=made.items[0].question.id, interview=made.id, place=0)
        assert (await practice.get_interview(ADA, made.id)).items[0].attempt == second.id  # the newest one counts


async def test_interviews_are_their_owners(practice: Practice) -> None:
    made = await practice.start_interview(ADA, RUBRIC)
    for act in (practice.get_interview(BOB, made.id), practice.begin_question(BOB, made.id, 0)):
        with pytest.raises(UnknownInterview):
            await act
    for place in (-1, 4):
        with pytest.raises(UnknownInterview, match="4 questions"):
            await practice.begin_question(ADA, made.id, place)
    with pytest.raises(UnknownInterview, match="4 questions"):
        await attempt(practice, interview=made.id, place=None)


async def test_all_answered_is_the_end(practice: Practice) -> None:
    made = await practice.start_interview(ADA, RUBRIC, questions=3)
    for place, item in enumerate(made.items):
        await attempt(practice, question=item.question.id, interview=made.id, place=place)
    assert (await practice.get_interview(ADA, made.id)).next_place is None
