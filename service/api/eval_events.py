"""An eval run as server-sent events: how far it is, and at the end the run or a problem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from service.api.eval_catalogue import view_run
from service.api.eval_runs import EvalRun
from service.api.eval_schemas import EvalProgress
from service.api.events import describe_failure, stream
from service.api.problems import encode
from service.errors import RunInvalid
from service.evaluation.folder import RunFolder


async def stream_run(request: Request, folder: RunFolder, attempt: EvalRun | None, shutdown_seconds: float) -> Response:
    """The events of a run that goes on here, or the last one of a run that ended.

    Raises RunInvalid for an unfinished run that this server does not work on: nothing would ever happen.
    """
    if attempt is None and not folder.is_finished:
        raise RunInvalid(
            f"This server does not work on the run {folder.path.name}. POST /v1/evals/runs with what was asked for "
            "before continues it."
        )
    return stream(_build_events(request, folder, attempt), shutdown_seconds)


async def _build_events(request: Request, folder: RunFolder, attempt: EvalRun | None) -> AsyncIterator[ServerSentEvent]:
    numbers = count(1)
    if attempt is not None:
        async for progress in attempt.follow():
            data = EvalProgress.build(progress).model_dump_json()
            yield ServerSentEvent(data, event="progress", id=str(next(numbers)), sep="\n")
    failure = attempt.get_failure() if attempt is not None and not folder.is_finished else None
    if failure is not None:
        problem = encode(describe_failure(request, failure))
        yield ServerSentEvent(problem, event="problem", id=str(next(numbers)), sep="\n")
        return
    view = await asyncio.to_thread(view_run, folder, attempt)
    yield ServerSentEvent(view.model_dump_json(), event="finished", id=str(next(numbers)), sep="\n")
