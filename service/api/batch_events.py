"""A batch as server-sent events: how far it is, until it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import count

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from service.api.batch_schemas import BatchProgress, BatchView
from service.api.batch_watching import ENDED
from service.api.events import describe_failure, stream
from service.api.problems import encode
from service.api.runtime import Runtime
from service.domain.batch import Batch
from service.errors import GraderError
from service.wiring_batches import Progress


async def stream_batch(request: Request, batch_id: str, runtime: Runtime, last_event_id: str | None) -> Response:
    """The events of a batch; 204 for one who has seen the last, which stops a browser's reconnecting.

    Raises UnknownBatch before anything is sent.
    """
    batch = await runtime.batches.get(batch_id)
    if batch.state in ENDED and last_event_id == name_end(batch):
        return Response(status_code=204)
    return stream(_build_events(request, batch_id, runtime), runtime.settings.shutdown_seconds)


def name_end(batch: Batch) -> str:
    """The id of a batch's last event; a retried batch goes on, and ends again."""
    return f"end-{batch.round}"


async def _build_events(request: Request, batch_id: str, runtime: Runtime) -> AsyncIterator[ServerSentEvent]:
    numbers = count(1)
    try:
        async with aclosing(runtime.batch_work.watches.follow(batch_id)) as steps:
            async for progress in steps:
                data = BatchProgress.build(progress).model_dump_json()
                yield ServerSentEvent(data, event="progress", id=str(next(numbers)), sep="\n")
                if progress.batch.state in ENDED:
                    yield _build_end(progress)
    except GraderError as failure:
        problem = encode(describe_failure(request, failure))
        yield ServerSentEvent(problem, event="problem", id=str(next(numbers)), sep="\n")


def _build_end(progress: Progress) -> ServerSentEvent:
    data = BatchView.build_whole(progress).model_dump_json()
    return ServerSentEvent(data, event=progress.batch.state.value, id=name_end(progress.batch), sep="\n")
