"""All that the page of one attempt shows, gathered."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.practice import Attempt, Dispute, Learner, PracticeQuestion
from service.practice.catalogue import describe_question
from service.practice.feedback import FeedbackView, build_feedback_view
from service.practice.history import choose_best
from service.practice.questions import Questions
from service.store.practice_pages import PageStore


@dataclass(frozen=True, slots=True)
class FeedbackPage:
    """`view` is None while the attempt waits. `text` is the answer, `parent` the attempt whose follow-up it answers.

    `follow_ups` are the attempts at its own follow-up question, oldest first; `disputes` what the learner said is
    wrong.
    """

    attempt: Attempt
    question: PracticeQuestion
    text: str
    view: FeedbackView | None
    is_best: bool
    parent: Attempt | None
    follow_ups: tuple[Attempt, ...]
    disputes: tuple[Dispute, ...]


class PageReader:
    """Gathers pages."""

    def __init__(self, questions: Questions, store: PageStore) -> None:
        self._questions, self._store = questions, store

    async def read(self, learner: Learner, attempt_id: str) -> FeedbackPage:
        """Raises UnknownAttempt, and UnknownRubric or UnknownQuestion for one of a rubric that is gone."""
        found = await self._store.load(learner, attempt_id)
        rubric, question = self._questions.find_of_attempt(found.attempt)
        return FeedbackPage(
            attempt=found.attempt,
            question=describe_question(rubric, question),
            text=found.answer,
            view=build_feedback_view(found.grade, rubric, question) if found.grade else None,
            is_best=choose_best(found.outlines) == found.attempt.id,
            parent=found.parent,
            follow_ups=found.follow_ups,
            disputes=found.disputes,
        )
