"""What batches have come to: people, answers, rejected rows, exports."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service.api.access import Visitor, require
from service.api.batch_result_schemas import (
    AnswerFilter,
    AnswerPage,
    AnswerView,
    PeopleFilter,
    PeoplePage,
    RejectedPage,
    Reviewer,
    build_answer_page,
)
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.batches import BatchId, link_next, may_read
from service.api.runtime import WithRuntime
from service.batches.export.content import Kind, View
from service.batches.export.files import MEDIA_TYPES
from service.domain.batch import Batch
from service.errors import CursorInvalid
from service.store.keys import Scope

router = APIRouter(prefix="/v1/batches", tags=["batches"])
READING = document(*SCOPE_STATUSES, 400, 404, 422, 500)
CSV = "text/csv"
BINARY = {"schema": {"type": "string", "format": "binary"}}
AnswerNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="The answer's number in the batch, from 0")]
AnswerReader = Annotated[Visitor, Depends(require(Scope.BATCHES_READ, Scope.REVIEWS_WRITE))]


@router.get(
    "/{batch_id}/people",
    operation_id="rank_people",
    response_model=PeoplePage,
    responses=READING,
    dependencies=[may_read],
)
async def rank_people(
    request: Request, batch_id: BatchId, runtime: WithRuntime, wanted: Annotated[PeopleFilter, Query()]
) -> Response:
    """The ranking, with its uncertainty: a page at a time. Needs the scope `batches:read`.

    People whose scores cannot be told apart share a tier, and each has the ranks that they may hold (`best_rank` to
    `worst_rank`); `reason` says what a rank rests on. Missing questions are said and not imputed. People without a
    score are in another section, never at the end of this one.

    It is the ranking of one moment (`made_at`): pages of one cursor do not shift while grades arrive. While reviews of
    the batch are blind it is closed, as exports and lists of answers are: 403, `results-hidden`.
    """
    results = runtime.batches.results
    page = await results.people(batch_id, wanted.build_query(), limit=wanted.limit, cursor=wanted.cursor)
    decisions = await results.list_decisions(batch_id, [person.key for person in page.people])
    return send(PeoplePage.build(page, decisions), headers=link_next(request, page.next_cursor))


@router.get(
    "/{batch_id}/answers",
    operation_id="list_answers",
    response_model=AnswerPage,
    responses=READING,
    dependencies=[may_read],
)
async def list_answers(
    request: Request, batch_id: BatchId, runtime: WithRuntime, wanted: Annotated[AnswerFilter, Query()]
) -> Response:
    """The answers of a batch without their texts, in the order of the file. Needs the scope `batches:read`."""
    after = read_place(wanted.cursor)
    rows = await runtime.batches.results.list_answers(batch_id, after=after, limit=wanted.limit + 1)
    page = build_answer_page(rows, wanted.limit)
    return send(page, headers=link_next(request, page.next_cursor))


@router.get(
    "/{batch_id}/answers/{number}",
    operation_id="get_answer",
    response_model=AnswerView,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
)
async def get_answer(
    batch_id: BatchId,
    number: AnswerNumber,
    runtime: WithRuntime,
    visitor: AnswerReader,
    reviewer: Annotated[Reviewer, Query()] = None,
) -> Response:
    """One answer: its text, the machine's grade, what people said of it. Needs `batches:read` or `reviews:write`.

    Of a batch with blind reviews, a reviewer sees the grade and other reviews after their own.
    """
    found = await runtime.batches.results.get_answer(batch_id, number, name_reviewer(visitor, reviewer))
    return send(AnswerView.build(found))


@router.get(
    "/{batch_id}/rejected",
    operation_id="list_rejected",
    response_model=RejectedPage,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}, **READING},
    dependencies=[may_read],
)
async def list_rejected(
    request: Request, batch_id: BatchId, runtime: WithRuntime, wanted: Annotated[AnswerFilter, Query()]
) -> Response:
    """Rows of the file that were no answers, with what is wrong with them. Needs the scope `batches:read`.

    With `Accept: text/csv`, or at `/rejected.csv`, all of them as a file that can be mended and submitted again.
    """
    if CSV in request.headers.get("accept", ""):
        return await send_rejected(batch_id, runtime)
    after = read_place(wanted.cursor)
    rows = await runtime.batches.results.list_rejected(batch_id, after=after, limit=wanted.limit + 1)
    following = str(after + wanted.limit) if len(rows) > wanted.limit else None
    page = RejectedPage(items=rows[: wanted.limit], next_cursor=following)
    return send(page, headers=link_next(request, following))


@router.get(
    "/{batch_id}/rejected.csv",
    operation_id="export_rejected",
    response_class=Response,
    responses={
        200: {"content": {CSV: BINARY}, "description": "The file"},
        **document(*SCOPE_STATUSES, 404, 422, 500),
    },
    dependencies=[may_read],
)
async def export_rejected(batch_id: BatchId, runtime: WithRuntime) -> Response:
    """All rejected rows as CSV: the file's own columns, then what is wrong. Needs the scope `batches:read`.

    Mend the rows and submit the file as it is: the added columns are ignored.
    """
    return await send_rejected(batch_id, runtime)


async def send_rejected(batch_id: str, runtime: WithRuntime) -> Response:
    """The rejected rows as a file."""
    batch = await runtime.batches.get(batch_id)
    pieces = runtime.batches.results.export_rejected(batch_id)
    return await stream_file(pieces, f"{CSV}; charset=utf-8", name_file(batch, "rejected", "csv"))


@router.get(
    "/{batch_id}/export",
    operation_id="export_batch",
    response_class=Response,
    responses={
        200: {
            "content": {kind.partition(";")[0]: BINARY for kind in MEDIA_TYPES.values()},
            "description": "The file, as it is written",
            "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
        },
        **document(*SCOPE_STATUSES, 404, 422, 500, 507),
    },
)
async def export_batch(
    batch_id: BatchId,
    runtime: WithRuntime,
    visitor: Annotated[Visitor, may_read],
    kind: Annotated[Kind, Query(description="`xlsx` holds all views, each on its sheet")] = Kind.CSV,
    view: Annotated[View, Query(description="What a row is")] = View.ANSWERS,
) -> Response:
    """Results as CSV, a workbook or JSON Lines. Needs the scope `batches:read`; it is noted in the audit trail.

    Every row carries the versions of prompt, rubric and model. Texts that begin like a formula cannot run as one: in
    CSV an apostrophe stands before them, in a workbook they are text; JSON Lines holds them exactly.
    """
    batch = await runtime.batches.get(batch_id)
    pieces = runtime.batches.results.export(batch_id, kind, view, actor=visitor.actor)
    name = name_file(batch, "" if kind is Kind.XLSX else view.value, kind.value)
    return await stream_file(pieces, MEDIA_TYPES[kind], name)


def name_file(batch: Batch, what: str, ending: str) -> str:
    """`answers.csv` exported as a workbook is `answers.xlsx`, its people as CSV `answers people.csv`."""
    stem = re.sub(r"\.(csv|tsv|txt|xlsx|xlsm|jsonl|ndjson)$", "", batch.name, flags=re.IGNORECASE)
    return f"{' '.join(filter(None, (stem, what)))}.{ending}"


async def stream_file(pieces: AsyncIterator[bytes], media_type: str, name: str) -> Response:
    """The response that sends the pieces; what fails before the first is raised here, and is an ordinary problem."""
    first = await anext(pieces, b"")

    async def send_all() -> AsyncIterator[bytes]:
        async with aclosing(pieces):  # type: ignore[type-var] # all of ours are generators
            yield first
            async for piece in pieces:
                yield piece

    plain = re.sub(r"[^A-Za-z0-9._ -]+", "_", name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return StreamingResponse(send_all(), media_type=media_type, headers={"Content-Disposition": disposition})


def name_reviewer(visitor: Visitor, reviewer: str | None) -> str:
    """Who reviews: the person named, and the key they used, so that none can pass for another."""
    if reviewer is None or not reviewer.strip():
        return visitor.actor
    return f"{reviewer.strip()} / {visitor.actor}" if visitor.id else reviewer.strip()


def read_place(cursor: str | None) -> int:
    """The place that a page starts after; raises CursorInvalid."""
    if cursor is None:
        return -1
    if not re.fullmatch(r"[0-9]{1,9}", cursor, re.ASCII):
        raise CursorInvalid("The page cursor is not one of this service's. Start again without a cursor.")
    return int(cursor)


def send(shown: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The JSON of what is shown."""
    return Response(shown.model_dump_json(), status, headers, "application/json")
