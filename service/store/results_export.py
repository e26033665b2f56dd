"""The answers of a batch with everything that is known of them, read in blocks for exports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Row, Select, case, func, select

from service.domain.batch import AnswerRow, AnswerState
from service.store.answers import read_row
from service.store.batch_tables import BATCH_ANSWERS, BATCH_TEXTS, REVIEWS
from service.store.database import Database
from service.store.tables import GRADES

BLOCK = 500  # answers with their grades, 7 to 20 kB each


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """What one person said of one answer. `levels` by criterion, None for not observed."""

    number: int
    row: int
    candidate: str | None
    question: str
    at: datetime
    reviewer: str
    levels: Mapping[str, float | None]
    overall: float | None
    machine_overall: float | None
    is_override: bool
    reason: str


@dataclass(frozen=True, slots=True)
class GradeExcerpt:
    """What tables show of a grade beside the line of its answer. `quotes` and `rationales` by criterion.

    Taken from the document without building the grade: validated once when it was stored, 100,000 of 18 kB took 38 s to
    be validated again, and take 7 s to be looked through.
    """

    id: str
    created_at: datetime
    quotes: Mapping[str, tuple[str, ...]]
    rationales: Mapping[str, str]
    summary: str | None
    model_requested: str
    models_served: tuple[str, ...]
    grader_version: str
    calls: int


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One answer: its line, its text, its grade (None while there is none) and its reviews, oldest first."""

    answer: AnswerRow
    text: str
    grade: GradeExcerpt | None = None
    reviews: tuple[ReviewRow, ...] = ()

    @property
    def human(self) -> ReviewRow | None:
        """The review that counts: the latest override, else the latest review."""
        overrides = [review for review in self.reviews if review.is_override]
        counting = overrides or self.reviews
        return counting[-1] if counting else None

    @property
    def final(self) -> float | None:
        """The overall that counts: the latest override's, else the machine's."""
        human = self.human
        return human.overall if human is not None and human.is_override else self.answer.result.overall


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """What became of the answers to one question; `mean` is that of the machine's overall (1–5), None without any."""

    question: str
    answers: int
    scored: int
    unscored: int
    failed: int
    waiting: int
    needs_review: int
    mean: float | None


class ExportStore:
    """Reads for exports: one or two queries for a block of answers, never one for a row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def iterate_blocks(self, batch_id: str, size: int = BLOCK) -> AsyncIterator[Sequence[ExportRow]]:
        """All answers of the batch by number, in blocks of `size`; grades are parsed in a thread."""
        after = -1
        while True:
            rows = await self._load_block(batch_id, after, size)
            if not rows:
                return
            reviews = await self._load_reviews(batch_id, after, rows[-1].number)
            yield await asyncio.to_thread(_read_block, rows, reviews)
            after = rows[-1].number

    async def _load_block(self, batch_id: str, after: int, size: int) -> Sequence[Row[Any]]:
        table, texts = BATCH_ANSWERS.c, BATCH_TEXTS.c
        statement = (
            select(BATCH_ANSWERS, texts.text, GRADES.c.document)
            .join(BATCH_TEXTS, (texts.batch_id == table.batch_id) & (texts.number == table.number))
            .outerjoin(GRADES, GRADES.c.id == table.grade_id)
            .where(table.batch_id == batch_id, table.number > after)
            .order_by(table.number)
            .limit(size)
        )
        async with self._database.begin_read() as connection:
            return (await connection.execute(statement)).all()

    async def _load_reviews(self, batch_id: str, after: int, until: int) -> Mapping[int, list[ReviewRow]]:
        statement = _select_reviews(batch_id, after).where(REVIEWS.c.number <= until)
        found: dict[int, list[ReviewRow]] = {}
        async with self._database.begin_read() as connection:
            for row in (await connection.execute(statement)).all():
                found.setdefault(row.number, []).append(_read_review(row))
        return found

    async def iterate_reviews(self, batch_id: str, size: int = BLOCK) -> AsyncIterator[Sequence[ReviewRow]]:
        """All reviews of the batch by number, oldest first; a block holds those of up to `size` answers."""
        after = -1
        while True:
            numbers = (
                select(REVIEWS.c.number)
                .where(REVIEWS.c.batch_id == batch_id, REVIEWS.c.number > after)
                .distinct()
                .order_by(REVIEWS.c.number)
                .limit(size)
            )
            async with self._database.begin_read() as connection:
                found = (await connection.execute(numbers)).scalars().all()
            if not found:
                return
            reviews = await self._load_reviews(batch_id, after, found[-1])
            yield [review for number in found for review in reviews.get(number, ())]
            after = found[-1]

    async def list_questions(self, batch_id: str) -> tuple[QuestionRow, ...]:
        """One line for each question of the batch, by its id."""
        table = BATCH_ANSWERS.c
        states = [func.sum(case((table.state == state.value, 1), else_=0)).label(state.value) for state in AnswerState]
        statement = (
            select(
                table.question_id.label("question"),
                func.count().label("answers"),
                *states,
                func.sum(case((table.needs_review, 1), else_=0)).label("needs_review"),
                func.avg(table.overall).label("mean"),
            )
            .where(table.batch_id == batch_id)
            .group_by(table.question_id)
        )
        async with self._database.begin_read() as connection:
            rows = (await connection.execute(statement)).all()
        return tuple(sorted(map(_read_question, rows), key=lambda row: row.question))


def _select_reviews(batch_id: str, after: int) -> Select[Any]:
    table, answers = REVIEWS.c, BATCH_ANSWERS.c
    return (
        select(REVIEWS, answers.row, answers.candidate, answers.question_id)
        .join(BATCH_ANSWERS, (answers.batch_id == table.batch_id) & (answers.number == table.number))
        .where(table.batch_id == batch_id, table.number > after)
        .order_by(table.number, table.created_at, table.id)
    )


def _read_block(rows: Sequence[Row[Any]], reviews: Mapping[int, list[ReviewRow]]) -> Sequence[ExportRow]:
    return [
        ExportRow(
            answer=read_row(row),
            text=row.text,
            grade=read_excerpt(row.document) if row.document else None,
            reviews=tuple(reviews.get(row.number, ())),
        )
        for row in rows
    ]


def read_excerpt(document: str) -> GradeExcerpt:
    """The excerpt of a stored grade, its JSON as GradeStore wrote it."""
    grade = from_json(document)
    criteria, feedback, provenance = grade["criteria"], grade["feedback"], grade["provenance"]
    return GradeExcerpt(
        id=grade["id"],
        created_at=datetime.fromisoformat(grade["created_at"]),
        quotes={one["id"]: tuple(evidence["quote"] for evidence in one["evidence"]) for one in criteria},
        rationales={one["id"]: one["rationale"] for one in criteria},
        summary=feedback["summary"] if feedback else None,
        model_requested=provenance["model_requested"],
        models_served=tuple(provenance["models_served"]),
        grader_version=provenance["grader_version"],
        calls=provenance["attempts"],
    )


def _read_review(row: Row[Any]) -> ReviewRow:
    return ReviewRow(
        number=row.number,
        row=row.row,
        candidate=row.candidate,
        question=row.question_id,
        at=row.created_at,
        reviewer=row.reviewer,
        levels=json.loads(row.levels),
        overall=row.overall,
        machine_overall=row.machine_overall,
        is_override=row.is_override,
        reason=row.reason,
    )


def _read_question(row: Row[Any]) -> QuestionRow:
    fields = dict(row._mapping)
    # Databases add up in the order in which they meet the rows; nine decimals are the same in any order.
    return QuestionRow(**(fields | {"mean": None if row.mean is None else round(float(row.mean), 9)}))
