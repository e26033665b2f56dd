"""Disputes: what people say is wrong with a grade, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import Visitor, require
from service.api.dispute_schemas import DisputeFilter, DisputePage, DisputeRequest, DisputeShown, ResolutionRequest
from service.api.responses import SCOPE_STATUSES, document, link_next
from service.api.routes.batch_results import name_reviewer, send
from service.api.routes.grades import GradeId, require_json
from service.api.runtime import WithRuntime
from service.store.keys import Scope

router = APIRouter(prefix="/v1", tags=["reviews"])
CanFile = Annotated[Visitor, Depends(require(Scope.GRADES_WRITE))]
CanReview = Annotated[Visitor, Depends(require(Scope.REVIEWS_WRITE))]
DisputeId = Annotated[str, Path(description="The dispute's id, such as `dsp_0f…`")]
WRITING = document(*SCOPE_STATUSES, 400, 404, 413, 415, 422, 500, 507)
_NEXT = {"description": 'The next page, rel="next"; absent on the last', "schema": {"type": "string"}}
LISTED: dict[int | str, dict[str, Any]] = {200: {"headers": {"Link": _NEXT}}}


@router.post(
    "/grades/{grade_id}/disputes",
    operation_id="create_dispute",
    status_code=201,
    response_model=DisputeShown,
    responses=WRITING,
    dependencies=[Depends(require_json)],
)
async def create_dispute(grade_id: GradeId, body: DisputeRequest, runtime: WithRuntime, visitor: CanFile) -> Response:
    """Stores what a person says is wrong with a grade. Needs the scope `grades:write`.

    The grade stays as it is. Where it belongs to a batch, the answer comes first in the batch's review queue, until the
    dispute is resolved. A dispute is deleted with its grade; that it was filed stays in the audit trail, by ids. 403
    (`results-hidden`) for a grade of a batch whose reviews are blind.
    """
    grade = await runtime.services.stores.grades.get(grade_id)
    filed = await runtime.practice.disputes.file(grade, body.build(), by=visitor.actor)
    return send(DisputeShown.build(filed), 201)


@router.get(
    "/disputes",
    operation_id="list_disputes",
    response_model=DisputePage,
    responses={**LISTED, **document(*SCOPE_STATUSES, 400, 422, 500)},
)
async def list_disputes(
    request: Request, runtime: WithRuntime, _: CanReview, wanted: Annotated[DisputeFilter, Query()]
) -> Response:
    """Disputes of all grades, newest first, a page at a time. Needs the scope `reviews:write`.

    They quote what people said, and say what they wrote: personal data. Disputes of grades of a batch whose reviews are
    blind are left out.
    """
    page = await runtime.practice.disputes.list_page(
        limit=wanted.limit, cursor=wanted.cursor, is_open=wanted.state == "open"
    )
    shown = DisputePage(items=tuple(map(DisputeShown.build, page.disputes)), next_cursor=page.next_cursor)
    return send(shown, headers=link_next(request, page.next_cursor))


@router.post(
    "/disputes/{dispute_id}/resolution",
    operation_id="resolve_dispute",
    response_model=DisputeShown,
    responses=WRITING,
    dependencies=[Depends(require_json)],
)
async def resolve_dispute(
    dispute_id: DisputeId, body: ResolutionRequest, runtime: WithRuntime, visitor: CanReview
) -> Response:
    """Says what came of a dispute; of two resolutions the first stands. Needs the scope `reviews:write`.

    The grade is not changed: to change what counts, review the answer with an override. 403 (`results-hidden`) while
    the reviews of its batch are blind.
    """
    by = name_reviewer(visitor, body.reviewer)
    return send(DisputeShown.build(await runtime.practice.disputes.resolve(dispute_id, by, body.resolution)))
