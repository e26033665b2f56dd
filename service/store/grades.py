"""Grades: saved, read, deleted, listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError
from sqlalchemy import ColumnElement, delete, exists, literal, select, tuple_

from service.domain.grade import GRADE, Scored, Unscored
from service.errors import StoreError, UnknownGrade
from service.store.blindness import build_hidden
from service.store.completion import AnswerKey, Completion, summarize_grade
from service.store.cursor import Cursor, decode_cursor, encode_cursor
from service.store.database import Database
from service.store.idempotency import Claim
from service.store.practice_tables import PRACTICE_ATTEMPTS
from service.store.tables import GRADES, count_microseconds
from service.store.writer import GradeWriter

_NOT_FOUND = "There is no grade with this id. It may have been deleted."


@dataclass(frozen=True, slots=True)
class GradePage:
    """Newest first; `next_cursor` is None on the last page."""

    grades: tuple[Scored | Unscored, ...]
    next_cursor: str | None


class GradeStore:
    """The grades of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = GradeWriter(database)

    async def save(self, grade: Scored | Unscored, claim: Claim | None = None) -> None:
        """Stores the grade and completes its claim, both or neither; when this returns they are committed.

        Cancelling the caller only ends its waiting, the grade is stored all the same. Raises StoreUnavailable,
        StoreReadOnly, StoreFull; StoreError when the id is stored already; InProgress when the claim's lease ran out
        and another request took the key over; ShuttingDown after aclose();
        ValueError for a `created_at` without a time zone.
        """
        await self._writer.write(_build_row(grade), claim)

    async def save_answer(self, grade: Scored | Unscored, key: AnswerKey) -> None:
        """Stores the grade of a batch's answer and notes its result, both or neither; else as `save`.

        Raises AlreadyGraded, and stores nothing, when the answer waits no more: of any number of workers one is first.
        """
        await self._writer.write(_build_row(grade), Completion(key, grade.id, summarize_grade(grade)))

    async def aclose(self) -> None:
        """Refuses new grades and waits until those handed over are stored."""
        await self._writer.aclose()

    async def get(self, grade_id: str) -> Scored | Unscored:
        """Raises UnknownGrade."""
        statement = select(GRADES.c.document).where(GRADES.c.id == grade_id)
        async with self._database.begin_read() as connection:
            document = await connection.scalar(statement)
        if document is None:
            raise UnknownGrade(_NOT_FOUND)
        return GRADE.validate_json(document)

    async def delete(self, grade_id: str) -> None:
        """Deletes the grade and, by cascade, its idempotency key; of SQLite's files no byte of it is left.

        Raises UnknownGrade, also for the second deletion.
        """
        async with self._database.begin_write() as connection:
            result = await connection.execute(delete(GRADES).where(GRADES.c.id == grade_id))
        if not result.rowcount:
            raise UnknownGrade(_NOT_FOUND)
        await self._database.forget_deleted()

    async def list_page(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        rubric: str | None = None,
        question: str | None = None,
        status: str | None = None,
        needs_review: bool | None = None,
        candidate_ref: str | None = None,
    ) -> GradePage:
        """At most `limit` grades, newest first, after the position `cursor`; filters are ids, exact.

        Those of attempts are left out: what a learner practises is theirs, and no candidate's. So are those of batches
        whose reviews are blind. Grades that arrive between two pages do not shift them. Raises CursorInvalid.
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        wanted = {
            GRADES.c.rubric_id: rubric,
            GRADES.c.question_id: question,
            GRADES.c.status: status,
            GRADES.c.needs_review: needs_review,
            GRADES.c.candidate_ref: candidate_ref,
        }
        conditions = [column == value for column, value in wanted.items() if value is not None]
        conditions.append(~exists().where(PRACTICE_ATTEMPTS.c.grade_id == GRADES.c.id))
        if cursor is not None:
            conditions.append(_is_after(decode_cursor(cursor)))
        return await self._load_page(conditions, limit)

    async def _load_page(self, conditions: list[ColumnElement[bool]], limit: int) -> GradePage:
        statement = (
            select(GRADES.c.created_at, GRADES.c.id, GRADES.c.document)
            .where(*conditions)
            .order_by(GRADES.c.created_at.desc(), GRADES.c.id.desc())
            .limit(limit + 1)  # one more tells whether there is a next page
        )
        async with self._database.begin_read() as connection:
            is_hidden = await build_hidden(connection, GRADES.c.id)
            rows = (await connection.execute(statement.where(~is_hidden))).all()
        page, has_more = rows[:limit], len(rows) > limit
        return GradePage(
            grades=tuple(GRADE.validate_json(row.document) for row in page),
            next_cursor=encode_cursor(Cursor(page[-1].created_at, page[-1].id)) if has_more else None,
        )


def _is_after(cursor: Cursor) -> ColumnElement[bool]:
    # Typed by hand: inside a tuple SQLAlchemy takes the types from the values, and SQLite compares a number with the
    # text of a time without complaint; every page was then the first one.
    created_at, grade_id = literal(cursor.created_at, GRADES.c.created_at.type), literal(cursor.id, GRADES.c.id.type)
    return tuple_(GRADES.c.created_at, GRADES.c.id) < tuple_(created_at, grade_id)


def _build_row(grade: Scored | Unscored) -> dict[str, Any]:
    count_microseconds(grade.created_at)  # raises here, for the caller alone, instead of in the shared transaction
    try:
        document = grade.model_dump_json()
    except PydanticSerializationError:
        raise StoreError("The grade cannot be written as JSON: a text in it is not valid Unicode.") from None
    return {
        "id": grade.id,
        "created_at": grade.created_at,
        "status": grade.status,
        "rubric_id": grade.rubric.id,
        "rubric_version": grade.rubric.version,
        "question_id": grade.question.id,
        "mode": grade.mode.value,
        "candidate_ref": grade.candidate_ref,
        "overall": grade.overall.score if grade.overall else None,
        "needs_review": grade.needs_review,
        "document": document,
    }
