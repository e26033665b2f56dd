"""Composition root: Settings -> Services. The only place that knows which adapter serves which setting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from service.assets.evals import EvalLibrary
from service.assets.folders import find_folder
from service.assets.prompts import PromptLibrary
from service.assets.rubrics import RubricLibrary
from service.config import Settings
from service.domain.answer import Answer, AnswerKind, check_storable
from service.domain.grade import Scored, Unscored
from service.domain.task import Mode
from service.domain.transcription import Spoken
from service.errors import ConfigInvalid
from service.grading.build import Stamp
from service.grading.job import Job, Listener, ignore_progress
from service.grading.once import Ticket, grade_once
from service.grading.pipeline import Grader, grade_answer
from service.store.database import Database
from service.store.grades import GradeStore
from service.store.idempotency import IdempotencyStore
from service.store.keys import ApiKeyStore
from service.wiring_models import Models, build_backend


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a grade, as it came in: names and texts, nothing looked up yet. None means the default.

    `spoken` is where the words of an answer come from that was transcribed here.
    """

    rubric: str
    question: str
    answer: str
    kind: AnswerKind = AnswerKind.TYPED
    mode: Mode = Mode.PRACTICE
    prompt: str | None = None
    model: str | None = None
    samples: int | None = None
    candidate_ref: str | None = None
    spoken: Spoken | None = None


@dataclass(frozen=True, slots=True)
class Library:
    """The rubrics, prompts and eval sets in force."""

    rubrics: RubricLibrary
    prompts: PromptLibrary
    evals: EvalLibrary


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that outlives the process."""

    database: Database
    grades: GradeStore
    idempotency: IdempotencyStore
    keys: ApiKeyStore


def open_library(settings: Settings) -> Library:
    """The rubrics, prompts and eval sets that the settings point at; files are read when asked for.

    Raises ConfigInvalid for an assets folder that would not be used: grading on with the shipped files hides a slip.
    """
    own = settings.assets_dir
    if own is not None and not any((own / name).is_dir() for name in ("rubrics", "prompts", "evals")):
        raise ConfigInvalid(f"{own}: has no folder rubrics/, prompts/ or evals/. Correct GRADER_ASSETS_DIR.")
    rubrics = RubricLibrary(find_folder("rubrics", own))
    prompts = PromptLibrary(find_folder("prompts", own))
    return Library(rubrics, prompts, EvalLibrary(find_folder("evals", own), rubrics))


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """The database, migrated; closed again at the end. Raises a StoreError or ConfigInvalid."""
    database = await Database.open(settings.database)
    grades = GradeStore(database)
    try:
        yield Stores(database, grades, IdempotencyStore(database, now), ApiKeyStore(database, now))
    finally:
        await grades.aclose()
        await database.aclose()


@dataclass(frozen=True, slots=True)
class Services:
    """What the command line and the API call."""

    settings: Settings
    library: Library
    models: Models
    stores: Stores

    def read_submission(self, submission: Submission) -> Job:
        """The job of a submission; raises an InputError that names what is unknown or unusable."""
        return read_submission(submission, self.library, self.settings)

    async def grade(
        self,
        submission: Submission,
        listen: Listener = ignore_progress,
        idempotency_key: str | None = None,
        owner: str = "",
    ) -> Scored | Unscored:
        """The stored grade. With an idempotency key, the same submission of the same owner is graded once.

        Raises as `read_submission` and `grade_answer`; IdempotencyConflict or InProgress for a key in use.
        """
        job = self.read_submission(submission)
        caller = self.models.get_caller(submission.model)
        grades = self.stores.grades
        if idempotency_key is None:
            return await grade_answer(job, Grader(caller, grades.save, draw_stamp), listen)
        ticket = Ticket(idempotency_key, owner, hash_submission(submission))
        build = partial(Grader, caller, draw_stamp=draw_stamp)
        return await grade_once(job, build, ticket, grades, self.stores.idempotency, listen)


def read_submission(submission: Submission, library: Library, settings: Settings) -> Job:
    """The job of a submission; raises an InputError that names what is unknown or unusable."""
    rubric = library.rubrics.get(submission.rubric)
    spoken = submission.spoken
    return Job(
        rubric=rubric,
        question=rubric.get_question(check_storable(submission.question, "question")),
        answer=Answer(
            text=check_storable(submission.answer),
            kind=submission.kind,
            transcript=spoken.transcript if spoken else None,
            is_confirmed=spoken is not None and spoken.is_corrected,
        ),
        mode=submission.mode,
        prompt=library.prompts.get(submission.prompt or settings.prompt),
        samples=submission.samples or settings.samples,
        candidate_ref=submission.candidate_ref,
        transcription=spoken.transcription if spoken else None,
    )


def hash_submission(submission: Submission) -> str:
    """SHA-256 (hex) of everything that was asked for: what "the same request" means."""
    fields = [getattr(submission, name) for name in Submission.__slots__ if name != "spoken"]
    if submission.spoken is not None:  # appended, so that typed answers hash as they did before there was speech
        fields.append(submission.spoken.transcription)
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """All services, closed again at the end. Raises ConfigInvalid or a StoreError."""
    models = Models(settings, build_backend)
    try:
        async with open_stores(settings) as stores:
            yield Services(settings, open_library(settings), models, stores)
    finally:
        await models.aclose()


async def grade_unstored(
    submission: Submission, settings: Settings, listen: Listener = ignore_progress
) -> Scored | Unscored:
    """The grade of one answer, kept nowhere; raises as `Services.grade`, without a StoreError."""
    models = Models(settings, build_backend)
    try:
        job = read_submission(submission, open_library(settings), settings)
        return await grade_answer(job, Grader(models.get_caller(submission.model), discard, draw_stamp), listen)
    finally:
        await models.aclose()


def draw_stamp() -> Stamp:
    """A new grade's identity."""
    return Stamp(id=draw_id("grd"), created_at=now())


def draw_id(kind: str) -> str:
    """A new id, `<kind>_` and 128 random bits in hex."""
    return f"{kind}_{uuid4().hex}"


def now() -> datetime:
    """The time in UTC; the only clock of the service."""
    return datetime.now(UTC)


async def discard(grade: Scored | Unscored) -> None:
    """The `save` of a grade that nobody wants kept."""
