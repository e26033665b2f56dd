"""A grading as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import count

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from service.api.gradings import Grading
from service.api.handlers import report_error, report_unexpected
from service.api.problems import Problem, describe_error, describe_refusal, encode
from service.errors import GraderError
from service.grading.job import Progress

MEDIA_TYPE = "text/event-stream"
PING_SECONDS = 15
SHUTDOWN_MARGIN_SECONDS = 10.0  # for the last event after the gradings were stopped


def wants_events(accept: str) -> bool:
    """Whether the Accept header asks for events before it asks for JSON."""
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return MEDIA_TYPE in names and "application/json" not in names[: names.index(MEDIA_TYPE)]


async def stream_grading(request: Request, grading: Grading, shutdown_seconds: float) -> Response:
    """The events of a grading, once the first thing happened: what fails before that is an ordinary problem."""
    progress = grading.follow()
    first = await anext(progress, None)
    if first is None:
        grading.get_grade()  # raises what went wrong; an earlier grade is streamed below
    return stream(_build_events(request, grading, first, progress), shutdown_seconds)


def stream(events: AsyncIterator[ServerSentEvent], shutdown_seconds: float) -> Response:
    """The response that sends the events as they come."""
    return EventSourceResponse(
        events,
        ping=PING_SECONDS,
        sep="\n",
        # Without these two the library cuts the stream off the moment the server is told to stop.
        shutdown_event=anyio.Event(),
        shutdown_grace_period=shutdown_seconds + SHUTDOWN_MARGIN_SECONDS,
    )


async def _build_events(
    request: Request, grading: Grading, first: Progress | None, progress: AsyncIterator[Progress]
) -> AsyncIterator[ServerSentEvent]:
    numbers = count(1)
    try:
        if first is not None:
            yield _build_progress(first, next(numbers))
        async for one in progress:
            yield _build_progress(one, next(numbers))
        yield _build_end(request, grading, next(numbers))
    finally:
        grading.leave()  # after the end this changes nothing


def _build_progress(progress: Progress, number: int) -> ServerSentEvent:
    data = {"step": progress.step.value, "sample": progress.sample, "criteria": list(progress.criteria)}
    return ServerSentEvent(json.dumps(data), event="progress", id=str(number), sep="\n")


def _build_end(request: Request, grading: Grading, number: int) -> ServerSentEvent:
    failure = grading.get_failure()
    if failure is None:
        return ServerSentEvent(grading.get_grade().model_dump_json(), event="grade", id=str(number), sep="\n")
    return ServerSentEvent(encode(describe_failure(request, failure)), event="problem", id=str(number), sep="\n")


def describe_failure(request: Request, failure: BaseException) -> Problem:
    """The problem document of what ended a stream, which is logged here since no handler sees it."""
    if isinstance(failure, GraderError):
        report_error(failure)
        return describe_error(request, failure)
    report_unexpected(failure)
    return describe_refusal(request, 500)
