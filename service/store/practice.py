"""Attempts of learners: kept, graded, listed, deleted. Every question names the learner; nobody sees another's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, literal, select, tuple_, update

from service.domain.answer import AnswerKind
from service.domain.grade import QuestionRef, Scored, Unscored, VersionRef
from service.domain.practice import Attempt, AttemptState, Learner
from service.domain.task import Mode
from service.errors import UnknownAttempt
from service.store.cursor import Cursor, decode_cursor, encode_cursor
from service.store.database import Database
from service.store.practice_tables import PRACTICE_ATTEMPTS as ATTEMPTS
from service.store.tables import GRADES

GONE = "You have no attempt with this id. It may have been deleted."
OLDEST = (ATTEMPTS.c.created_at, ATTEMPTS.c.id)
NEWEST = (ATTEMPTS.c.created_at.desc(), ATTEMPTS.c.id.desc())
_COLUMNS = [column for column in ATTEMPTS.c if column.name != "answer"]


@dataclass(frozen=True, slots=True)
class AttemptPage:
    """Newest first; `next_cursor` is None on the last page."""

    attempts: tuple[Attempt, ...]
    next_cursor: str | None


class Outline(Protocol):
    """What tells how good an attempt was, and at which question; a row of the database."""

    @property
    def id(self) -> str: ...
    @property
    def rubric_id(self) -> str: ...
    @property
    def question_key(self) -> str: ...
    @property
    def overall(self) -> float | None: ...
    @property
    def is_kept(self) -> bool: ...


class AttemptStore:
    """The attempts of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, attempt: Attempt, answer: str) -> None:
        """Keeps a waiting attempt with its answer. Raises StoreError when its parent or interview is gone."""
        statement = insert(ATTEMPTS).values(**_write_attempt(attempt), answer=answer)

        def write(connection: Connection) -> None:
            connection.execute(statement)

        await self._database.run_write(write)

    async def complete(self, attempt: Attempt, grade: Scored | Unscored) -> bool:
        """Notes the stored grade of a waiting attempt; False when the attempt was deleted, then the grade is as well.

        An attempt that was completed before stays as it is.
        """
        values = {
            "state": AttemptState(grade.status).value,
            "grade_id": grade.id,
            "overall": grade.overall.score if grade.overall else None,
            "band": grade.overall.band if grade.overall else None,
            "levels": json.dumps({criterion.id: criterion.level for criterion in grade.criteria}),
            "problem_code": None,
            "problem": None,
            "answer": None,
        }

        def write(connection: Connection) -> bool:
            result = connection.execute(update(ATTEMPTS).where(_is_waiting(attempt)).values(**values))
            if result.rowcount or connection.scalar(select(ATTEMPTS.c.id).where(ATTEMPTS.c.id == attempt.id)):
                return True
            connection.execute(delete(GRADES).where(GRADES.c.id == grade.id))
            return False

        is_there = await self._database.run_write(write)
        if not is_there:
            await self._database.forget_deleted()
        return is_there

    async def note_problem(self, attempt: Attempt, code: str | None, message: str | None) -> None:
        """Says why a waiting attempt could not be graded, or takes that back; nothing happens to another one."""
        values = {"problem_code": code, "problem": message}
        async with self._database.begin_write() as connection:
            await connection.execute(update(ATTEMPTS).where(_is_waiting(attempt)).values(**values))

    async def get(self, learner: Learner, attempt_id: str) -> Attempt:
        """Raises UnknownAttempt, also for another learner's."""
        return await self._database.run_read(lambda connection: find_attempt(connection, learner, attempt_id)[0])

    async def find_of_grade(self, grade_id: str) -> Attempt | None:
        """Whose grade this stored one is, also when a crash separated them; None for a grade of no attempt."""
        statement = (
            select(*_COLUMNS)
            .join(GRADES, GRADES.c.id == ATTEMPTS.c.drawn_grade)
            .where(GRADES.c.id == grade_id, GRADES.c.mode == Mode.PRACTICE.value)
        )
        return next(iter(await self._list(statement)), None)

    async def get_answer(self, attempt: Attempt) -> str:
        """The answer of a waiting attempt, "" once it is graded. Raises UnknownAttempt."""
        learner = Learner(id=attempt.learner)
        return await self._database.run_read(lambda connection: find_attempt(connection, learner, attempt.id)[1])

    async def get_several(self, learner: Learner, ids: Sequence[str]) -> Mapping[str, Attempt]:
        """Those of the learner's attempts that are among these, by id."""
        return {one.id: one for one in await self._list(select_attempts(learner).where(ATTEMPTS.c.id.in_(ids)))}

    async def list_page(
        self,
        learner: Learner,
        *,
        limit: int,
        cursor: str | None = None,
        rubric: str | None = None,
        question_key: str | None = None,
    ) -> AttemptPage:
        """At most `limit` attempts, newest first, after the position `cursor`. Raises CursorInvalid."""
        statement = select_attempts(learner).order_by(*NEWEST).limit(limit + 1)
        if rubric is not None:
            statement = statement.where(ATTEMPTS.c.rubric_id == rubric)
        if question_key is not None:
            statement = statement.where(ATTEMPTS.c.question_key == question_key)
        if cursor is not None:
            statement = statement.where(_is_after(decode_cursor(cursor)))
        found = await self._list(statement)
        page = found[:limit]
        more = encode_cursor(Cursor(page[-1].created_at, page[-1].id)) if len(found) > limit else None
        return AttemptPage(page, more)

    async def list_of_interview(self, learner: Learner, interview_id: str) -> tuple[Attempt, ...]:
        """Oldest first."""
        return await self._list(
            select_attempts(learner).where(ATTEMPTS.c.interview_id == interview_id).order_by(*OLDEST)
        )

    async def list_scored(self, learner: Learner, rubric: str) -> tuple[Attempt, ...]:
        """All attempts with a score, oldest first: people make thousands at most."""
        is_scored = ATTEMPTS.c.state == AttemptState.SCORED.value
        statement = select_attempts(learner).where(ATTEMPTS.c.rubric_id == rubric, is_scored)
        return await self._list(statement.order_by(*OLDEST))

    async def list_outlines(self, learner: Learner) -> Sequence[Outline]:
        """All attempts, newest first."""
        return await self._database.run_read(lambda connection: list_outlines(connection, learner))

    async def list_last_tried(self, learner: Learner) -> Mapping[tuple[str, str], datetime]:
        """(rubric id, question key) -> when it was tried last."""
        key = (ATTEMPTS.c.rubric_id, ATTEMPTS.c.question_key)
        latest = func.max(ATTEMPTS.c.created_at, type_=ATTEMPTS.c.created_at.type)
        statement = select(*key, latest).where(ATTEMPTS.c.learner == learner.id).group_by(*key)
        rows = await self._database.run_read(lambda connection: connection.execute(statement).all())
        return {(rubric, question): at for rubric, question, at in rows}

    async def keep(self, attempt: Attempt, is_kept: bool) -> None:
        """Marks the learner's choice among the attempts at one question: this one, and no other."""
        others = update(ATTEMPTS).where(*_is_same_question(attempt), ATTEMPTS.c.is_kept)
        async with self._database.begin_write() as connection:
            await connection.execute(others.values(is_kept=False))
            if is_kept:
                chosen = update(ATTEMPTS).where(ATTEMPTS.c.id == attempt.id)
                await connection.execute(chosen.values(is_kept=True))

    async def _list(self, statement: Select[Any]) -> tuple[Attempt, ...]:
        return await self._database.run_read(
            lambda connection: tuple(map(read_attempt, connection.execute(statement).all()))
        )


def find_attempt(connection: Connection, learner: Learner, attempt_id: str) -> tuple[Attempt, str]:
    """The attempt and, while it waits, its answer ("" once it is graded). Raises UnknownAttempt."""
    statement = select(ATTEMPTS).where(ATTEMPTS.c.learner == learner.id, ATTEMPTS.c.id == attempt_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise UnknownAttempt(GONE)
    return read_attempt(row), row.answer or ""


def list_outlines(connection: Connection, learner: Learner, like: Attempt | None = None) -> Sequence[Outline]:
    """Of all attempts, or of those at one question; newest first."""
    names = ("id", "rubric_id", "question_key", "overall", "is_kept")
    statement = select(*(ATTEMPTS.c[name] for name in names)).where(
        ATTEMPTS.c.learner == learner.id, *(_is_same_question(like) if like else ())
    )
    return connection.execute(statement.order_by(*NEWEST)).all()


def select_attempts(learner: Learner) -> Select[Any]:
    """The learner's attempts as `read_attempt` reads them."""
    return select(*_COLUMNS).where(ATTEMPTS.c.learner == learner.id)


def _is_same_question(attempt: Attempt) -> tuple[ColumnElement[bool], ...]:
    return (
        ATTEMPTS.c.learner == attempt.learner,
        ATTEMPTS.c.rubric_id == attempt.rubric.id,
        ATTEMPTS.c.question_key == attempt.question_key,
    )


def _is_waiting(attempt: Attempt) -> ColumnElement[bool]:
    return (ATTEMPTS.c.id == attempt.id) & (ATTEMPTS.c.state == AttemptState.WAITING.value)


def _is_after(cursor: Cursor) -> ColumnElement[bool]:  # typed by hand: see grades.py
    created_at = literal(cursor.created_at, ATTEMPTS.c.created_at.type)
    attempt_id = literal(cursor.id, ATTEMPTS.c.id.type)
    return tuple_(ATTEMPTS.c.created_at, ATTEMPTS.c.id) < tuple_(created_at, attempt_id)


def _write_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "learner": attempt.learner,
        "created_at": attempt.created_at,
        "rubric_id": attempt.rubric.id,
        "rubric_version": attempt.rubric.version,
        "question_id": attempt.question.id,
        "question_key": attempt.question_key,
        "question_text": attempt.question.text,
        "kind": attempt.kind.value,
        "transcription_id": attempt.transcription,
        "parent_id": attempt.parent,
        "interview_id": attempt.interview,
        "place": attempt.place,
        "drawn_grade": attempt.grade,
        "state": attempt.state.value,
        "levels": json.dumps(dict(attempt.levels)),
        "is_kept": attempt.is_kept,
    }


def read_attempt(row: Row[Any]) -> Attempt:
    """A row of `practice_attempts`."""
    return Attempt(
        id=row.id,
        learner=row.learner,
        created_at=row.created_at,
        rubric=VersionRef(id=row.rubric_id, version=row.rubric_version),
        question=QuestionRef(id=row.question_id, text=row.question_text),
        question_key=row.question_key,
        kind=AnswerKind(row.kind),
        transcription=row.transcription_id,
        parent=row.parent_id,
        interview=row.interview_id,
        place=row.place,
        grade=row.drawn_grade,
        state=AttemptState(row.state),
        overall=row.overall,
        band=row.band,
        levels=json.loads(row.levels),
        is_kept=row.is_kept,
        problem_code=row.problem_code,
        problem=row.problem,
    )
