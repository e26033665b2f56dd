"""Composition root: Settings -> Services. The only place that knows which adapter serves which setting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from service.assets.evals import EvalLibrary
from service.assets.folders import find_folder
from service.assets.prompts import PromptLibrary
from service.assets.rubrics import RubricLibrary
from service.config import Profile, Settings
from service.domain.answer import Answer, AnswerKind, check_storable
from service.domain.grade import Scored, Unscored
from service.domain.task import Mode
from service.errors import ConfigInvalid, UnknownModel
from service.grading.build import Stamp
from service.grading.call import Caller, CallPolicy
from service.grading.job import Job, Listener, ignore_progress
from service.grading.once import Ticket, grade_once
from service.grading.pipeline import Grader, grade_answer
from service.llm.base import Backend, ModelProfile, StructuredOutput
from service.store.database import Database
from service.store.grades import GradeStore
from service.store.idempotency import IdempotencyStore
from service.store.keys import ApiKeyStore

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a grade, as it came in: names and texts, nothing looked up yet. None means the default."""

    rubric: str
    question: str
    answer: str
    kind: AnswerKind = AnswerKind.TYPED
    mode: Mode = Mode.PRACTICE
    prompt: str | None = None
    model: str | None = None
    samples: int | None = None
    candidate_ref: str | None = None


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


class Models:
    """One caller per model that may be asked, made when first needed."""

    def __init__(self, settings: Settings, build: Callable[[str, Settings], Backend]) -> None:
        self._settings = settings
        self._build = build
        self._callers: dict[str, Caller] = {}

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._settings.model, *self._settings.allowed_models)))

    def get_caller(self, model: str | None) -> Caller:
        """The caller of a model; raises UnknownModel when the operator did not allow it, else as `build_backend`."""
        name = model or self._settings.model
        if name not in self.allowed:
            raise UnknownModel(
                f"The model {name!r} is not allowed here. Allowed: {', '.join(self.allowed)}. "
                "The operator can add it to GRADER_ALLOWED_MODELS."
            )
        if name not in self._callers:
            policy = CallPolicy(
                attempts=self._settings.attempts,
                longest_wait_seconds=self._settings.longest_wait_seconds,
                deadline_seconds=self._settings.deadline_seconds,
            )
            backend = self._build(name, self._settings)
            self._callers[name] = Caller(backend, policy, self._settings.max_concurrent_calls)
        return self._callers[name]

    async def aclose(self) -> None:
        for caller in self._callers.values():
            await caller.backend.aclose()
        self._callers.clear()


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
    return Job(
        rubric=rubric,
        question=rubric.get_question(check_storable(submission.question, "question")),
        answer=Answer(text=check_storable(submission.answer), kind=submission.kind),
        mode=submission.mode,
        prompt=library.prompts.get(submission.prompt or settings.prompt),
        samples=submission.samples or settings.samples,
        candidate_ref=submission.candidate_ref,
    )


def hash_submission(submission: Submission) -> str:
    """SHA-256 (hex) of everything that was asked for: what "the same request" means."""
    fields = [getattr(submission, name) for name in Submission.__slots__]
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
    return Stamp(id=f"grd_{uuid4().hex}", created_at=now())


def now() -> datetime:
    """The time in UTC; the only clock of the service."""
    return datetime.now(UTC)


async def discard(grade: Scored | Unscored) -> None:
    """The `save` of a grade that nobody wants kept."""


def build_backend(model: str, settings: Settings) -> Backend:
    """The backend that GRADER_MODEL names; raises ConfigInvalid for a name that fits none of the five forms."""
    kind, _, rest = model.partition("/")
    backend = _build_plain(model, kind, rest, settings)
    if settings.record_dir is None or kind == "replay":
        return backend
    from service.llm.record import RecordingBackend

    return RecordingBackend(backend, settings.record_dir)


def _build_plain(model: str, kind: str, rest: str, settings: Settings) -> Backend:
    declared = settings.get_profile(model)
    if model == EMBEDDED:
        from service.llm.embedded import EmbeddedBackend

        return EmbeddedBackend()
    if kind == "openai" and rest:
        return _build_openai(rest, declared, settings)
    if kind == "litellm" and "/" in rest:
        return _build_litellm(rest, declared, settings)
    if kind == "gguf" and rest:
        from service.llm.gguf import GgufBackend

        return GgufBackend(
            Path(rest),
            context_tokens=settings.gguf_context_tokens,
            threads=settings.gguf_threads,
            profile=_read_profile(declared, "max_tokens"),
        )
    if kind == "replay" and rest:
        from service.llm.replay import ReplayBackend

        return ReplayBackend(Path(rest))
    raise ConfigInvalid(
        f"The model {model!r} is none that can be asked. Expected embedded, openai/<model>, "
        "litellm/<provider>/<model>, gguf/<path> or replay/<folder>. Correct GRADER_MODEL."
    )


def _build_openai(name: str, declared: Profile, settings: Settings) -> Backend:
    from service.llm.openai import OpenAIBackend

    key = settings.api_key or (settings.openai_api_key if settings.base_url is None else None)
    return OpenAIBackend(
        name,
        api_key=key.get_secret_value() if key else None,
        base_url=settings.base_url,
        # OpenAI's own newer models refuse max_tokens; most compatible servers know nothing else.
        profile=_read_profile(declared, "max_completion_tokens" if settings.base_url is None else "max_tokens"),
        timeout_seconds=settings.timeout_seconds,
        live_calls=settings.live_calls,
        max_connections=settings.max_concurrent_calls,
    )


def _build_litellm(name: str, declared: Profile, settings: Settings) -> Backend:
    from service.llm.litellm import LiteLLMBackend

    return LiteLLMBackend(
        name,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        base_url=settings.base_url,
        profile=_read_profile(declared, "max_tokens"),
        timeout_seconds=settings.timeout_seconds,
        live_calls=settings.live_calls,
    )


def _read_profile(declared: Profile, token_limit_parameter: str) -> ModelProfile:
    fields = declared.model_dump()
    fields["structured_output"] = StructuredOutput(fields["structured_output"])
    fields["token_limit_parameter"] = fields["token_limit_parameter"] or token_limit_parameter
    return ModelProfile(**fields)
