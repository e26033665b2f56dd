"""Files of answers: sent, looked into, taken back."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from service.api.access import require
from service.api.batch_preview import FilePreview, PreviewQuery
from service.api.batch_schemas import UploadView
from service.api.batch_uploads import UPLOAD_ID
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.grades import CLIENT_LEFT
from service.api.runtime import WithRuntime
from service.store.keys import Scope

router = APIRouter(prefix="/v1/uploads", tags=["batches"])
may_run = Depends(require(Scope.BATCHES_RUN))
UploadId = Annotated[str, Path(pattern=UPLOAD_ID, description="The upload's id, such as `upl_0f…`")]
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


async def require_file(request: Request) -> None:
    """Refuses the content types that a web page can send across sites without asking."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind or kind in FORMS:
        raise HTTPException(415)


@router.post(
    "",
    operation_id="create_upload",
    status_code=201,
    response_model=UploadView,
    responses=document(*SCOPE_STATUSES, 400, 413, 415, 422, 500, 507),
    dependencies=[Depends(require_file), may_run],
    openapi_extra={"requestBody": {"required": True, "content": FILE, "description": "The file's bytes"}},
)
async def create_upload(
    request: Request,
    runtime: WithRuntime,
    name: Annotated[
        str, Query(min_length=1, max_length=255, description="The file's name; its ending says how it is read")
    ],
) -> Response:
    """Sends a file of answers: CSV, XLSX or JSON Lines. Needs the scope `batches:run`.

    The body is the file itself, of any size up to GRADER_MAX_UPLOAD_BYTES, as `Content-Type: application/octet-stream`
    or the file's own type. It is kept, readable by the server's user only, until a batch is made of it, at most for a
    day. Nothing is graded by sending it.
    """
    try:
        upload = await runtime.batch_work.uploads.receive(name, request.stream())
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)
    return Response(UploadView.build(upload).model_dump_json(), 201, media_type="application/json")


@router.get(
    "/{upload_id}/preview",
    operation_id="preview_upload",
    response_model=FilePreview,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[may_run],
)
async def preview_upload(
    upload_id: UploadId, runtime: WithRuntime, wanted: Annotated[PreviewQuery, Query()]
) -> Response:
    """How the file would be read: what its columns hold, its first rows, what is missing. Needs `batches:run`.

    Nothing is stored or graded. `problems` say what must be mapped before a batch can be made of it.
    """
    uploads = runtime.batch_work.uploads
    upload = uploads.find(upload_id)
    order = wanted.build_order(upload, uploads.locate(upload))
    found = await asyncio.to_thread(runtime.batches.preview, order)
    return Response(FilePreview.build(found).model_dump_json(), media_type="application/json")


@router.delete(
    "/{upload_id}",
    operation_id="delete_upload",
    status_code=204,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[may_run],
)
async def delete_upload(upload_id: UploadId, runtime: WithRuntime) -> Response:
    """Deletes a file that was sent, at once and for good. Needs the scope `batches:run`."""
    runtime.batch_work.uploads.delete(upload_id)
    return Response(status_code=204)
