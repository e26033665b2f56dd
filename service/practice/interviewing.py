"""A mock interview: a few questions that together ask for many criteria, with a time for each."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime

from service.domain.practice import InterviewItem, PracticeQuestion
from service.domain.rubric import QuestionKind
from service.errors import PracticeInvalid
from service.practice.catalogue import NEVER

FEWEST, MOST = 3, 5
# Seconds to prepare and to answer. A story takes some two minutes to tell, and needs to be remembered first.
TIMES: Mapping[QuestionKind, tuple[int, int]] = {
    QuestionKind.PAST_BEHAVIOUR: (60, 180),
    QuestionKind.SITUATIONAL: (45, 120),
    QuestionKind.APPROACH: (45, 120),
    QuestionKind.KNOWLEDGE: (30, 90),
}


def plan_interview(
    questions: Sequence[PracticeQuestion],
    count: int,
    last_tried: Mapping[tuple[str, str], datetime],
    chance: random.Random,
) -> tuple[InterviewItem, ...]:
    """`count` questions, each adding as many criteria as it can to those before; among equals the longest untried.

    Raises PracticeInvalid when the count is out of range or the rubric has fewer questions.
    """
    if not FEWEST <= count <= MOST:
        raise PracticeInvalid(f"questions: an interview has {FEWEST} to {MOST} questions, not {count}.")
    if len(questions) < count:
        raise PracticeInvalid(f"questions: the rubric has only {len(questions)}. Choose fewer, or another rubric.")
    left = list(questions)
    chance.shuffle(left)
    left.sort(key=lambda one: last_tried.get((one.rubric, one.key), NEVER))
    covered: set[str] = set()
    chosen: list[PracticeQuestion] = []
    while len(chosen) < count:
        best = max(left, key=lambda one: len({it.id for it in one.criteria} - covered))  # the first of equals
        left.remove(best)
        chosen.append(best)
        covered |= {it.id for it in best.criteria}
    chance.shuffle(chosen)
    return tuple(_time(one) for one in chosen)


def _time(question: PracticeQuestion) -> InterviewItem:
    preparation, answer = TIMES[question.kind]
    return InterviewItem(question=question, preparation_seconds=preparation, answer_seconds=answer)
