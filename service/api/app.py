"""The app: routes, middleware, start-up and shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from service import __version__, wiring, wiring_speech
from service.api import (
    eval_pages,
    pages,
    practice,
    practice_attempts,
    practice_history,
    practice_interviews,
    practice_recordings,
    practice_uploads,
    screening,
    screening_answer,
    screening_batch,
    screening_compare,
    screening_review,
    sign_in,
)
from service.api.access import AccessMiddleware
from service.api.batch_work import BatchWork, OpenWorker
from service.api.handlers import add_handlers, report_unexpected
from service.api.headers import SafetyHeadersMiddleware
from service.api.limits import BodyLimitMiddleware
from service.api.logs import AccessLogMiddleware
from service.api.openapi import DESCRIPTION, TAGS, describe
from service.api.routes import (
    audit,
    batch_results,
    batches,
    disputes,
    eval_reports,
    evals,
    grades,
    health,
    prompts,
    reviews,
    rubrics,
    spoken_grades,
    transcriptions,
    uploads,
)
from service.api.runtime import OpenServices, Runtime
from service.api.speech_work import OpenTranscriber
from service.config import Settings
from service.domain.injection import compile_rules
from service.errors import GraderError
from service.grading.language import load_identifier
from service.wiring import Services
from service.wiring_models import EMBEDDED
from service.wiring_practice import Practice

PARTS = (
    spoken_grades,  # before `grades`: it takes forms only
    grades,
    transcriptions,
    uploads,
    batches,
    batch_results,
    reviews,
    disputes,
    audit,
    rubrics,
    prompts,
    evals,
    eval_reports,
    health,
    pages,
    eval_pages,
    sign_in,
    screening,
    screening_compare,
    screening_batch,
    screening_answer,
    screening_review,
    practice,
    practice_attempts,
    practice_uploads,  # before `practice_recordings`: it takes forms only
    practice_recordings,
    practice_interviews,
    practice_history,
)
FORM_BYTES = 1_048_576
STATIC = Path(__file__).parent / "static"

log = structlog.stdlib.get_logger(__name__)


def create_app(
    settings: Settings,
    open_services: OpenServices = wiring.open_services,
    open_worker: OpenWorker | None = None,
    open_transcriber: OpenTranscriber = wiring_speech.open_transcriber,
) -> FastAPI:
    """The app for these settings. Nothing is opened before its start-up; what opens is named by tests."""
    runtime = Runtime.build(settings, open_worker, open_transcriber)
    app = FastAPI(
        title="Interview grader",
        version=__version__,
        summary="Grades interview answers against a rubric, with feedback that quotes the candidate's own words",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=_build_lifespan(runtime, open_services),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # It would record query strings and the messages of exceptions.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.runtime = runtime
    add_handlers(app)
    _add_middleware(app, runtime)
    for part in PARTS:
        app.include_router(part.router)
    app.include_router(screening.scripts)
    app.include_router(practice.home)
    app.include_router(practice.questions)  # after all others below /practice: its path fits them, too
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    describe(app)
    return app


def _add_middleware(app: FastAPI, runtime: Runtime) -> None:
    """The one added last sees a request first."""
    app.add_middleware(AccessMiddleware, runtime=runtime)
    files = (uploads.router.prefix, screening.UPLOADS)
    larger = dict.fromkeys(files, runtime.settings.max_upload_bytes)
    # With room for the rest of a form and for one more piece: the recording is then what is said to be too large.
    larger[transcriptions.router.prefix] = runtime.settings.max_audio_bytes + FORM_BYTES
    larger[practice_recordings.RECORDINGS] = runtime.settings.max_audio_bytes + runtime.settings.max_body_bytes
    forms = {grades.router.prefix: larger[transcriptions.router.prefix]}
    most = runtime.settings.max_body_bytes
    app.add_middleware(BodyLimitMiddleware, max_bytes=most, larger=larger, forms=forms)
    app.add_middleware(SafetyHeadersMiddleware)
    app.add_middleware(AccessLogMiddleware, metrics=runtime.metrics)


def _build_lifespan(
    runtime: Runtime, open_services: OpenServices
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with open_services(runtime.settings) as services:
            runtime.opened = services
            await runtime.batch_work.open(services)
            await runtime.speech_work.open(services)
            await runtime.practice_work.open(services, runtime.speech)
            warming = asyncio.create_task(warm_up(services, runtime.batch_work, runtime.practice), name="warm-up")
            warming.add_done_callback(_report_bug)
            try:
                yield
            finally:
                warming.cancel()
                await asyncio.wait([warming])
                await runtime.batch_work.aclose()
                await runtime.eval_runs.aclose()
                await runtime.gradings.aclose()
                await runtime.practice_work.aclose()
                await runtime.speech_work.aclose()

    return lifespan


def _report_bug(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failure := task.exception()):
        report_unexpected(failure)


async def warm_up(services: Services, batch_work: BatchWork, practice: Practice) -> None:
    """Loads what the first answer would else wait for, and goes on with unfinished batches.

    A model that cannot be set up is told by /readyz.
    """
    await batch_work.start_unfinished()
    await asyncio.to_thread(load_identifier)
    await asyncio.to_thread(compile_rules)
    await asyncio.to_thread(_read_questions, practice)
    try:
        caller = services.models.get_caller(None)
        if services.settings.model == EMBEDDED:  # asking a provider is not warming up
            await caller.backend.check_health()
    except GraderError as error:
        log.warning("the default model cannot be used", code=error.code, message=str(error))


def _read_questions(practice: Practice) -> None:
    """The rubric files, which the first page of a learner would else wait a second for."""
    try:
        practice.list_questions()
    except GraderError as error:  # told again on the page itself
        log.warning("the questions cannot be read", code=error.code, message=str(error))
