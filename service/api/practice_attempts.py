"""Answers of learners: handed in, watched while they are graded, read, disputed, tried again."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api.access import PRACTICE
from service.api.practice import Earlier, Heard, read_fields, show_answering
from service.api.practice_access import (
    STALE,
    Visit,
    WithAnyForm,
    WithOwnForm,
    WithVisit,
    from_own_page,
    is_theirs,
    keep_cookie,
    may_practise,
)
from service.api.practice_events import stream_attempt
from service.api.practice_feedback import show_feedback
from service.api.practice_limits import name_address
from service.api.practice_pages import PracticeRoute, show_problem
from service.api.problems import build_headers, describe_error, find_kind
from service.api.runtime import Runtime, WithRuntime
from service.api.screening_forms import TOKEN, Form
from service.api.screening_pages import SEE_OTHER
from service.domain.practice import Attempt, Dispute, DisputeTarget, NewAttempt, NewDispute, make_follow_up_key
from service.errors import (
    GraderError,
    InputError,
    PracticeInvalid,
    SpeechError,
    TooManyRequests,
    UnknownQuestion,
    UnknownRubric,
)
from service.practice.feedback import FeedbackView

PREFIX = f"{PRACTICE}/attempts"
router = APIRouter(include_in_schema=False, prefix=PREFIX, route_class=PracticeRoute, dependencies=[may_practise])
AttemptId = Annotated[str, Path(max_length=80)]
# A grade of the embedded grader is there after some milliseconds: then the first page is the finished one, also
# without scripts. For a model nobody should wait before they see what is happening.
SHORT_SECONDS = 0.2
PLACE = re.compile("[0-9]")  # of ten questions at most
MOST_OPEN_DISPUTES = 20  # of one grade: a person reads each of them


@router.post("")
async def hand_in(request: Request, runtime: WithRuntime, visit: WithVisit, form: WithAnyForm) -> Response:
    """Starts the grading, and on to its page; back with the answer and a sentence where that cannot be."""
    if not is_theirs(visit, form.get(TOKEN)):
        return await show_again(request, runtime, visit, form, STALE, HTTPStatus.FORBIDDEN)
    try:
        runtime.practice_work.limit.take(visit.learner.id, name_address(request))
        await _correct(runtime, visit, form)
        attempt = await runtime.practice.start(visit.learner, read_attempt(form))
    except TooManyRequests as error:
        seconds = math.ceil(error.retry_after_seconds or 1)
        return await show_again(request, runtime, visit, form, str(error), HTTPStatus.TOO_MANY_REQUESTS, seconds)
    except (InputError, SpeechError) as error:
        return await show_again(request, runtime, visit, form, str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
    return await _go_on(request, runtime, visit, attempt)


async def _go_on(request: Request, runtime: Runtime, visit: Visit, attempt: Attempt) -> Response:
    with suppress(TimeoutError):
        await asyncio.wait_for(runtime.practice.wait(visit.learner, attempt.id), SHORT_SECONDS)
    response = RedirectResponse(f"{PREFIX}/{attempt.id}", SEE_OTHER)
    keep_cookie(request, response, visit, runtime)  # from now on there is something to come back to
    return response


@router.get("/{attempt_id}")
async def show_attempt(
    request: Request, attempt_id: AttemptId, runtime: WithRuntime, visit: WithVisit, model: str = "", saved: str = ""
) -> Response:
    """The feedback; while the answer is graded, what is happening."""
    return await show_feedback(request, runtime, visit, attempt_id, model=bool(model), saved=saved)


@router.get("/{attempt_id}/events")
async def follow_attempt(
    request: Request,
    attempt_id: AttemptId,
    runtime: WithRuntime,
    visit: WithVisit,
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """What happens to the answer, as server-sent events."""
    return await stream_attempt(request, runtime, visit.learner, attempt_id, last_event_id)


@router.get("/{attempt_id}/follow-up")
async def show_follow_up(
    request: Request,
    attempt_id: AttemptId,
    runtime: WithRuntime,
    visit: WithVisit,
    earlier: Earlier = "",
    heard: Heard = "",
) -> Response:
    """Where the follow-up question is answered."""
    fields = await read_fields(runtime, visit, earlier, heard)
    return await _show_follow_up(request, runtime, visit, attempt_id, fields)


@router.post("/{attempt_id}/retry", dependencies=[from_own_page])
async def retry(request: Request, attempt_id: AttemptId, runtime: WithRuntime, visit: WithVisit) -> Response:
    """Grades an answer again whose grading failed."""
    runtime.practice_work.limit.take(visit.learner.id, name_address(request))
    return await _go_on(request, runtime, visit, await runtime.practice.retry(visit.learner, attempt_id))


@router.post("/{attempt_id}/best")
async def keep_best(attempt_id: AttemptId, runtime: WithRuntime, visit: WithVisit, form: WithOwnForm) -> Response:
    """Keeps this attempt as the best at its question, or takes that back."""
    is_kept = form.get("keep") != "no"
    await runtime.practice.keep_best(visit.learner, attempt_id, is_kept=is_kept)
    return RedirectResponse(f"{PREFIX}/{attempt_id}{'?saved=best' if is_kept else ''}", SEE_OTHER)


@router.post("/{attempt_id}/dispute")
async def dispute(
    request: Request, attempt_id: AttemptId, runtime: WithRuntime, visit: WithVisit, form: WithOwnForm
) -> Response:
    """Stores what the learner says is wrong."""
    try:
        runtime.practice_work.limit.take(visit.learner.id, name_address(request))
        page = await runtime.practice.get_feedback(visit.learner, attempt_id)
        check_open_disputes(page.disputes)
        await runtime.practice.dispute(visit.learner, attempt_id, read_dispute(form, page.view))
    except (PracticeInvalid, TooManyRequests) as error:
        status = find_kind(type(error)).status
        shown = await show_feedback(request, runtime, visit, attempt_id, form=form, problem=str(error), status=status)
        shown.headers.update(build_headers(error))
        return shown
    return RedirectResponse(f"{PREFIX}/{attempt_id}?saved=dispute#wrong", SEE_OTHER)


@router.post("/{attempt_id}/delete", dependencies=[from_own_page])
async def delete(attempt_id: AttemptId, runtime: WithRuntime, visit: WithVisit) -> Response:
    """Deletes the attempt with all that belongs to it."""
    await runtime.practice.delete_attempt(visit.learner, attempt_id)
    return RedirectResponse(f"{PRACTICE}/history", SEE_OTHER)


def read_attempt(form: Form) -> NewAttempt:
    """What was handed in. Raises PracticeInvalid for what no page of ours sends."""
    place = form.get("place")
    if place and not PLACE.fullmatch(place):
        raise PracticeInvalid("place: expected the number of the question in the mock interview. Load the page again.")
    return NewAttempt(
        rubric=form.get("rubric"),
        question=form.get("question"),
        answer=read_text(form),
        transcription=form.get("transcription") or None,
        parent=form.get("parent") or None,
        interview=form.get("interview") or None,
        place=int(place) if place else None,
    )


def read_text(form: Form) -> str:
    """The answer; forms send line breaks as two characters, and a candidate typed one."""
    return form.get("answer").replace("\r\n", "\n")


def read_dispute(form: Form, view: FeedbackView | None) -> NewDispute:
    """What is said to be wrong: `about` is `transcript`, `level:<criterion>` or `quote:<criterion>:<number from 0>`."""
    kind, _, rest = form.get("about").partition(":")
    criterion, _, number = rest.partition(":")
    quotes = next((one.quotes for one in (view.criteria if view else ()) if one.id == criterion), ())
    try:
        target = DisputeTarget(kind)
        quote = quotes[int(number[:3])] if target is DisputeTarget.QUOTE else None
    except (ValueError, IndexError):
        raise PracticeInvalid("Say what is wrong: a quote, a level or the transcript. Choose it in the list.") from None
    return NewDispute(target=target, comment=form.get("comment"), criterion=criterion or None, quote=quote)


def check_open_disputes(disputes: Sequence[Dispute]) -> None:
    """Raises PracticeInvalid when as many as a person reads wait to be looked at."""
    if sum(one.resolved_at is None for one in disputes) >= MOST_OPEN_DISPUTES:
        raise PracticeInvalid(
            f"{MOST_OPEN_DISPUTES} remarks on this feedback wait to be looked at. Write more when they have been."
        )


async def _correct(runtime: Runtime, visit: Visit, form: Form) -> None:
    """The words that the speaker corrected, before they are graded."""
    transcription, text = form.get("transcription"), read_text(form)
    if transcription and text:
        await runtime.speech.correct(transcription, visit.learner.owner, text)


async def show_again(
    request: Request,
    runtime: Runtime,
    visit: Visit,
    form: Form,
    problem: str,
    status: int,
    retry_after: int | None = None,
) -> Response:
    """The page that the form stood on, with all that was filled in."""
    fields = {name: form.get(name) for name in form.fields}
    place = form.get("place")
    more: dict[str, Any] = {
        "interview": form.get("interview") or None,
        "place": place if PLACE.fullmatch(place) else None,
    }
    if retry_after is not None:
        more["retry_after"] = retry_after
    parent = form.get("parent")
    with suppress(GraderError):  # gone meanwhile: then it is an answer to the question itself
        if parent:
            return await _show_follow_up(request, runtime, visit, parent, fields, problem, status, **more)
    try:
        question = runtime.practice.get_question(form.get("rubric"), form.get("question"))
    except (UnknownRubric, UnknownQuestion) as gone:
        return show_problem(request, describe_error(request, gone), answer=read_text(form))
    return await show_answering(request, runtime, visit, question, fields, problem, status, **more)


async def _show_follow_up(
    request: Request,
    runtime: Runtime,
    visit: Visit,
    attempt_id: str,
    fields: Mapping[str, str] | None = None,
    problem: str = "",
    status: int = HTTPStatus.OK,
    **more: Any,
) -> Response:
    page = await runtime.practice.get_feedback(visit.learner, attempt_id)
    if page.view is None or not page.view.follow_up:
        raise PracticeInvalid("This feedback has no follow-up question. Go back to it, and try the question again.")
    question = page.question.model_copy(update={"text": page.view.follow_up})
    more["parent"] = page
    more["key"] = make_follow_up_key(page.attempt.question_key, page.view.follow_up)
    return await show_answering(request, runtime, visit, question, fields, problem, status, **more)
