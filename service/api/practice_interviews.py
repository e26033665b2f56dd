"""Mock interviews: some questions after another, each with time to prepare and time to answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api.access import PRACTICE
from service.api.practice import Heard, read_fields, show_answering
from service.api.practice_access import WithOwnForm, WithVisit, from_own_page, keep_cookie, may_practise
from service.api.practice_limits import name_address
from service.api.practice_pages import PracticeRoute, render_page
from service.api.runtime import WithRuntime
from service.api.screening_pages import SEE_OTHER
from service.domain.practice import Interview
from service.errors import PracticeInvalid
from service.wiring import now

PREFIX = f"{PRACTICE}/interviews"
router = APIRouter(include_in_schema=False, prefix=PREFIX, route_class=PracticeRoute, dependencies=[may_practise])
InterviewId = Annotated[str, Path(max_length=80)]
Place = Annotated[int, Path(ge=0, le=9)]
LENGTHS = ("3", "4", "5")


@router.post("")
async def start(request: Request, runtime: WithRuntime, visit: WithVisit, form: WithOwnForm) -> Response:
    """Draws the questions, and on to the overview."""
    length = form.get("questions", "4")
    if length not in LENGTHS:
        raise PracticeInvalid("questions: a mock interview has 3, 4 or 5. Choose one of them.")
    runtime.practice_work.limit.take(visit.learner.id, name_address(request))
    made = await runtime.practice.start_interview(visit.learner, form.get("rubric"), questions=int(length))
    response = RedirectResponse(f"{PREFIX}/{made.id}", SEE_OTHER)
    keep_cookie(request, response, visit, runtime)
    return response


@router.get("/{interview_id}")
async def show_interview(
    request: Request, interview_id: InterviewId, runtime: WithRuntime, visit: WithVisit
) -> Response:
    """The questions answered so far with what came of them, and the next one."""
    interview = await runtime.practice.get_interview(visit.learner, interview_id)
    done = {
        item.attempt: (await runtime.practice.get_feedback(visit.learner, item.attempt)).attempt
        for item in interview.items
        if item.attempt is not None
    }
    return render_page(request, "interview.html", {"interview": interview, "done": done})


@router.post("/{interview_id}/{place}", dependencies=[from_own_page])
async def begin_question(interview_id: InterviewId, place: Place, runtime: WithRuntime, visit: WithVisit) -> Response:
    """Starts the clock of a question: it goes on through a reload."""
    await runtime.practice.begin_question(visit.learner, interview_id, place)
    return RedirectResponse(f"{PREFIX}/{interview_id}/{place}", SEE_OTHER)


@router.get("/{interview_id}/{place}")
async def show_interview_question(
    request: Request, interview_id: InterviewId, place: Place, runtime: WithRuntime, visit: WithVisit, heard: Heard = ""
) -> Response:
    """Where the question is answered; back to the overview before its clock runs, and when it is done."""
    interview = await runtime.practice.get_interview(visit.learner, interview_id)
    if place >= len(interview.items) or interview.items[place].started_at is None or interview.items[place].attempt:
        return RedirectResponse(f"{PREFIX}/{interview_id}", SEE_OTHER)
    item = interview.items[place]
    fields = await read_fields(runtime, visit, heard=heard)
    more: dict[str, Any] = {"interview": interview.id, "place": place, "clock": read_clock(interview, place)}
    return await show_answering(request, runtime, visit, item.question, fields, **more)


def read_clock(interview: Interview, place: int) -> dict[str, int]:
    """Seconds: how long it has been open, and how long to prepare and to answer."""
    item = interview.items[place]
    passed = (now() - item.started_at).total_seconds() if item.started_at is not None else 0.0
    return {
        "passed": max(0, round(passed)),
        "preparation": item.preparation_seconds,
        "answer": item.answer_seconds,
        "count": len(interview.items),
    }
