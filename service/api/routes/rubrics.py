"""Rubrics and their questions, to read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from service.api.access import require
from service.api.responses import KEY_STATUSES, document
from service.api.runtime import WithServices
from service.api.schemas import MAX_REFERENCE, QuestionList, QuestionView, RubricList, RubricSummary, RubricView
from service.domain.rubric import Rubric
from service.wiring import Services

router = APIRouter(prefix="/v1", tags=["rubrics"], dependencies=[Depends(require(None))])
RubricName = Annotated[
    str | None, Query(min_length=1, max_length=MAX_REFERENCE, description="A rubric's id, or `id@v1`; else all rubrics")
]


@router.get("/rubrics", operation_id="list_rubrics", responses=document(*KEY_STATUSES, 500))
async def list_rubrics(services: WithServices) -> RubricList:
    """Every version of every rubric that this server grades with. Any API key will do."""
    return RubricList(items=tuple(RubricSummary.build(rubric) for rubric in services.library.rubrics.list_all()))


@router.get("/rubrics/{reference}", operation_id="get_rubric", responses=document(*KEY_STATUSES, 404, 422, 500))
async def get_rubric(reference: str, services: WithServices) -> RubricView:
    """One rubric: `id` for its newest version, `id@v1` for that one.

    It comes without example sentences, key points and model answers, since candidates can read it.
    """
    return RubricView.build(services.library.rubrics.get(reference))


@router.get("/questions", operation_id="list_questions", responses=document(*KEY_STATUSES, 404, 422, 500))
async def list_questions(services: WithServices, rubric: RubricName = None) -> QuestionList:
    """The questions of a rubric, or of the newest version of each. Any API key will do."""
    rubrics = list_newest(services) if rubric is None else (services.library.rubrics.get(rubric),)
    return QuestionList(items=tuple(QuestionView.build(one, question) for one in rubrics for question in one.questions))


def list_newest(services: Services) -> tuple[Rubric, ...]:
    """The newest version of each rubric: versions come in order, so the last of an id wins."""
    return tuple({rubric.id: rubric for rubric in services.library.rubrics.list_all()}.values())
