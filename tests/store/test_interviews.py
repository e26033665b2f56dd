"""Mock interviews on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from service.domain.practice import (
    CriterionRef,
    Interview,
    InterviewItem,
    PracticeQuestion,
)
from service.domain.rubric import QuestionKind
from service.errors import UnknownInterview
from service.store.database import Database
from service.store.interviews import InterviewStore
from service.store.practice import AttemptStore
from tests.store.conftest import Clock
from tests.store.practice_factory import ADA, BOB, make_attempt


def make_interview(at: datetime) -> Interview:
    question = PracticeQuestion(
        rubric="small", rubric_version=1, rubric_title="Small", id="why", text="Why?", kind=QuestionKind.KNOWLEDGE,
        criteria=(CriterionRef(id="empathy", name="Empathy"),),
    )  # fmt: skip
    item = InterviewItem(question=question, preparation_seconds=30, answer_seconds=90)
    return Interview(id=f"int_{at.timestamp():.0f}", learner=ADA.id, created_at=at, items=(item, item))


async def test_an_interview_comes_back_with_its_answers(database: Database, clock: Clock) -> None:
    attempts, store, made = AttemptStore(database), InterviewStore(database), make_interview(clock.time)
    await store.add(made)
    assert await store.get(ADA, made.id) == made
    await store.begin_item(ADA, made.id, 1, clock.time)
    await store.begin_item(ADA, made.id, 1, clock.time + timedelta(hours=1))
    await attempts.add(answer := make_attempt(clock, interview=made.id, place=1), "Mine.")
    [found] = await store.list_newest(ADA, 5)
    assert (found.items[1].started_at, found.items[1].attempt) == (made.created_at, answer.id)
    assert found.next_place == 0
    assert [one.id for one in await attempts.list_of_interview(ADA, made.id)] == [answer.id]
    for learner, id_, place in ((BOB, made.id, 0), (ADA, "int_none", 0), (ADA, made.id, 2)):
        with pytest.raises(UnknownInterview):
            await store.begin_item(learner, id_, place, clock.time)
