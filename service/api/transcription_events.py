"""A transcription as server-sent events: how far it is, until it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import count

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from service.api.events import describe_failure, stream
from service.api.problems import encode
from service.api.runtime import Runtime
from service.api.transcription_schemas import TranscriptionProgress, TranscriptionView
from service.errors import GraderError

END = "end"  # the id of the last event


async def stream_transcription(
    request: Request, transcription_id: str, owner: str | None, runtime: Runtime, last_event_id: str | None
) -> Response:
    """The events of a transcription; 204 for one who has seen the last, which stops a browser's reconnecting.

    Raises UnknownTranscription before anything is sent.
    """
    found = await runtime.speech.get(transcription_id, owner)
    if found.is_over and last_event_id == END:
        return Response(status_code=204)
    return stream(_build_events(request, transcription_id, owner, runtime), runtime.settings.shutdown_seconds)


async def _build_events(
    request: Request, transcription_id: str, owner: str | None, runtime: Runtime
) -> AsyncIterator[ServerSentEvent]:
    numbers = count(1)
    try:
        async with aclosing(runtime.speech.watch(transcription_id, owner)) as steps:
            async for step in steps:
                if step.is_over:
                    view = TranscriptionView.build(step, runtime.speech.notice).model_dump_json()
                    yield ServerSentEvent(view, event=step.state.value, id=END, sep="\n")
                    return
                data = TranscriptionProgress(state=step.state, share=round(step.share, 3)).model_dump_json()
                yield ServerSentEvent(data, event="progress", id=str(next(numbers)), sep="\n")
    except GraderError as failure:
        problem = encode(describe_failure(request, failure))
        yield ServerSentEvent(problem, event="problem", id=str(next(numbers)), sep="\n")
