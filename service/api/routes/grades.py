"""Grades: made, read, listed, deleted."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import Visitor, require, whose
from service.api.events import stream_grading, wants_events
from service.api.gradings import Grading, Work
from service.api.responses import SCOPE_STATUSES, document, link_next
from service.api.runtime import Runtime, WithRuntime, WithServices
from service.api.schemas import GradeFilter, GradePage, GradeRequest
from service.api.spoken_grading import grade_spoken
from service.batches.blindness import refuse_hidden_grade
from service.domain.grade import Grade, Scored, Unscored
from service.store.keys import Scope
from service.wiring_practice_records import delete_stored_grade

CLIENT_LEFT = 499  # nginx's number; nobody is there to read it, but the log is

router = APIRouter(prefix="/v1/grades", tags=["grades"])
GradeId = Annotated[str, Path(description="The grade's id, such as `grd_0f…`")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Any text of your own, new for each answer, such as a UUID",
    ),
]
Accept = Annotated[str, Header(include_in_schema=False)]


async def require_json(request: Request) -> None:
    """Refuses other content types: a web page can send those across sites without asking, JSON it cannot."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415)


@router.post(
    "",
    operation_id="create_grade",
    status_code=201,
    response_model=Grade,
    responses=document(*SCOPE_STATUSES, 400, 409, 413, 415, 422, 500, 502, 504, 507),
    dependencies=[Depends(require_json)],
)
async def create_grade(
    request: Request,
    body: GradeRequest,
    runtime: WithRuntime,
    visitor: Annotated[Visitor, Depends(require(Scope.GRADES_WRITE))],
    idempotency_key: IdempotencyKey = None,
    accept: Accept = "",
) -> Response:
    """Grades one answer and stores the grade. Needs the scope `grades:write`.

    201 with the grade: `status` is `scored`, or `unscored` with the reason why there is no score. Both are grades.

    Send `Idempotency-Key` to be able to ask again after a broken connection: the same request with the same key is
    graded once; the stored grade comes back with 200 and `Idempotency-Replayed: true`. The same key with another
    request is refused (422), while the first is being graded it is 409. A request that failed gives its key back.
    Keys are kept for seven days.

    A spoken answer is sent as a form (`multipart/form-data`) with the same fields and the recording as `audio`, or by
    the id of its `transcription`, whose words its speaker may have corrected. What was heard too badly to be graded is
    `unscored` with the reason `transcript_unreliable`, never a low score. `spoken` in the grade tells how the answer
    became text and how it was spoken, apart from the score. A transcription that was made of a form is deleted with
    its grade, and its recording right after transcription.

    With `Accept: text/event-stream` the answer is 200 and a stream of events: `progress` (step, sample, criteria) and
    at the end `grade` with the grade, or `problem` with a problem document. What is wrong with the request itself is an
    ordinary problem response.

    When the client goes away the grading is stopped and nothing is stored, unless an `Idempotency-Key` was sent: then
    it finishes, and asking again with the key gives the grade.
    """
    if body.transcription is not None:
        await runtime.speech.get(body.transcription, whose(visitor))  # raises for an unknown one, before anything runs
    grading = start_grading(runtime, body, idempotency_key, visitor)
    return await answer_grading(request, grading, accept, runtime)


def start_grading(runtime: Runtime, body: GradeRequest, key: str | None, visitor: Visitor) -> Grading:
    """Raises an InputError before anything runs when the request names what is unknown."""
    services, submission = runtime.services, body.build_submission()
    services.read_submission(submission)
    backend = services.models.get_caller(submission.model).backend.name
    work: Work = partial(services.grade, submission, idempotency_key=key, owner=visitor.id)
    if body.transcription is not None:
        work = partial(grade_spoken, runtime, submission, body.transcription, key, visitor)
    return runtime.gradings.start(work, backend, is_kept=key is not None)


async def answer_grading(request: Request, grading: Grading, accept: str, runtime: Runtime) -> Response:
    """The grade when it is there, or the stream of events that ends with it, as the client accepts."""
    if wants_events(accept):
        return await stream_grading(request, grading, runtime.settings.shutdown_seconds)
    if not await wait_for_grading(request, grading):
        return Response(status_code=CLIENT_LEFT)
    return build_created(grading)


async def wait_for_grading(request: Request, grading: Grading) -> bool:
    """True when the grading ended, False when the client left before."""
    leaving = asyncio.ensure_future(request.receive())  # the body is read: all that can still come is the disconnect
    try:
        await asyncio.wait({grading.task, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not grading.task.done():
            grading.leave()
    return grading.task.done()


def build_created(grading: Grading) -> Response:
    """The response of an ended grading; raises its failure."""
    grade = grading.get_grade()
    headers = {"Location": f"/v1/grades/{grade.id}"}
    if grading.is_replay:
        headers["Idempotency-Replayed"] = "true"
    return _send(grade, 200 if grading.is_replay else 201, headers)


@router.get(
    "",
    operation_id="list_grades",
    response_model=GradePage,
    responses=document(*SCOPE_STATUSES, 400, 422, 500),
    dependencies=[Depends(require(Scope.GRADES_READ))],
)
async def list_grades(request: Request, services: WithServices, wanted: Annotated[GradeFilter, Query()]) -> Response:
    """Stored grades, newest first, a page at a time. Needs the scope `grades:read`.

    Ask with `cursor` set to `next_cursor` for the next page, or follow the `Link` header. Grades that arrive meanwhile
    do not shift the pages. Grades of a batch whose reviews are blind are left out.
    """
    page = await services.stores.grades.list_page(**wanted.model_dump())
    shown = GradePage(items=page.grades, next_cursor=page.next_cursor)
    headers = link_next(request, page.next_cursor)
    return Response(shown.model_dump_json(), headers=headers, media_type="application/json")


@router.get(
    "/{grade_id}",
    operation_id="get_grade",
    response_model=Grade,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[Depends(require(Scope.GRADES_READ))],
)
async def get_grade(grade_id: GradeId, runtime: WithRuntime, services: WithServices) -> Response:
    """One stored grade, exactly as it was made. Needs the scope `grades:read`.

    403 (`results-hidden`) for a grade of a batch whose reviews are blind.
    """
    grade = await services.stores.grades.get(grade_id)
    await refuse_hidden_grade(runtime.batches.results.desk.reviews, grade_id)
    return _send(grade)


@router.delete(
    "/{grade_id}",
    operation_id="delete_grade",
    status_code=204,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[Depends(require(Scope.GRADES_DELETE))],
)
async def delete_grade(grade_id: GradeId, runtime: WithRuntime, services: WithServices) -> Response:
    """Deletes a grade, the answer in it and its idempotency key, for good. Needs the scope `grades:delete`.

    The transcription of a recording that was sent with the request for it goes along; of a practice attempt all that
    belongs to it, its transcription and a kept recording too.
    """
    await delete_stored_grade(services.stores, runtime.speech.delete, grade_id)
    return Response(status_code=204)


def _send(grade: Scored | Unscored, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The grade's own JSON, not validated and copied a second time."""
    return Response(grade.model_dump_json(), status, headers, "application/json")
