"""What can be practised: the questions of the newest rubrics, and the question that an attempt was at."""

from __future__ import annotations

import random
from functools import cached_property

from service.assets.rubrics import RubricLibrary
from service.domain.practice import Attempt, InterviewItem, Learner, PracticeQuestion
from service.domain.rubric import Question, Rubric
from service.errors import UnknownQuestion, UnknownRubric
from service.practice.catalogue import (
    RubricCard,
    choose_newest,
    describe_question,
    describe_rubric,
    draw_question,
    rebuild_question,
    search_questions,
)
from service.practice.interviewing import plan_interview
from service.store.practice import AttemptStore


class Questions:
    """The rubric files are read when first asked for (about a second); a new version is seen after a restart."""

    def __init__(self, library: RubricLibrary, attempts: AttemptStore) -> None:
        self._library, self._attempts = library, attempts

    @cached_property
    def rubrics(self) -> tuple[RubricCard, ...]:
        """The newest version of each, in order of their titles. Raises RubricInvalid for a broken file."""
        return tuple(describe_rubric(rubric) for rubric in self._newest)

    def list_all(
        self, search: str = "", rubric: str | None = None, criterion: str | None = None
    ) -> tuple[PracticeQuestion, ...]:
        """Those that fit; with a search the best match first."""
        fitting = [
            one
            for one in self._all
            if (rubric is None or one.rubric == rubric)
            and (criterion is None or criterion in {it.id for it in one.criteria})
        ]
        return search_questions(fitting, search)

    def get(self, rubric: str, question: str) -> PracticeQuestion:
        """By id, or by text where the rubric takes any question. Raises UnknownRubric, UnknownQuestion."""
        found = self._library.get(rubric)
        return describe_question(found, found.get_question(question))

    async def draw(
        self, learner: Learner, rubric: str | None, criterion: str | None, seed: int | None
    ) -> PracticeQuestion:
        """One that was never tried, else one tried long ago. Raises UnknownQuestion when none fits."""
        fitting = self.list_all(rubric=rubric, criterion=criterion)
        if not fitting:
            raise UnknownQuestion("No question fits. Choose another rubric or criterion, or none.")
        return draw_question(fitting, await self._attempts.list_last_tried(learner), _get_chance(seed))

    async def plan_interview(
        self, learner: Learner, rubric: str, count: int, seed: int | None
    ) -> tuple[InterviewItem, ...]:
        """The questions of a new mock interview. Raises UnknownRubric, PracticeInvalid."""
        fitting = self.list_all(rubric=self._library.get(rubric).id)
        return plan_interview(fitting, count, await self._attempts.list_last_tried(learner), _get_chance(seed))

    def find_of_attempt(self, attempt: Attempt) -> tuple[Rubric, Question]:
        """The rubric version and the question that an attempt was at. Raises UnknownRubric, UnknownQuestion.

        Where that version is gone, it is the newest one: its texts are near enough, and a history must stay readable.
        """
        try:
            rubric = self._library.get(f"{attempt.rubric.id}@v{attempt.rubric.version}")
        except UnknownRubric:
            rubric = self._library.get(attempt.rubric.id)
        return rubric, rebuild_question(rubric, attempt.question, attempt.question_key)

    @cached_property
    def _newest(self) -> tuple[Rubric, ...]:
        return choose_newest(self._library.list_all())

    @cached_property
    def _all(self) -> tuple[PracticeQuestion, ...]:
        return tuple(describe_question(rubric, one) for rubric in self._newest for one in rubric.questions)


def _get_chance(seed: int | None) -> random.Random:
    return random.Random(seed)  # noqa: S311 -- which question comes next is no secret
