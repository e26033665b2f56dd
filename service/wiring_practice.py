"""Composition root of practising: what the candidate's pages call."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from service.batches.blindness import refuse_hidden_grade
from service.domain.answer import AnswerKind
from service.domain.practice import (
    Attempt,
    Dispute,
    Interview,
    Learner,
    NewAttempt,
    NewDispute,
    PracticeQuestion,
    recognise_learner,
)
from service.errors import StoreError
from service.practice.catalogue import RubricCard
from service.practice.comparison import Comparison
from service.practice.disputing import DisputeDesk
from service.practice.events import PracticeEvent
from service.practice.history import History, Practised, Progress
from service.practice.page import FeedbackPage, PageReader
from service.practice.questions import Questions
from service.practice.running import Report
from service.store.disputes import DisputeStore
from service.store.interviews import InterviewStore
from service.store.practice import AttemptPage, AttemptStore
from service.store.practice_deletion import PracticeEraser
from service.store.practice_pages import PageStore
from service.store.reviews import ReviewStore
from service.wiring import Services, Stores, draw_id, now
from service.wiring_practice_attempts import Attempting
from service.wiring_practice_grading import AttemptGrader, Meter
from service.wiring_practice_records import Deleted, Records
from service.wiring_speech import Speech

__all__ = [
    "AttemptPage",
    "Deleted",
    "FeedbackPage",
    "Practice",
    "Practised",
    "Progress",
    "open_disputes",
    "open_practice",
]
TOKEN_BYTES = 16
SWEEP_INTERVAL = timedelta(days=1)

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Practice:
    """Everything a learner does. Each call takes the learner and sees nothing of anybody else's.

    Raises UnknownAttempt or UnknownInterview for what is not this learner's or is gone, and StoreErrors. Use
    `open_practice`.
    """

    questions: Questions
    attempting: Attempting
    grader: AttemptGrader
    attempts: AttemptStore
    interviews: InterviewStore
    disputes: DisputeDesk
    history: History
    pages: PageReader
    records: Records

    # -- learners: nothing is stored of one who only looks -----------------------------------------------------------

    def draw_token(self) -> str:
        """A new token (128 random bits, base64url) for the cookie of a new learner."""
        return secrets.token_urlsafe(TOKEN_BYTES)

    def recognise(self, token: str) -> Learner:
        """The learner with this token; any text is one."""
        return recognise_learner(token)

    # -- questions ---------------------------------------------------------------------------------------------------

    def list_rubrics(self) -> tuple[RubricCard, ...]:
        """The newest version of each rubric, with its criteria, in order of their titles."""
        return self.questions.rubrics

    def list_questions(
        self, search: str = "", *, rubric: str | None = None, criterion: str | None = None
    ) -> tuple[PracticeQuestion, ...]:
        """The questions of the newest rubrics that fit; with a search (misspellings allowed) the best match first."""
        return self.questions.list_all(search, rubric, criterion)

    def get_question(self, rubric: str, question: str) -> PracticeQuestion:
        """By id, or by text where the rubric takes any question. Raises UnknownRubric, UnknownQuestion."""
        return self.questions.get(rubric, question)

    async def surprise(
        self, learner: Learner, *, rubric: str | None = None, criterion: str | None = None, seed: int | None = None
    ) -> PracticeQuestion:
        """One that was never tried, else one tried long ago. Raises UnknownQuestion when none fits."""
        return await self.questions.draw(learner, rubric, criterion, seed)

    # -- mock interviews ---------------------------------------------------------------------------------------------

    async def start_interview(
        self, learner: Learner, rubric: str, *, questions: int = 4, seed: int | None = None
    ) -> Interview:
        """A stored interview of 3–5 questions that together ask for many criteria.

        Raises UnknownRubric, PracticeInvalid.
        """
        items = await self.questions.plan_interview(learner, rubric, questions, seed)
        interview = Interview(id=draw_id("int"), learner=learner.id, created_at=now(), items=items)
        await self.interviews.add(interview)
        return interview

    async def get_interview(self, learner: Learner, interview_id: str) -> Interview:
        return await self.interviews.get(learner, interview_id)

    async def begin_question(self, learner: Learner, interview_id: str, place: int) -> Interview:
        """Starts the clock of a question (from 0); a clock that runs goes on."""
        await self.interviews.begin_item(learner, interview_id, place, now())
        return await self.interviews.get(learner, interview_id)

    async def list_interviews(self, learner: Learner, *, limit: int = 20) -> tuple[Interview, ...]:
        """Newest first."""
        return await self.interviews.list_newest(learner, limit)

    # -- attempts ----------------------------------------------------------------------------------------------------

    async def start(self, learner: Learner, new: NewAttempt) -> Attempt:
        """The stored answer, whose grading has begun; `watch` it, or come back later.

        Raises PracticeInvalid (no words, no follow-up question), AnswerInvalid, UnknownRubric, UnknownQuestion,
        UnknownAttempt (the parent), UnknownInterview, UnknownTranscription, TranscriptionConflict.
        """
        attempt, answer = await self.attempting.store(learner, new)
        self.grader.begin(attempt, answer)
        return attempt

    async def watch(self, learner: Learner, attempt_id: str, after: int = 0) -> AsyncGenerator[PracticeEvent, None]:
        """The events of a grading with numbers above `after`, from its beginning; the last one is DONE or FAILED.

        Any number may watch; whoever leaves stops nothing. One that a restart interrupted is begun again. One that
        failed is not: see `retry`.
        """
        async with aclosing(self.grader.watch(learner, attempt_id, after)) as events:
            async for event in events:
                yield event

    async def wait(self, learner: Learner, attempt_id: str) -> Attempt:
        """The attempt once its grading ended, well or not (then it waits, with its `problem`)."""
        async with aclosing(self.grader.watch(learner, attempt_id)) as events:
            async for _ in events:
                pass
        return await self.attempts.get(learner, attempt_id)

    async def retry(self, learner: Learner, attempt_id: str) -> Attempt:
        """Grades a waiting attempt that had failed; nothing happens to another one."""
        await self.grader.retry(await self.attempts.get(learner, attempt_id))
        return await self.attempts.get(learner, attempt_id)

    async def get_feedback(self, learner: Learner, attempt_id: str) -> FeedbackPage:
        """Raises UnknownRubric or UnknownQuestion too, for an attempt at what is gone."""
        return await self.pages.read(learner, attempt_id)

    async def delete_attempt(self, learner: Learner, attempt_id: str) -> None:
        """Deletes the attempt with its grade, disputes, transcription and recording."""
        await self.records.delete_attempt(await self.attempts.get(learner, attempt_id))

    async def keep_best(self, learner: Learner, attempt_id: str, *, is_kept: bool = True) -> None:
        """Chooses the learner's best attempt at its question, or takes the choice back."""
        await self.attempts.keep(await self.attempts.get(learner, attempt_id), is_kept)

    # -- history -----------------------------------------------------------------------------------------------------

    async def list_attempts(
        self,
        learner: Learner,
        *,
        rubric: str | None = None,
        question_key: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> AttemptPage:
        """Newest first, waiting ones among them. Raises CursorInvalid."""
        return await self.attempts.list_page(
            learner, limit=limit, cursor=cursor, rubric=rubric, question_key=question_key
        )

    async def list_practised(self, learner: Learner) -> tuple[Practised, ...]:
        """The questions that the learner tried, the latest first."""
        return await self.history.list_practised(learner)

    async def get_progress(self, learner: Learner, rubric: str) -> Progress:
        """Overall and each criterion over time, over all questions of the rubric; empty for an unknown rubric."""
        names = {one.id: one.name for card in self.questions.rubrics if card.id == rubric for one in card.criteria}
        return await self.history.get_progress(learner, rubric, names)

    async def compare(self, learner: Learner, first: str, second: str) -> tuple[Attempt, Attempt, Comparison]:
        """Two graded attempts, the older one first. Raises AttemptWaiting."""
        return await self.history.compare(learner, first, second)

    # -- disputes ----------------------------------------------------------------------------------------------------

    async def dispute(self, learner: Learner, attempt_id: str, new: NewDispute) -> Dispute:
        """The stored dispute. Raises PracticeInvalid naming the field, AttemptWaiting."""
        attempt = await self.attempts.get(learner, attempt_id)
        grade = await self.history.get_grade(attempt)
        return await self.disputes.file(grade, new, learner, is_spoken=attempt.kind is AnswerKind.SPOKEN)

    # -- all of it ---------------------------------------------------------------------------------------------------

    def export(self, learner: Learner) -> AsyncIterator[bytes]:
        """A ZIP in pieces: practice.json with everything stored of the learner, and the recordings they kept."""
        return self.records.export(learner)

    async def delete_everything(self, learner: Learner) -> Deleted:
        """Deletes everything of the learner, so that no byte of it is left in SQLite's files."""
        return await self.records.delete_learner(learner)

    async def sweep(self) -> int:
        """Deletes what is older than GRADER_PRACTICE_DAYS; returns how many attempts."""
        return await self.records.sweep()


@asynccontextmanager
async def open_practice(
    services: Services, speech: Speech | None, report: Report, meter: Meter | None = None
) -> AsyncIterator[Practice]:
    """Practising with these services, closed again at the end; old attempts are deleted at the start and daily.

    `report` is told of bugs, `meter` of each grading. What is being graded at the end may finish for a while; what
    does not is begun anew when somebody looks.
    """
    practice = build_practice(services, speech, report, meter)
    sweeping = asyncio.create_task(_keep_sweeping(practice), name="practice-sweep")
    sweeping.add_done_callback(lambda task: _report_end(task, report))
    try:
        yield practice
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])
        await practice.grader.aclose(services.settings.shutdown_seconds)


def build_practice(services: Services, speech: Speech | None, report: Report, meter: Meter | None = None) -> Practice:
    """The parts put together; nothing is read or written."""
    database, grades = services.stores.database, services.stores.grades
    attempts, interviews, pages = AttemptStore(database), InterviewStore(database), PageStore(database)
    questions, history = Questions(services.library.rubrics, attempts), History(attempts, grades)
    eraser, days = PracticeEraser(database), services.settings.practice_days
    return Practice(
        questions=questions,
        attempting=Attempting(services.library.rubrics, attempts, interviews, history, questions, speech),
        grader=AttemptGrader(services, attempts, speech, report, meter),
        attempts=attempts,
        interviews=interviews,
        disputes=open_disputes(services.stores),
        history=history,
        pages=PageReader(questions, pages),
        records=Records(attempts, interviews, pages, eraser, speech, days),
    )


def open_disputes(stores: Stores) -> DisputeDesk:
    """Where disputes of any grade are handed in and looked at."""
    refuse_hidden = partial(refuse_hidden_grade, ReviewStore(stores.database, now))
    return DisputeDesk(DisputeStore(stores.database), now, lambda: draw_id("dsp"), refuse_hidden)


async def _keep_sweeping(practice: Practice) -> None:
    while True:
        try:
            if deleted := await practice.sweep():
                log.info("old_practice_deleted", attempts=deleted)
        except StoreError as error:  # tried again tomorrow, and at the next start
            log.warning("old_practice_stays", code=error.code, message=str(error))
        await asyncio.sleep(SWEEP_INTERVAL.total_seconds())


def _report_end(task: asyncio.Task[None], report: Report) -> None:
    if not task.cancelled() and (failure := task.exception()):
        report(failure)
