"""The page of one attempt: while it is graded, and its feedback."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from service.api.access import PRACTICE
from service.api.practice import find_criteria
from service.api.practice_access import Visit
from service.api.practice_delivery import Figure, list_figures
from service.api.practice_pages import render_page
from service.api.runtime import Runtime
from service.api.screening_forms import Form
from service.domain.answer import AnswerKind
from service.domain.practice import Attempt
from service.errors import InputError
from service.practice.page import FeedbackPage

LOOKED_BACK = 20  # attempts at the same question, to find the one before


async def show_feedback(
    request: Request,
    runtime: Runtime,
    visit: Visit,
    attempt_id: str,
    *,
    model: bool = False,
    saved: str = "",
    form: Form | None = None,
    problem: str = "",
    status: int = HTTPStatus.OK,
) -> Response:
    """The page; `model` shows the model answer, `form` and `problem` are of a dispute that could not be stored."""
    page = await runtime.practice.get_feedback(visit.learner, attempt_id)
    context = {
        "page": page, "attempt": page.attempt, "view": page.view, "asked": find_criteria(runtime, page.question),
        "shows_model": model, "saved": saved, "form": form, "problem": problem,
        "earlier": await _find_earlier(runtime, visit, page), "interview": await _find_interview(runtime, visit, page),
        "delivery": await _read_delivery(runtime, page), "sound": await _find_sound(runtime, visit, page),
        "days": runtime.settings.practice_days,
    }  # fmt: skip
    return render_page(request, "attempt.html", context, status)


async def _read_delivery(runtime: Runtime, page: FeedbackPage) -> tuple[Figure, ...]:
    if page.view is None or page.attempt.kind is not AnswerKind.SPOKEN:
        return ()
    spoken = (await runtime.services.stores.grades.get(page.attempt.grade)).spoken
    return tuple(list_figures(spoken.delivery)) if spoken is not None else ()


async def _find_sound(runtime: Runtime, visit: Visit, page: FeedbackPage) -> str:
    """The address of the recording; empty when it was not kept."""
    recording = page.attempt.transcription
    with suppress(InputError):  # deleted after its retention: there is no sound either
        if recording and (await runtime.speech.get(recording, visit.learner.owner)).has_recording:
            return f"{PRACTICE}/recordings/{recording}/sound"
    return ""


async def _find_earlier(runtime: Runtime, visit: Visit, page: FeedbackPage) -> Attempt | None:
    """The latest scored attempt at the same question before this one, to compare with; None without scores."""
    one = page.attempt
    if one.overall is None:
        return None
    listed = await runtime.practice.list_attempts(
        visit.learner, rubric=one.rubric.id, question_key=one.question_key, limit=LOOKED_BACK
    )
    older = [it for it in listed.attempts if it.overall is not None and it.created_at < one.created_at]
    return older[0] if older else None


async def _find_interview(runtime: Runtime, visit: Visit, page: FeedbackPage) -> object:
    """The mock interview that this answer belongs to, while it exists."""
    if page.attempt.interview is None:
        return None
    with suppress(InputError):
        return await runtime.practice.get_interview(visit.learner, page.attempt.interview)
    return None
