"""The audit trail: who did what to which grade when."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import require
from service.api.batch_review_schemas import AuditFilter, AuditLine, AuditPage, AuditVerification
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.batch_results import read_place, send
from service.api.routes.batches import link_next
from service.api.runtime import WithRuntime
from service.store.audit import read_head
from service.store.keys import Scope

router = APIRouter(prefix="/v1/audit", tags=["audit"])
may_read_audit = Depends(require(Scope.AUDIT_READ))


@router.get(
    "",
    operation_id="list_audit",
    response_model=AuditPage,
    responses=document(*SCOPE_STATUSES, 400, 422, 500),
    dependencies=[may_read_audit],
)
async def list_audit(request: Request, runtime: WithRuntime, wanted: Annotated[AuditFilter, Query()]) -> Response:
    """Entries of the audit trail, newest first, a page at a time. Needs the scope `audit:read`."""
    before = read_place(wanted.cursor) if wanted.cursor is not None else None
    trail = runtime.batches.results.audit
    found = await trail.list_page(subject=wanted.subject, before=before, limit=wanted.limit + 1)
    page = found[: wanted.limit]
    following = str(page[-1].sequence) if len(found) > wanted.limit else None
    return send(
        AuditPage(items=tuple(map(AuditLine.build, page)), next_cursor=following), headers=link_next(request, following)
    )


@router.get(
    "/verification",
    operation_id="verify_audit",
    response_model=AuditVerification,
    responses=document(*SCOPE_STATUSES, 422, 500),
    dependencies=[may_read_audit],
)
async def verify_audit(
    runtime: WithRuntime,
    head: Annotated[
        str | None, Query(max_length=100, description="A `head` that you kept: finds a trail whose end was cut off")
    ] = None,
) -> Response:
    """Reads the whole trail and says whether an entry was changed, removed or moved. Needs the scope `audit:read`."""
    expected = read_head(head) if head is not None else None
    return send(AuditVerification.build(await runtime.batches.results.audit.verify(expected)))
