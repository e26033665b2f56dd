"""The pages of people's work on a batch: what waits for a review and why, and how far people and grader agree."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import SCREENING
from service.api.routes.batches import BatchId
from service.api.runtime import WithRuntime
from service.api.screening import may_read
from service.api.screening_pages import PageRoute, name_reviewer, render_page
from service.batches.review_agreement import MIN_ANSWERS
from service.batches.review_queue import QueueReason

router = APIRouter(
    include_in_schema=False, prefix=f"{SCREENING}/{{batch_id}}/review", route_class=PageRoute, dependencies=[may_read]
)
LISTED = 50


@router.get("")
async def show_queue(
    request: Request, batch_id: BatchId, runtime: WithRuntime, only: QueueReason | None = None
) -> Response:
    """What waits for this reviewer, the most pressing first, and the agreement so far."""
    results = runtime.batches.results
    batch = await runtime.batches.get(batch_id)
    queue = await results.list_queue(batch_id, name_reviewer(request), only=only, limit=LISTED)
    agreement = None if batch.is_blind else await results.agree(batch_id)
    rubric = results.bases.find_rubric(batch.spec)
    names = {one.id: one.name for one in rubric.criteria}
    questions = {one.id: one.text for one in rubric.questions}
    context = {"batch": batch, "queue": queue, "only": only, "reasons": tuple(QueueReason), "agreement": agreement,
               "names": names, "questions": questions, "least": MIN_ANSWERS}  # fmt: skip
    return render_page(request, "review.html", context)
