"""A small batch for tests of the export, without a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from service.batches.export.content import About, Content, PersonRow
from service.batches.export.tables import cut_blocks
from service.domain.batch import AnswerResult, AnswerRow, AnswerState, BatchState, Counts, Rejected
from service.domain.grade import FlagCode
from service.store.completion import summarize_grade
from service.store.results_export import ExportRow, QuestionRow, ReviewRow, read_excerpt
from tests.factories import make_rubric
from tests.store.batch_factory import make_batch
from tests.store.grades_factory import build_scored

T = TypeVar("T")
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def make_answer(number: int = 0, **changes: Any) -> AnswerRow:
    fields: dict[str, Any] = {
        "batch": "bat_1", "number": number, "row": number + 2, "column": None, "candidate": f"c{number}",
        "external_id": None, "question": "angry-customer", "duplicate_of": None, "similar_to": None, "grade": None,
        "result": AnswerResult(state=AnswerState.WAITING),
    }  # fmt: skip
    return AnswerRow(**(fields | changes))


def make_scored(number: int = 0, text: str = "I listened.", **changes: Any) -> ExportRow:
    """A scored answer: empathy 4.0 with a quote, resolution not observed."""
    grade = build_scored(id=f"grd_{number}", answer=text)
    empathy = grade.criteria[0].model_copy(update={"id": "empathy"})
    resolution = grade.criteria[-1].model_copy(update={"id": "resolution"})
    grade = grade.model_copy(update={"criteria": (empathy, resolution)})
    result = summarize_grade(grade)
    excerpt = read_excerpt(grade.model_dump_json())
    return ExportRow(make_answer(number, grade=grade.id, result=result, **changes), text, excerpt)


def make_failed(number: int) -> ExportRow:
    result = AnswerResult(state=AnswerState.FAILED, error_code="backend-timeout", error_message="No reply.")
    return ExportRow(make_answer(number, result=result), "I waited.")


def make_review(number: int = 0, **changes: Any) -> ReviewRow:
    fields: dict[str, Any] = {
        "number": number, "row": number + 2, "candidate": f"c{number}", "question": "angry-customer", "at": AT,
        "reviewer": "ada", "levels": {"empathy": 2.0, "resolution": None}, "overall": 1.5, "machine_overall": 3.4,
        "is_override": True, "reason": "It was somebody else's story.",
    }  # fmt: skip
    return ReviewRow(**(fields | changes))


def make_person(**changes: Any) -> PersonRow:
    fields: dict[str, Any] = {
        "candidate": "c0", "rank_from": 1, "rank_to": 2, "tier": 1, "overall": 3.4, "standard_error": 0.5,
        "human_overall": None, "answered": 1, "expected": 2, "levels": {"empathy": 4.0, "resolution": None},
        "flags": (FlagCode.RED_FLAG.value,), "reason": "Strongest: Empathy 4.0.",
    }  # fmt: skip
    return PersonRow(**(fields | changes))


async def give(rows: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    async for block in cut_blocks(rows, 2):
        yield block


def make_content(rows: Sequence[ExportRow], **changes: Any) -> Content:
    """The content of a finished batch with these answers."""
    reviews = [review for row in rows for review in row.reviews]
    batch = make_batch(state=BatchState.FINISHED, answers=len(rows), rejected=1)
    rejected = [Rejected(row=9, field="answer", excerpt=None, reason="The answer is empty.", cells=("=c9", ""))]
    fields: dict[str, Any] = {
        "about": About(batch, Counts(scored=len(rows)), make_rubric()),
        "answers": lambda: give(rows),
        "reviews": lambda: give(reviews),
        "rejected": lambda: give(rejected),
        "people": lambda: [make_person(), make_person(candidate=None, rank_from=None, rank_to=None, tier=None)],
        "questions": [QuestionRow("angry-customer", len(rows), len(rows), 0, 0, 0, 0, 3.4)],
        "header": ("id", "answer"),
    }
    return Content(**(fields | changes))
