"""Prompts, to read: whoever is graded by a model may know what it was told."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from service.api.access import require
from service.api.responses import KEY_STATUSES, document
from service.api.runtime import WithServices
from service.api.schemas import PromptList, PromptSummary, PromptView

router = APIRouter(prefix="/v1", tags=["prompts"], dependencies=[Depends(require(None))])


@router.get("/prompts", operation_id="list_prompts", responses=document(*KEY_STATUSES, 500))
async def list_prompts(services: WithServices) -> PromptList:
    """Every version of every prompt that this server can use. Any API key will do."""
    return PromptList(items=tuple(PromptSummary.build(prompt) for prompt in services.library.prompts.list_all()))


@router.get("/prompts/{reference}", operation_id="get_prompt", responses=document(*KEY_STATUSES, 404, 422, 500))
async def get_prompt(reference: str, services: WithServices) -> PromptView:
    """One prompt with its text and parameters: `name` for its newest version, `name@v1` for that one."""
    return PromptView.build(services.library.prompts.get(reference))
