"""Where practising begins: what this is, which question, and the page on which it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api.access import PRACTICE
from service.api.practice_access import Visit, WithVisit, may_practise
from service.api.practice_pages import PracticeRoute, render_page
from service.api.runtime import Runtime, WithRuntime
from service.api.screening_pages import SEE_OTHER
from service.domain.practice import PracticeQuestion
from service.domain.rubric import FREE_QUESTION_ID, Criterion
from service.domain.transcript import DOUBTFUL_BELOW
from service.domain.transcription import MAX_CORRECTED_CHARACTERS
from service.errors import UnknownRubric
from service.practice.catalogue import RubricCard
from service.practice.history import Practised

home = APIRouter(include_in_schema=False, route_class=PracticeRoute)
router = APIRouter(include_in_schema=False, prefix=PRACTICE, route_class=PracticeRoute, dependencies=[may_practise])
Words = Annotated[str, Query(max_length=200)]
Name = Annotated[str, Path(max_length=100)]
Earlier = Annotated[str, Query(alias="from", max_length=80)]
Heard = Annotated[str, Query(max_length=80)]
SHOWN = 60
NOTHING_HEARD = "No words were heard in this recording. Listen to it, and choose another one, or write your answer."


@home.get("/")
async def show_home(request: Request, runtime: WithRuntime) -> Response:
    """What this is, on one screen."""
    return render_page(request, "home.html", {"days": runtime.settings.practice_days})


@router.get("")
async def show_questions(
    request: Request,
    runtime: WithRuntime,
    visit: WithVisit,
    q: Words = "",
    rubric: Words = "",
    criterion: Words = "",
) -> Response:
    """The questions that fit, what was tried of them, and the other ways to begin."""
    practice = runtime.practice
    cards = {one.id: one for one in practice.list_rubrics()}
    tried = await practice.list_practised(visit.learner)
    card = cards.get(rubric) or _choose_card(cards, tried)
    known = {one.id for one in card.criteria}
    found = practice.list_questions(q, rubric=card.id, criterion=criterion if criterion in known else None)
    interviews = await practice.list_interviews(visit.learner, limit=5)
    context = {
        "q": q, "rubric": card.id, "cards": tuple(cards.values()), "card": card, "found": found[:SHOWN],
        "criterion": criterion if criterion in known else "",
        "tried": {one.question_key: one for one in tried if one.rubric == card.id},
        "interviews": [one for one in interviews if one.next_place is not None],
    }  # fmt: skip
    return render_page(request, "choose.html", context)


def _choose_card(cards: Mapping[str, RubricCard], tried: Sequence[Practised]) -> RubricCard:
    """The kind of interview that was practised last, else the one with the most questions."""
    if tried and tried[0].rubric in cards:
        return cards[tried[0].rubric]
    if not any(one.questions for one in cards.values()):
        raise UnknownRubric("No rubric of this server has a question. Add some, or correct GRADER_ASSETS_DIR.")
    return max(cards.values(), key=lambda one: one.questions)


@router.get("/surprise")
async def surprise(runtime: WithRuntime, visit: WithVisit, rubric: Words = "", criterion: Words = "") -> Response:
    """On to a question that was never tried, or not for a long time."""
    found = await runtime.practice.surprise(visit.learner, rubric=rubric or None, criterion=criterion or None)
    return RedirectResponse(f"{PRACTICE}/{found.rubric}/{found.id}", SEE_OTHER)


@router.get("/own")
async def ask_own(rubric: Words, text: Annotated[str, Query(max_length=2_000)] = "") -> Response:
    """On to the page of a question that somebody brought along."""
    return RedirectResponse(f"{PRACTICE}/{quote(rubric, safe='')}/{FREE_QUESTION_ID}?text={quote(text)}", SEE_OTHER)


questions = APIRouter(  # registered last: its path fits every other page below /practice
    include_in_schema=False, prefix=PRACTICE, route_class=PracticeRoute, dependencies=[may_practise]
)


@questions.get("/{rubric}/{question}")
async def show_question(
    request: Request,
    rubric: Name,
    question: Name,
    runtime: WithRuntime,
    visit: WithVisit,
    text: Annotated[str, Query(max_length=2_000)] = "",
    earlier: Earlier = "",
    heard: Heard = "",
) -> Response:
    """Where a question is answered, by voice or in writing; `from` is the attempt whose words it begins with."""
    found = runtime.practice.get_question(rubric, text if question == FREE_QUESTION_ID else question)
    fields = await read_fields(runtime, visit, earlier, heard)
    return await show_answering(request, runtime, visit, found, fields)


async def show_answering(
    request: Request,
    runtime: Runtime,
    visit: Visit,
    question: PracticeQuestion,
    fields: Mapping[str, str] | None = None,
    problem: str = "",
    status: int = HTTPStatus.OK,
    key: str = "",
    **more: object,
) -> Response:
    """The page of a question. `fields` is what was filled in already, `problem` why it comes back."""
    fields = fields or {}
    tried = await runtime.practice.list_attempts(
        visit.learner, rubric=question.rubric, question_key=key or question.key, limit=3
    )
    settings = runtime.settings
    context: dict[str, object] = {
        "question": question, "asked": find_criteria(runtime, question), "tried": tried.attempts,
        "fields": fields, "problem": problem or fields.get("failed", ""),
        "parent": None, "interview": None, "place": None,
        "most_seconds": round(settings.max_audio_seconds), "most_bytes": settings.max_audio_bytes,
        "most_characters": MAX_CORRECTED_CHARACTERS, "doubtful_below": DOUBTFUL_BELOW,
        "is_free": question.id == FREE_QUESTION_ID,
    }  # fmt: skip
    headers = {"Retry-After": str(more.pop("retry_after"))} if "retry_after" in more else {}
    return render_page(request, "question.html", context | more, status, **headers)


async def read_fields(runtime: Runtime, visit: Visit, earlier: str = "", heard: str = "") -> dict[str, str]:
    """The form with the words of an earlier attempt, or of a recording; empty when there is none to begin with."""
    if heard:
        return await _read_heard(runtime, visit, heard)
    if not earlier:
        return {}
    return {"from": earlier, "answer": (await runtime.practice.get_feedback(visit.learner, earlier)).text}


async def _read_heard(runtime: Runtime, visit: Visit, recording: str) -> dict[str, str]:
    """`listening` until its words are there, or why there are none (`failed`); `doubts` are those hard to hear."""
    found = await runtime.speech.get(recording, visit.learner.owner)
    if found.failure is not None:
        return {"failed": found.failure.message}
    if found.transcript is None:
        return {"listening": found.id}
    if not found.transcript.words:
        return {"failed": NOTHING_HEARD}
    doubts = [one.text for one in found.transcript.words if (one.confidence or 1.0) < DOUBTFUL_BELOW]
    return {"answer": found.text or "", "transcription": found.id, "doubts": ", ".join(doubts)}


def find_criteria(runtime: Runtime, question: PracticeQuestion) -> tuple[Criterion, ...]:
    """What the question asks for, with definitions and levels, in the order in which it is graded."""
    named = {one.id for one in question.criteria}
    rubric = runtime.services.library.rubrics.get(question.rubric)
    return tuple(one for one in rubric.criteria if one.id in named)
