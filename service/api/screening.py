"""Pages to screen with: the batches there are, a file handed in, and how it will be read and graded.

Everything below /screening works with forms and links; scripts only add comfort, except for sending the file.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from service.api.access import SCREENING, Visitor, require
from service.api.batch_schemas import UploadView
from service.api.batch_uploads import Upload
from service.api.routes.grades import CLIENT_LEFT
from service.api.routes.uploads import require_file
from service.api.runtime import Runtime, WithRuntime
from service.api.screening_forms import Form, WithForm, check_script
from service.api.screening_order import choose_rubric, list_columns, list_newest, read_request
from service.api.screening_pages import MAX_REVIEWER, REVIEWER_COOKIE, SEE_OTHER, PageRoute, render_page
from service.api.screening_words import encode_name
from service.domain.batch import BatchState
from service.errors import GraderError
from service.store.keys import Scope
from service.wiring_batch_orders import FREE_MODELS
from service.wiring_batches import BatchOrder, Progress

may_read = Depends(require(Scope.BATCHES_READ))
may_run = Depends(require(Scope.BATCHES_RUN))
router = APIRouter(include_in_schema=False, prefix=SCREENING, route_class=PageRoute)
scripts = APIRouter(include_in_schema=False, prefix=SCREENING)  # asked by scripts, so a failure is JSON
Runner = Annotated[Visitor, may_run]
LISTED = 30
YEAR_SECONDS = 365 * 24 * 3600
UPLOADS = f"{SCREENING}/uploads"  # has the limit of files, not that of bodies


@router.get("", dependencies=[may_read])
async def show_batches(request: Request, runtime: WithRuntime, cursor: str | None = None) -> Response:
    """The batches, newest first, with how far each is, and where a new one begins."""
    page = await runtime.batches.list_page(limit=LISTED, cursor=cursor or None)
    steps = [await _look(runtime, batch.id) for batch in page.batches]
    is_going = any(step.batch.state in (BatchState.RUNNING, BatchState.IMPORTING) for step in steps)
    limit = runtime.settings.max_upload_bytes
    context = {"steps": steps, "next_cursor": page.next_cursor, "is_first": cursor is None, "is_going": is_going,
               "most_bytes": limit, "most_rows": runtime.settings.max_batch_rows}  # fmt: skip
    return render_page(request, "batches.html", context)


async def _look(runtime: Runtime, batch_id: str) -> Progress:
    progress = await runtime.batches.progress(batch_id)
    if progress.batch.state is BatchState.RUNNING:
        runtime.batches.results.warm(progress.batch)
    return progress


@scripts.post("/uploads", dependencies=[may_run, Depends(check_script), Depends(require_file)])
async def receive_file(
    request: Request, runtime: WithRuntime, name: Annotated[str, Query(min_length=1, max_length=255)]
) -> Response:
    """As POST /v1/uploads, for a browser that is signed in."""
    try:
        upload = await runtime.batch_work.uploads.receive(name, request.stream())
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)
    return Response(UploadView.build(upload).model_dump_json(), 201, media_type="application/json")


@router.get("/new", dependencies=[may_run])
async def show_new(request: Request, runtime: WithRuntime, upload: str) -> Response:
    """How the file would be read, and everything that can be chosen before it is graded."""
    found = runtime.batch_work.uploads.find(upload)
    return await _show_new(request, runtime, found, _read_query(request.query_params))


@router.post("/new")
async def start_batch(request: Request, runtime: WithRuntime, visitor: Runner, form: WithForm) -> Response:
    """Makes the batch, and on to its page; back to the choices, with a sentence, where they cannot be."""
    uploads = runtime.batch_work.uploads
    upload = uploads.find(form.get("upload"))
    key = f"page-{upload.id}"  # a second click on the button is the same batch
    try:
        wanted = read_request(form, upload)
        submitted = await runtime.batches.find_replay(wanted.build_order(upload, uploads.folder), visitor.id, key)
        if submitted is None:
            with uploads.hold(upload) as file:
                order = wanted.build_order(upload, file)
                submitted = await runtime.batches.submit(order, visitor.id, key, actor=visitor.actor)
                runtime.batches.results.warm(submitted.batch)
    except GraderError as error:
        uploads.locate(upload)  # used up: then there is nothing to choose any more
        return await _show_new(request, runtime, upload, form, str(error))
    return RedirectResponse(f"{SCREENING}/{submitted.batch.id}", SEE_OTHER)


@router.post("/name", dependencies=[may_read])
async def keep_name(form: WithForm) -> Response:
    """Remembers who reviews, in this browser, where no API key says it."""
    target = form.get("next", SCREENING)
    response = RedirectResponse(target if target.startswith(f"{SCREENING}/") else SCREENING, SEE_OTHER)
    name = encode_name(form.get("reviewer")[:MAX_REVIEWER])
    response.set_cookie(REVIEWER_COOKIE, name, max_age=YEAR_SECONDS, path="/", httponly=True, samesite="strict")
    return response


async def _show_new(request: Request, runtime: Runtime, upload: Upload, fields: Form, problem: str = "") -> Response:
    newest = (await runtime.batches.list_page(limit=1)).batches
    rubric = choose_rubric(fields, runtime.services, newest[0].spec.rubric.id if newest else None)
    fields = Form({**fields.fields, "rubric": [fields.get("rubric", rubric.id)]})
    order, problem = _read_order(runtime, upload, fields, rubric.id, problem)
    preview = await asyncio.to_thread(runtime.batches.preview, order)
    estimate, why_not = None, ""
    if fields.get("estimate") and not preview.problems and not problem:
        estimate, why_not = await _estimate(runtime, order)
    services = runtime.services
    context = {
        "upload": upload, "rubric": rubric, "rubrics": list_newest(services), "preview": preview, "fields": fields,
        "columns": list_columns(preview, rubric, order.mapping, order.leave_out), "models": services.models.allowed,
        "prompts": services.library.prompts.list_labels(), "settings": services.settings, "estimate": estimate,
        "why_not": why_not, "problem": problem, "is_asked": bool(fields.get("estimate")),
        "is_free": (order.model or services.settings.model).startswith(FREE_MODELS),
        "same_file": await runtime.batches.store.find_same_file(upload.sha256),
    }  # fmt: skip
    return render_page(request, "new.html", context, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)


def _read_order(runtime: Runtime, upload: Upload, fields: Form, rubric: str, problem: str) -> tuple[BatchOrder, str]:
    """The order, and what is wrong with it; then the file is shown as it would be read without the slip."""
    file = runtime.batch_work.uploads.locate(upload)
    try:
        return read_request(fields, upload).build_order(upload, file), problem
    except GraderError as error:
        return BatchOrder(file=file, file_name=upload.name, rubric=rubric, file_hash=upload.sha256), str(error)


async def _estimate(runtime: Runtime, order: BatchOrder) -> tuple[object, str]:
    try:
        return await runtime.batches.estimate(order), ""
    except GraderError as error:
        return None, str(error)


def _read_query(params: QueryParams) -> Form:
    return Form({name: params.getlist(name) for name in params})
