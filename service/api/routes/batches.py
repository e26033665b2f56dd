"""Batches: made of a file, watched, steered, deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import Visitor, require
from service.api.batch_events import stream_batch
from service.api.batch_schemas import (
    BatchChange,
    BatchCreated,
    BatchEstimate,
    BatchFilter,
    BatchPage,
    BatchRequest,
    BatchSummary,
    BatchView,
)
from service.api.events import MEDIA_TYPE as EVENTS
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.grades import require_json
from service.api.runtime import Runtime, WithRuntime
from service.domain.batch import Batch
from service.store.keys import Scope
from service.wiring_batches import Submitted

router = APIRouter(prefix="/v1/batches", tags=["batches"])
may_read = Depends(require(Scope.BATCHES_READ))
may_run = Depends(require(Scope.BATCHES_RUN))
Runner = Annotated[Visitor, may_run]
BATCH_ID = r"^bat_[0-9a-f]{32}$"
BatchId = Annotated[str, Path(pattern=BATCH_ID, description="The batch's id, such as `bat_0f…`")]
MAKING = document(*SCOPE_STATUSES, 400, 409, 413, 415, 422, 500, 502, 507)
STEERING = document(*SCOPE_STATUSES, 404, 409, 422, 500, 507)
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Any text of your own, new for each batch, such as a UUID",
    ),
]


@router.post(
    "",
    operation_id="create_batch",
    status_code=201,
    response_model=BatchCreated,
    responses=MAKING,
    dependencies=[Depends(require_json)],
)
async def create_batch(
    body: BatchRequest, runtime: WithRuntime, visitor: Runner, idempotency_key: IdempotencyKey = None
) -> Response:
    """Makes a batch of an upload and begins to grade it. Needs the scope `batches:run`; each call of a model may cost.

    201 when all rows are stored, with the batch's address: it goes on whether or not anybody waits, also after a
    restart. Rows that are no answers are kept apart (`rejected`) and the others go on. A file that cannot be used at
    all is refused, and nothing of it stays. The upload is deleted.

    Rubric, prompt and model are pinned: all answers of a batch are graded alike, and to grade them otherwise is another
    batch.

    Send `Idempotency-Key` to be able to ask again after a broken connection: the same request with the same key gives
    the same batch, with `Idempotency-Replayed: true`. The same key with another request is refused (422). The same file
    sent again without a key is another batch, with a warning that names the first.
    """
    uploads = runtime.batch_work.uploads
    upload = uploads.find(body.upload)
    order = body.build_order(upload, uploads.folder / upload.id)
    submitted = await runtime.batches.find_replay(order, visitor.id, idempotency_key)
    if submitted is None:
        with uploads.hold(upload) as file:
            order = body.build_order(upload, file)
            submitted = await runtime.batches.submit(order, visitor.id, idempotency_key, actor=visitor.actor)
            runtime.batches.results.warm(submitted.batch)
    return _send_created(submitted)


def _send_created(submitted: Submitted) -> Response:
    headers = {"Location": f"/v1/batches/{submitted.batch.id}"}
    if submitted.is_replay:
        headers["Idempotency-Replayed"] = "true"
    created = BatchCreated.build_created(submitted, tuple(_warn(submitted.same_file)))
    return Response(created.model_dump_json(), 201, headers, "application/json")


def _warn(same_file: Batch | None) -> list[str]:
    if same_file is None:
        return []
    return [
        f"The same file was submitted before: the batch {same_file.id} of {same_file.created_at:%Y-%m-%d %H:%M} UTC. "
        "If you did not mean to grade it twice, cancel this one."
    ]


@router.post(
    "/estimate",
    operation_id="estimate_batch",
    response_model=BatchEstimate,
    responses=MAKING,
    dependencies=[Depends(require_json), may_run],
)
async def estimate_batch(body: BatchRequest, runtime: WithRuntime) -> Response:
    """What a batch would take: calls, tokens, cost, time. Nothing is asked or stored. Needs the scope `batches:run`.

    The body is the same as for the batch itself; the upload stays.
    """
    uploads = runtime.batch_work.uploads
    upload = uploads.find(body.upload)
    estimate = await runtime.batches.estimate(body.build_order(upload, uploads.locate(upload)))
    return Response(BatchEstimate.build(estimate).model_dump_json(), media_type="application/json")


@router.get(
    "",
    operation_id="list_batches",
    response_model=BatchPage,
    responses=document(*SCOPE_STATUSES, 400, 422, 500),
    dependencies=[may_read],
)
async def list_batches(request: Request, runtime: WithRuntime, wanted: Annotated[BatchFilter, Query()]) -> Response:
    """Batches, newest first, a page at a time. Needs the scope `batches:read`.

    Ask with `cursor` set to `next_cursor` for the next page, or follow the `Link` header.
    """
    page = await runtime.batches.list_page(**wanted.model_dump())
    shown = BatchPage(items=tuple(map(BatchSummary.build, page.batches)), next_cursor=page.next_cursor)
    headers = link_next(request, page.next_cursor)
    return Response(shown.model_dump_json(), headers=headers, media_type="application/json")


def link_next(request: Request, cursor: str | None) -> dict[str, str]:
    """The Link header to the page after this one."""
    if cursor is None:
        return {}
    following = request.url.include_query_params(cursor=cursor)
    return {"Link": f'<{following.path}?{following.query}>; rel="next"'}


@router.get(
    "/{batch_id}",
    operation_id="get_batch",
    response_model=BatchView,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[may_read],
)
async def get_batch(batch_id: BatchId, runtime: WithRuntime) -> Response:
    """One batch, and how far it is. Needs the scope `batches:read`."""
    return await _send(batch_id, runtime)


@router.patch(
    "/{batch_id}",
    operation_id="change_batch",
    response_model=BatchView,
    responses=document(*SCOPE_STATUSES, 400, 404, 413, 415, 422, 500, 507),
    dependencies=[Depends(require_json), may_run],
)
async def change_batch(batch_id: BatchId, body: BatchChange, runtime: WithRuntime, visitor: Runner) -> Response:
    """Gives a batch another priority (answers of higher batches are graded first) or spending limit (null: none).

    What is left out stays as it is. A batch that its limit has paused goes on when it is resumed. Needs the scope
    `batches:run`.
    """
    if body.priority is not None:
        await runtime.batches.set_priority(batch_id, body.priority)
    if "spending_limit_usd" in body.model_fields_set:
        await runtime.batches.set_spending_limit(batch_id, body.spending_limit_usd, visitor.actor)
    return await _send(batch_id, runtime)


@router.delete(
    "/{batch_id}",
    operation_id="delete_batch",
    status_code=204,
    responses=STEERING,
)
async def delete_batch(batch_id: BatchId, runtime: WithRuntime, visitor: Runner) -> Response:
    """Deletes a batch with its answers, grades, reviews and decisions, for good. Needs the scope `batches:run`.

    The audit trail keeps that it was there, and nothing that a candidate wrote.
    """
    await runtime.batches.delete(batch_id, visitor.actor)
    return Response(status_code=204)


@router.post("/{batch_id}/pause", operation_id="pause_batch", response_model=BatchView, responses=STEERING)
async def pause_batch(batch_id: BatchId, runtime: WithRuntime, visitor: Runner) -> Response:
    """Pauses a running batch: calls in flight are stored, no other is made. Needs the scope `batches:run`.

    409 (`batch-state-conflict`) when the batch is in no state to be paused; the same holds for the other three.
    """
    await runtime.batches.pause(batch_id, visitor.actor)
    return await _send(batch_id, runtime)


@router.post("/{batch_id}/resume", operation_id="resume_batch", response_model=BatchView, responses=STEERING)
async def resume_batch(batch_id: BatchId, runtime: WithRuntime, visitor: Runner) -> Response:
    """Lets a paused batch go on. Needs the scope `batches:run`.

    A batch that paused by itself says why (`pause_message`); mend that first, or it pauses again.
    """
    await runtime.batches.resume(batch_id, visitor.actor)
    return await _send(batch_id, runtime)


@router.post("/{batch_id}/cancel", operation_id="cancel_batch", response_model=BatchView, responses=STEERING)
async def cancel_batch(batch_id: BatchId, runtime: WithRuntime, visitor: Runner) -> Response:
    """Ends a batch: what is graded stays, what waits is never graded. Needs the scope `batches:run`."""
    await runtime.batches.cancel(batch_id, visitor.actor)
    return await _send(batch_id, runtime)


@router.post("/{batch_id}/retry", operation_id="retry_batch", response_model=BatchView, responses=STEERING)
async def retry_batch(batch_id: BatchId, runtime: WithRuntime, visitor: Runner) -> Response:
    """Tries the answers again that the model could not be asked for, and no others. Needs the scope `batches:run`."""
    await runtime.batches.retry(batch_id, visitor.actor)
    return await _send(batch_id, runtime)


@router.get(
    "/{batch_id}/events",
    operation_id="follow_batch",
    response_class=Response,
    responses={
        200: {"content": {EVENTS: {"schema": {"type": "string"}}}, "description": "The stream, until the batch ends"},
        204: {"description": "The end was told before: `Last-Event-ID` is that of the last event"},
        **document(*SCOPE_STATUSES, 404, 422, 500),
    },
    dependencies=[may_read],
)
async def follow_batch(
    request: Request,
    batch_id: BatchId,
    runtime: WithRuntime,
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="Id of the last event that you saw, when you reconnect")
    ] = None,
) -> Response:
    """How far a batch is, as server-sent events. Needs the scope `batches:read`.

    `progress` comes at once, and then at most once a second when something changed; at the end comes `finished` or
    `cancelled` with the batch. A paused batch is waited for. Each event is the whole progress at that moment, so after
    a broken connection nothing is missed: reconnect with `Last-Event-ID` (browsers do), and the first event is how far
    the batch is by then. `problem` with a problem document says that the stream cannot go on: the server stops, or the
    batch was deleted.
    """
    return await stream_batch(request, batch_id, runtime, last_event_id)


async def _send(batch_id: str, runtime: Runtime) -> Response:
    progress = await runtime.batches.progress(batch_id)
    runtime.batches.results.warm(progress.batch)
    view = BatchView.build_whole(progress)
    return Response(view.model_dump_json(), media_type="application/json")
