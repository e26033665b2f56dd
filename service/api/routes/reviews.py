"""What people do with a batch's results: look, review, override, decide."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from service.api.access import Visitor, require
from service.api.batch_result_schemas import DecisionHistory, DecisionView, ReviewShown
from service.api.batch_review_schemas import (
    Agreement,
    DecisionRequest,
    QueueFilter,
    ReviewQueue,
    ReviewRequest,
)
from service.api.batch_schemas import BatchView
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.batch_results import BINARY, AnswerNumber, name_file, name_reviewer, send, stream_file
from service.api.routes.batches import STEERING, BatchId, Runner, may_read
from service.api.routes.grades import require_json
from service.api.runtime import WithRuntime
from service.store.keys import Scope

router = APIRouter(prefix="/v1/batches", tags=["reviews"])
CanReview = Annotated[Visitor, Depends(require(Scope.REVIEWS_WRITE))]
WRITING = document(*SCOPE_STATUSES, 400, 404, 413, 415, 422, 500, 507)
LINES = "application/x-ndjson"
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

    The newest decision is in force; the earlier ones stay, with their reasons, at `/decisions`.
    """
    by = name_reviewer(visitor, body.reviewer)
    decision = await runtime.batches.results.decide(batch_id, person, body.decision, by, body.reason)
    return send(DecisionView.build(decision))


@router.get(
    "/{batch_id}/people/{person:path}/decisions",
    operation_id="list_decisions",
    response_model=DecisionHistory,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[may_read],
)
async def list_decisions(batch_id: BatchId, person: PersonKey, runtime: WithRuntime) -> Response:
    """All that was decided about a candidate, oldest first, with who, when and why. Needs the scope `batches:read`."""
    return send(DecisionHistory.build(await runtime.batches.results.list_history(batch_id, person)))


@router.post("/{batch_id}/open-results", operation_id="open_results", response_model=BatchView, responses=STEERING)
async def open_results(batch_id: BatchId, runtime: WithRuntime, visitor: Runner) -> Response:
    """Ends the blindness of reviews, for everybody and for good. Needs the scope `batches:run`.

    Until then the ranking, lists of answers, exports, cases and decisions of a batch with blind reviews are 403
    (`results-hidden`). Who opened them is in the audit trail; reviews after that no longer count as blind.
    """
    await runtime.batches.results.open_results(batch_id, visitor.actor)
    return send(BatchView.build_whole(await runtime.batches.progress(batch_id)))


@router.get(
    "/{batch_id}/cases",
    operation_id="export_cases",
    response_class=Response,
    responses={
        200: {"content": {LINES: BINARY}, "description": "One case a line; empty when nobody has reviewed"},
        **document(*SCOPE_STATUSES, 404, 422, 500),
    },
    dependencies=[may_read],
)
async def export_cases(
    batch_id: BatchId,
    runtime: WithRuntime,
    only_sample: Annotated[
        bool, Query(description="Only answers of the random sample; the others are hard ones")
    ] = True,
) -> Response:
    """The reviewed answers as cases of an eval set, as `evals import` takes them. Needs the scope `batches:read`.

    Each holds the answer's text and the first rating of each reviewer; candidates are not named.
    """
    batch = await runtime.batches.get(batch_id)
    pieces = runtime.batches.results.export_cases(batch_id, only_sample=only_sample)
    return await stream_file(pieces, LINES, name_file(batch, "cases", "jsonl"))


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
