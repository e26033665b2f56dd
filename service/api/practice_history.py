"""What a learner did so far: attempts, progress, two of them side by side; all of it taken along, or deleted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from service.api.access import PRACTICE
from service.api.practice_access import COOKIE, WithVisit, from_own_page, may_practise
from service.api.practice_pages import SAFETY, PracticeRoute, render_page
from service.api.runtime import WithRuntime
from service.api.screening_pages import SEE_OTHER
from service.domain.practice import Attempt
from service.practice.history import Practised

router = APIRouter(include_in_schema=False, prefix=PRACTICE, route_class=PracticeRoute, dependencies=[may_practise])
Words = Annotated[str, Query(max_length=200)]
LISTED = 50
GROUPS = 40


@router.get("/history")
async def show_history(
    request: Request, runtime: WithRuntime, visit: WithVisit, rubric: Words = "", question: Words = "", cursor: str = ""
) -> Response:
    """The attempts by question, the newest first, and how the levels went."""
    practice = runtime.practice
    practised = await practice.list_practised(visit.learner)
    titles = {one.id: one.title for one in practice.list_rubrics()}
    tried = {one.rubric for one in practised}
    rubric = rubric if rubric in tried else next((one.rubric for one in practised), "")
    page = await practice.list_attempts(
        visit.learner,
        rubric=rubric or None,
        question_key=question or None,
        limit=LISTED,
        cursor=cursor or None,
    )
    of_rubric = [one for one in practised if one.rubric == rubric]
    context = {
        "rubric": rubric, "rubrics": {key: titles.get(key, key) for key in sorted(tried)}, "question": question,
        "groups": group_attempts(page.attempts, of_rubric), "next_cursor": page.next_cursor, "is_first": not cursor,
        "progress": await practice.get_progress(visit.learner, rubric) if rubric else None,
        "days": runtime.settings.practice_days,
    }  # fmt: skip
    return render_page(request, "history.html", context)


def group_attempts(attempts: tuple[Attempt, ...], practised: list[Practised]) -> list[tuple[Practised, list[Attempt]]]:
    """The attempts of each question, the question tried last first."""
    by_key: dict[str, list[Attempt]] = {}
    for one in attempts:
        by_key.setdefault(one.question_key, []).append(one)
    return [(one, by_key[one.question_key]) for one in practised if one.question_key in by_key]


@router.get("/compare")
async def compare(request: Request, runtime: WithRuntime, visit: WithVisit, a: Words = "", b: Words = "") -> Response:
    """Two attempts side by side, with what changed."""
    if not (a and b):
        return RedirectResponse(f"{PRACTICE}/history", SEE_OTHER)
    first, second, comparison = await runtime.practice.compare(visit.learner, a, b)
    texts = [(await runtime.practice.get_feedback(visit.learner, one.id)).text for one in (first, second)]
    context = {"first": first, "second": second, "comparison": comparison, "texts": texts}
    return render_page(request, "compare.html", context)


@router.get("/export")
async def export(runtime: WithRuntime, visit: WithVisit) -> Response:
    """Everything stored of the learner, as a ZIP file."""
    headers = {**SAFETY, "Content-Disposition": 'attachment; filename="my-practice.zip"'}
    return StreamingResponse(runtime.practice.export(visit.learner), headers=headers, media_type="application/zip")


@router.get("/delete")
async def ask_to_delete(request: Request, runtime: WithRuntime, visit: WithVisit) -> Response:
    """What would be deleted, and the button that does it."""
    practised = await runtime.practice.list_practised(visit.learner)
    attempts = sum(one.attempts for one in practised)
    context = {"attempts": attempts, "questions": len(practised), "is_deleted": False}
    return render_page(request, "delete.html", context)


@router.post("/delete", dependencies=[from_own_page])
async def delete_everything(runtime: WithRuntime, visit: WithVisit) -> Response:
    """Deletes all of it, and forgets the browser."""
    await runtime.practice.delete_everything(visit.learner)
    response = RedirectResponse(f"{PRACTICE}/deleted", SEE_OTHER)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/deleted")
async def show_deleted(request: Request) -> Response:
    """That it is done; nobody is recognised here, so that no new cookie comes at once."""
    return render_page(request, "delete.html", {"attempts": 0, "questions": 0, "is_deleted": True})
