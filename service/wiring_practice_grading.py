"""How the answer of a learner is graded: durably, once, and watched by any number of pages."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Protocol

from service.domain.answer import AnswerKind
from service.domain.grade import Scored, Unscored
from service.domain.practice import Attempt, Learner, find_root_key
from service.domain.rubric import FREE_QUESTION_ID
from service.domain.task import Mode
from service.errors import BackendError, GraderError, StoreError, UnknownAttempt, UnknownGrade, UnknownTranscription
from service.grading.build import Stamp
from service.grading.job import Job, Listener
from service.grading.pipeline import Grader, grade_answer
from service.practice.catalogue import rebuild_question
from service.practice.events import EventKind, PracticeEvent
from service.practice.running import BUG, Grading, Gradings, Report
from service.store.practice import AttemptStore
from service.wiring import Services, Submission, now
from service.wiring_speech import Speech, add_words


class Meter(Protocol):
    """What counts gradings; the API's metrics."""

    def count_grade(self, grade: Scored | Unscored, seconds: float) -> None: ...

    def count_backend_error(self, error: BackendError, backend: str) -> None: ...


class NoMeter:
    """Counts nothing."""

    def count_grade(self, grade: Scored | Unscored, seconds: float) -> None: ...

    def count_backend_error(self, error: BackendError, backend: str) -> None: ...


class AttemptGrader:
    """Grades waiting attempts.

    The attempt with its answer is stored first, under a grade id that is drawn then. So whatever ends the process, the
    answer is there, and is graded when somebody looks again; a grade that was stored just before is found by its id.
    Two processes that grade the same attempt both ask the model, and one grade is kept.
    """

    def __init__(
        self, services: Services, attempts: AttemptStore, speech: Speech | None, report: Report, meter: Meter | None
    ) -> None:
        self._services, self._attempts, self._speech = services, attempts, speech
        self._meter = meter or NoMeter()
        self._gradings = Gradings(report)

    def begin(self, attempt: Attempt, answer: str | None = None) -> Grading:
        """The attempt's grading, begun unless it runs; `answer` is that of a new one. Raises ShuttingDown."""

        async def work(listen: Listener) -> None:
            await self._grade(attempt, answer, listen)

        return self._gradings.start(attempt.id, attempt.learner, work)

    async def retry(self, attempt: Attempt) -> None:
        """Begins a grading anew that had failed; nothing happens to a graded attempt."""
        if attempt.is_waiting and self._gradings.find(attempt.id) is None:
            await self._attempts.note_problem(attempt, None, None)
            self.begin(attempt)

    async def watch(self, learner: Learner, attempt_id: str, after: int = 0) -> AsyncGenerator[PracticeEvent, None]:
        """As `Practice.watch`."""
        running = self._gradings.find(attempt_id)
        if running is None or running.owner != learner.id:
            attempt = await self._attempts.get(learner, attempt_id)
            if not attempt.is_waiting or attempt.problem is not None:
                yield _restate(attempt, after + 1)
                return
            running, after = self.begin(attempt), 0
        async for event in running.follow(after):
            yield event

    async def aclose(self, patience_seconds: float) -> None:
        """Lets running gradings finish for a while; those that do not are begun anew when somebody looks."""
        await self._gradings.aclose(patience_seconds)

    async def _grade(self, attempt: Attempt, answer: str | None, listen: Listener) -> None:
        try:
            found = None if answer is not None else await self._find_grade(attempt)
            grade = found or await self._ask(attempt, answer, listen)
            is_there = await self._attempts.complete(attempt, grade)
        except GraderError as error:
            await self._attempts.note_problem(attempt, error.code, str(error))
            raise
        except Exception:
            await self._attempts.note_problem(attempt, GraderError.code, BUG)
            raise
        if not is_there:
            raise UnknownAttempt("The attempt was deleted while it was being graded; its grade is deleted too.")

    async def _find_grade(self, attempt: Attempt) -> Scored | Unscored | None:
        try:
            return await self._services.stores.grades.get(attempt.grade)
        except UnknownGrade:
            return None

    async def _ask(self, attempt: Attempt, answer: str | None, listen: Listener) -> Scored | Unscored:
        if answer is None:
            answer = await self._attempts.get_answer(attempt)
        job = await self._build_job(attempt, answer)
        caller = self._services.models.get_caller(None)
        grader = Grader(caller, self._services.stores.grades.save, _draw(attempt.grade))
        started = time.perf_counter()
        try:
            grade = await grade_answer(job, grader, listen)
        except BackendError as error:
            self._meter.count_backend_error(error, caller.backend.name)
            raise
        except StoreError:
            if (found := await self._find_grade(attempt)) is not None:  # another process was first
                return found
            raise
        self._meter.count_grade(grade, time.perf_counter() - started)
        return grade

    async def _build_job(self, attempt: Attempt, answer: str) -> Job:
        root = find_root_key(attempt.question_key)
        submission = Submission(
            rubric=f"{attempt.rubric.id}@v{attempt.rubric.version}",
            question=attempt.question.text if root.startswith(FREE_QUESTION_ID) else root,
            answer=answer,
            kind=attempt.kind,
            mode=Mode.PRACTICE,
        )
        job = self._services.read_submission(await self._add_words(attempt, submission))
        return replace(job, question=rebuild_question(job.rubric, attempt.question, attempt.question_key))

    async def _add_words(self, attempt: Attempt, submission: Submission) -> Submission:
        """With the words' times, where they were spoken; the text is the one that was handed in."""
        if attempt.kind is not AnswerKind.SPOKEN or attempt.transcription is None or self._speech is None:
            return submission
        try:
            found = await self._speech.get(attempt.transcription, Learner(id=attempt.learner).owner)
        except UnknownTranscription:  # deleted by itself; the answer's text is here
            return submission
        return replace(add_words(submission, found), answer=submission.answer)


def _draw(grade_id: str) -> Callable[[], Stamp]:
    return lambda: Stamp(id=grade_id, created_at=now())


def _restate(attempt: Attempt, number: int) -> PracticeEvent:
    if attempt.is_waiting:
        return PracticeEvent(number, EventKind.FAILED, attempt.problem or BUG, code=attempt.problem_code)
    return PracticeEvent(number, EventKind.DONE)
