"""The page of one answer: the text with its evidence, what the machine made of it, what people did, and the forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api.access import SCREENING, Visitor, require
from service.api.routes.batches import BatchId
from service.api.runtime import Runtime, WithRuntime
from service.api.screening import may_read
from service.api.screening_forms import Form, WithForm
from service.api.screening_pages import SEE_OTHER, PageRoute, name_reviewer, render_page
from service.batches.ranking.lines import PersonLine
from service.batches.ranking.people import make_key
from service.batches.review import ReviewDraft, find_counting
from service.batches.review_queue import QueuePage
from service.domain.batch import Batch
from service.domain.grade import CriterionNotObserved, CriterionScored
from service.domain.marks import cut_answer, list_spans
from service.domain.rubric import Criterion, Question, Rubric
from service.errors import GraderError, ReviewInvalid
from service.store.decisions import DecisionKind
from service.store.keys import Scope
from service.store.reviews import Review
from service.wiring_batch_results import AnswerDetail

router = APIRouter(
    include_in_schema=False, prefix=f"{SCREENING}/{{batch_id}}/answers", route_class=PageRoute, dependencies=[may_read]
)
Reviewer = Annotated[Visitor, Depends(require(Scope.REVIEWS_WRITE))]
Number = Annotated[int, Path(ge=0, le=2**31 - 1)]
LEVEL = "level-"  # of the fields of the review form: level-empathy
NOT_SHOWN = "none"
QUEUE_LOOKAHEAD = 200
SAVED = {"review": "Your review is stored.", "decision": "The decision is stored."}


@dataclass(frozen=True, slots=True)
class Card:
    """One criterion on the page. `given` is what a person chose in the form (a level, `none`, or nothing yet)."""

    place: int
    criterion: Criterion
    weight: float
    grade: CriterionScored | CriterionNotObserved | None
    given: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Where the queue goes on; numbers of answers, or None."""

    before: int | None
    after: int | None
    remaining: int


@router.get("/{number}")
async def show_answer(request: Request, batch_id: BatchId, number: Number, runtime: WithRuntime) -> Response:
    """One answer, with all that this reviewer may see of it."""
    return await _show(request, runtime, batch_id, number)


@router.post("/{number}/review")
async def review_answer(
    request: Request, batch_id: BatchId, number: Number, runtime: WithRuntime, _: Reviewer, form: WithForm
) -> Response:
    """Stores the review, and on to the next answer of the queue where that was asked for."""
    try:
        draft = _read_review(form)
        reviewer = _find_reviewer(request)
        review = await runtime.batches.results.review(batch_id, number, reviewer, draft)
    except ReviewInvalid as error:
        return await _show(request, runtime, batch_id, number, form, str(error))
    if review.is_override:  # whoever sets a score sees it in the very next table
        await runtime.batches.results.rankings.get(await runtime.batches.get(batch_id), newest=True)
    here = f"{SCREENING}/{batch_id}/answers"
    if form.get("then") != "next":
        return RedirectResponse(f"{here}/{number}?saved=review{_keep_queue(request)}", SEE_OTHER)
    queue = await runtime.batches.results.list_queue(batch_id, reviewer, limit=1)
    if not queue.items:
        return RedirectResponse(f"{SCREENING}/{batch_id}/review", SEE_OTHER)
    return RedirectResponse(f"{here}/{queue.items[0].number}?queue=1", SEE_OTHER)


@router.post("/{number}/decision")
async def decide(
    request: Request, batch_id: BatchId, number: Number, runtime: WithRuntime, _: Reviewer, form: WithForm
) -> Response:
    """Puts a decision about the person in force."""
    try:
        row = (await runtime.batches.results.get_answer(batch_id, number, name_reviewer(request))).row
        kind = _read_kind(form)
        by, reason = _find_reviewer(request), form.get("reason")
        await runtime.batches.results.decide(batch_id, make_key(row.candidate, row.row), kind, by, reason)
    except ReviewInvalid as error:
        return await _show(request, runtime, batch_id, number, problem=str(error))
    target = f"{SCREENING}/{batch_id}/answers/{number}?saved=decision{_keep_queue(request)}"
    return RedirectResponse(target, SEE_OTHER)


def _read_kind(form: Form) -> DecisionKind:
    try:
        return DecisionKind(form.get("decision"))
    except ValueError:
        raise ReviewInvalid("decision: choose to advance, to hold or to reject.") from None


def _read_review(form: Form) -> ReviewDraft:
    levels: dict[str, float | None] = {}
    for name in form.fields:
        if name.startswith(LEVEL):
            level = form.get(name)
            if level not in {"1", "2", "3", "4", "5", NOT_SHOWN}:
                raise ReviewInvalid(f"{name.removeprefix(LEVEL)[:80]}: choose a level from 1 to 5, or not shown.")
            levels[name.removeprefix(LEVEL)] = None if level == NOT_SHOWN else float(level)
    return ReviewDraft(levels=levels, reason=form.get("reason"), is_override=form.get("is_override") == "on")


def _find_reviewer(request: Request) -> str:
    if name := name_reviewer(request):
        return name
    raise ReviewInvalid("Say who you are first: reviews and decisions carry a name.")


def _keep_queue(request: Request) -> str:
    return "&queue=1" if "queue" in request.query_params else ""


async def _show(
    request: Request, runtime: Runtime, batch_id: str, number: int, form: Form | None = None, problem: str = ""
) -> Response:
    results = runtime.batches.results
    batch = await runtime.batches.get(batch_id)
    reviewer = name_reviewer(request)
    detail = await results.get_answer(batch_id, number, reviewer)
    rubric = results.bases.find_rubric(batch.spec)
    question = rubric.get_question(detail.row.question)
    person = await _find_person(runtime, batch, detail)
    in_queue = "queue" in request.query_params
    queue = await results.list_queue(batch_id, reviewer, limit=QUEUE_LOOKAHEAD) if in_queue else None
    context = {
        "batch": batch, "rubric": rubric, "question": question, "detail": detail, "row": detail.row,
        "grade": detail.grade, "view": detail.view, "person": person,
        "decision": next(iter(reversed(detail.decisions)), None), "form": form, "problem": problem,
        "earlier": detail.decisions[-2::-1], "counting": find_counting(detail.view.reviews),
        "pieces": cut_answer(detail.text, list_spans(detail.grade)),
        "cards": build_cards(rubric, question, detail, reviewer, form), "in_queue": queue is not None,
        "neighbours": find_neighbours(queue, number), "saved": SAVED.get(request.query_params.get("saved", ""), ""),
        "kinds": tuple(DecisionKind), "mine": _find_mine(detail.view.reviews, reviewer),
    }  # fmt: skip
    return render_page(request, "answer.html", context, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)


async def _find_person(runtime: Runtime, batch: Batch, detail: AnswerDetail) -> PersonLine | None:
    """Who gave the answer; None while that must not be seen, and while there is no ranking to find them in.

    While reviews are blind, also after the own review: it tells of the person's other answers.
    """
    if batch.is_blind:
        return None
    try:
        return await runtime.batches.results.person(batch.id, make_key(detail.row.candidate, detail.row.row))
    except GraderError:  # the answer can be read all the same
        return None


def build_cards(
    rubric: Rubric, question: Question, detail: AnswerDetail, reviewer: str, form: Form | None
) -> tuple[Card, ...]:
    """The criteria that the question asks for, as the grade lists them; else as the rubric does."""
    grades = {one.id: one for one in (detail.grade.criteria if detail.grade is not None else ())}
    asked = {one.id: one for one in rubric.get_criteria(question)}
    mine = _find_mine(detail.view.reviews, reviewer)
    order = [*(key for key in grades if key in asked), *(key for key in asked if key not in grades)]
    return tuple(
        Card(place, asked[key], question.weights[key], grades.get(key), _choose_level(key, form, mine, grades.get(key)))
        for place, key in enumerate(order, 1)
    )


def _choose_level(
    key: str, form: Form | None, mine: Review | None, grade: CriterionScored | CriterionNotObserved | None
) -> str:
    """What was sent just now, else what this reviewer said before, else the machine's level to begin with."""
    if form is not None:
        return form.get(f"{LEVEL}{key}")
    if mine is not None and key in mine.levels:
        level = mine.levels[key]
    elif grade is not None:
        level = grade.level
    else:
        return ""
    return NOT_SHOWN if level is None else str(round(level))


def _find_mine(reviews: Sequence[Review], reviewer: str) -> Review | None:
    return next((one for one in reversed(reviews) if one.reviewer == reviewer), None)


def find_neighbours(queue: QueuePage | None, number: int) -> Neighbours | None:
    """The answers before and after this one; of one that is not in the queue any more, the next is its first."""
    if queue is None:
        return None
    numbers = [item.number for item in queue.items]
    place = numbers.index(number) if number in numbers else -1
    before = numbers[place - 1] if place > 0 else None
    after = numbers[place + 1] if place + 1 < len(numbers) else None
    return Neighbours(before, after, queue.remaining)
