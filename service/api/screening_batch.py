"""The page of one batch: how far it is, what can be done with it, and the ranked table."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from service.api.access import SCREENING
from service.api.batch_events import stream_batch
from service.api.routes.batches import BatchId
from service.api.runtime import Runtime, WithRuntime
from service.api.screening import Runner, may_read, may_run
from service.api.screening_forms import Form, WithForm, read_form
from service.api.screening_pages import SEE_OTHER, PageRoute, name_actor, render_page
from service.api.screening_table import TableQuery, open_table, read_query
from service.batches.export.content import Kind, View
from service.batches.export.files import MEDIA_TYPES
from service.batches.ranking.query import Section
from service.batches.ranking.snapshot import Snapshot
from service.domain.batch import Batch, BatchState, PauseReason
from service.domain.grade import FlagCode
from service.domain.rubric import Rubric
from service.errors import BatchInvalid

router = APIRouter(
    include_in_schema=False, prefix=f"{SCREENING}/{{batch_id}}", route_class=PageRoute, dependencies=[may_read]
)
ACTIONS = ("pause", "resume", "cancel", "retry")
SHOWN_REJECTED = 5
MAX_LIMIT_USD = 1_000_000
DEFAULT_VIEW = View.PEOPLE


@router.get("")
async def show_batch(request: Request, batch_id: BatchId, runtime: WithRuntime) -> Response:
    """How far the batch is, what it says of the file, and a page of its ranking."""
    context = await _build_head(runtime, batch_id)
    batch: Batch = context["batch"]
    rubric = await _find_rubric(runtime, batch)
    query = read_query(request.query_params, rubric)
    results = runtime.batches.results
    is_shown = not batch.is_blind and batch.state != BatchState.IMPORTING
    # The first ranking of 100,000 answers takes seconds: the page comes without it, and asks again by itself.
    is_making = is_shown and not results.rankings.is_ready(batch)
    table = await open_table(results, batch, query) if is_shown and not is_making else None
    return render_page(
        request, "batch.html", context | _describe_table(rubric, query) | {
            "table": table, "is_making": is_making,
            "rejected": await results.list_rejected(batch_id, limit=SHOWN_REJECTED),
            "same_file": await _find_same_file(runtime, batch),
            "repeats": count_repeats(table.snapshot) if table else 0,
        },
    )  # fmt: skip


@router.get("/head")
async def show_head(request: Request, batch_id: BatchId, runtime: WithRuntime) -> Response:
    """The part of the page that changes while the batch is graded; asked for by its script."""
    return render_page(request, "head.html", await _build_head(runtime, batch_id))


@router.get("/events")
async def follow_batch(
    request: Request,
    batch_id: BatchId,
    runtime: WithRuntime,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> Response:
    """As GET /v1/batches/{id}/events, for a browser that is signed in."""
    return await stream_batch(request, batch_id, runtime, last_event_id)


@router.post("/open")
async def open_results(batch_id: BatchId, runtime: WithRuntime, visitor: Runner, _: WithForm) -> Response:
    """Ends the blindness of reviews; then the batch's page, with its ranking."""
    await runtime.batches.results.open_results(batch_id, visitor.actor)
    return RedirectResponse(f"{SCREENING}/{batch_id}", SEE_OTHER)


@router.post("/delete", dependencies=[Depends(read_form), may_run])
async def delete_batch(batch_id: BatchId, request: Request, runtime: WithRuntime) -> Response:
    """Deletes the batch for good; then the list of the others."""
    await runtime.batches.delete(batch_id, name_actor(request))
    return RedirectResponse(SCREENING, SEE_OTHER)


@router.post("/limit")
async def set_limit(batch_id: BatchId, runtime: WithRuntime, visitor: Runner, form: WithForm) -> Response:
    """Gives the batch another spending limit, none for an empty field, and lets it go on where that paused it."""
    await runtime.batches.set_spending_limit(batch_id, read_limit(form), visitor.actor)
    if (await runtime.batches.get(batch_id)).pause_reason is PauseReason.SPENDING_LIMIT:
        await runtime.batches.resume(batch_id, visitor.actor)
    return RedirectResponse(f"{SCREENING}/{batch_id}", SEE_OTHER)


def read_limit(form: Form) -> float | None:
    """US dollars, None for no limit. Raises BatchInvalid for what is no amount above 0."""
    text = form.get("limit").replace(",", ".").removeprefix("$").strip()
    if not text:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit <= MAX_LIMIT_USD:
        raise BatchInvalid(f"Spending limit: expected an amount in US dollars above 0, at most {MAX_LIMIT_USD:,}.")
    return limit


@router.post("/{action}")
async def steer_batch(batch_id: BatchId, action: str, runtime: WithRuntime, visitor: Runner, _: WithForm) -> Response:
    """Pauses, resumes, cancels, or tries failed answers again; then the batch's page."""
    if action not in ACTIONS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    await getattr(runtime.batches, action)(batch_id, visitor.actor)
    return RedirectResponse(f"{SCREENING}/{batch_id}", SEE_OTHER)


@router.get("/export")
async def export_batch(
    request: Request, batch_id: BatchId, runtime: WithRuntime, kind: Kind = Kind.XLSX, view: View = DEFAULT_VIEW
) -> Response:
    """The file, sent as it is made."""
    batch = await runtime.batches.get(batch_id)
    pieces = runtime.batches.results.export(batch_id, kind, view, actor=name_actor(request))
    part = "" if kind is Kind.XLSX else f"-{view.value}"
    return await _send_file(pieces, f"{name_file(batch)}{part}.{kind.value}", MEDIA_TYPES[kind])


@router.get("/cases")
async def export_cases(batch_id: BatchId, runtime: WithRuntime, only_sample: bool = True) -> Response:
    """The reviewed answers as cases of an eval set."""
    batch = await runtime.batches.get(batch_id)
    pieces = runtime.batches.results.export_cases(batch_id, only_sample=only_sample)
    return await _send_file(pieces, f"{name_file(batch)}-cases.jsonl", MEDIA_TYPES[Kind.JSONL])


@router.get("/rejected.csv")
async def export_rejected(batch_id: BatchId, runtime: WithRuntime) -> Response:
    """The rows that were no answers, to be mended and handed in again."""
    batch = await runtime.batches.get(batch_id)
    pieces = runtime.batches.results.export_rejected(batch_id)
    return await _send_file(pieces, f"{name_file(batch)}-rejected.csv", MEDIA_TYPES[Kind.CSV])


def name_file(batch: Batch) -> str:
    """A file name that every system takes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", batch.name.rpartition(".")[0] or batch.name).strip("-")[:60] or "batch"


async def _send_file(pieces: AsyncIterator[bytes], name: str, media_type: str) -> Response:
    first = await anext(aiter(pieces), b"")  # what fails before this is a page, and not half a file

    async def send() -> AsyncIterator[bytes]:
        async with aclosing(pieces):  # type: ignore[type-var]
            yield first
            async for piece in pieces:
                yield piece

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(send(), headers=headers, media_type=media_type)


async def _build_head(runtime: Runtime, batch_id: str) -> dict[str, Any]:
    progress = await runtime.batches.progress(batch_id)
    runtime.batches.results.warm(progress.batch)
    return {"batch": progress.batch, "progress": progress, "counts": progress.counts,
            "works_here": runtime.settings.batch_worker}  # fmt: skip


async def _find_rubric(runtime: Runtime, batch: Batch) -> Rubric:
    return runtime.batches.results.bases.find_rubric(batch.spec)


async def _find_same_file(runtime: Runtime, batch: Batch) -> Batch | None:
    first = await runtime.batches.store.find_same_file(batch.file_hash)
    return first if first is not None and first.id != batch.id else None


def count_repeats(snapshot: Snapshot) -> int:
    """How many answers are the same as an earlier one, or nearly so."""
    columns = snapshot.columns
    return int(((columns.duplicate_of >= 0) | (columns.similar_to >= 0)).sum())


def _describe_table(rubric: Rubric, query: TableQuery) -> dict[str, Any]:
    flags = [flag for flag in FlagCode if flag is not FlagCode.BASELINE_GRADER]
    return {"rubric": rubric, "query": query, "flags": flags, "sections": Section}
