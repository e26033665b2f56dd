"""What people do with a batch's results: look, review, override, decide."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from service.api.access import Visitor, require
from service.api.batch_result_schemas import DecisionView, ReviewShown
from service.api.batch_review_schemas import (
    Agreement,
    DecisionRequest,
    QueueFilter,
    ReviewQueue,
    ReviewRequest,
)
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.batch_results import AnswerNumber, name_reviewer, send
from service.api.routes.batches import BatchId, may_read
from service.api.routes.grades import require_json
from service.api.runtime import WithRuntime
from service.store.keys import Scope

router = APIRouter(prefix="/v1/batches", tags=["reviews"])
CanReview = Annotated[Visitor, Depends(require(Scope.REVIEWS_WRITE))]
WRITING = document(*SCOPE_STATUSES, 400, 404, 413, 415, 422, 500, 507)
PersonKey = Annotated[
    str,
    Path(
        min_length=1,
        max_length=2_000,
        description="`key` of the person in the ranking: the candidate reference, or `row:7`",
    ),
]


@router.get(
    "/{batch_id}/review-queue",
    operation_id="list_review_queue",
    response_model=ReviewQueue,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
)
async def list_queue(
    batch_id: BatchId, runtime: WithRuntime, visitor: CanReview, wanted: Annotated[QueueFilter, Query()]
) -> Response:
    """Answers that a person should look at, and why. Needs the scope `reviews:write`.

    Flagged, uncertain, near the cutoff, resembling another, or drawn at random: only the random ones say how good the
    machine is. What this reviewer has reviewed is left out.
    """
    reviewer = name_reviewer(visitor, wanted.reviewer)
    results = runtime.batches.results
    page = await results.list_queue(batch_id, reviewer, only=wanted.reason, limit=wanted.limit)
    return send(ReviewQueue.build(page))


@router.post(
    "/{batch_id}/answers/{number}/reviews",
    operation_id="create_review",
    status_code=201,
    response_model=ReviewShown,
    responses=WRITING,
    dependencies=[Depends(require_json)],
)
async def create_review(
    batch_id: BatchId, number: AnswerNumber, body: ReviewRequest, runtime: WithRuntime, visitor: CanReview
) -> Response:
    """Stores what a person says of an answer; it is never changed. Needs the scope `reviews:write`.

    The overall is computed from the levels, as a grade's is. With `is_override` it takes the place of the machine's,
    which stays beside it. Who did it is in the audit trail.
    """
    reviewer = name_reviewer(visitor, body.reviewer)
    review = await runtime.batches.results.review(batch_id, number, reviewer, body.build_draft())
    return send(ReviewShown.build(review), 201, {"Location": f"/v1/batches/{batch_id}/answers/{number}"})


@router.put(
    "/{batch_id}/people/{person:path}/decision",
    operation_id="decide_person",
    response_model=DecisionView,
    responses=WRITING,
    dependencies=[Depends(require_json)],
)
async def decide(
    batch_id: BatchId, person: PersonKey, body: DecisionRequest, runtime: WithRuntime, visitor: CanReview
) -> Response:
    """Says what happens with a candidate next. Needs the scope `reviews:write`.

    One decision is in force at a time; which one it replaced is in the audit trail.
    """
    by = name_reviewer(visitor, body.reviewer)
    decision = await runtime.batches.results.decide(batch_id, person, body.decision, by, body.reason)
    return send(DecisionView.build(decision))


@router.get(
    "/{batch_id}/agreement",
    operation_id="get_agreement",
    response_model=Agreement,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[may_read],
)
async def get_agreement(batch_id: BatchId, runtime: WithRuntime) -> Response:
    """How far reviewers agree with the machine and with each other. Needs the scope `batches:read`."""
    return send(Agreement.build(await runtime.batches.results.agree(batch_id)))
