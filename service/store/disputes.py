"""Disputes: what people say is wrong with a grade. They are deleted with it.

That one was filed or resolved stays in the audit trail, by ids: its words, and who the learner is, stay out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, literal, select, tuple_, update

from service.domain.practice import Dispute, DisputeTarget
from service.errors import UnknownDispute, UnknownGrade
from service.store.audit import Action, append_entry
from service.store.batch_tables import BATCH_ANSWERS
from service.store.blindness import build_hidden
from service.store.cursor import Cursor, decode_cursor, encode_cursor
from service.store.database import Database
from service.store.practice_tables import DISPUTES
from service.store.tables import GRADES

LEARNER = "a learner"  # in the audit trail: their id there would outlive their deletion
_NOT_FOUND = "There is no dispute with this id. It may have been deleted with its grade."


@dataclass(frozen=True, slots=True)
class DisputePage:
    """Newest first; `next_cursor` is None on the last page."""

    disputes: tuple[Dispute, ...]
    next_cursor: str | None


class DisputeStore:
    """The disputes of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, dispute: Dispute, by: str = LEARNER) -> None:
        """Stores the dispute and its audit entry, both or neither; `by` is who files it, as the trail calls them.

        Raises UnknownGrade when the grade was deleted meanwhile.
        """

        def write(connection: Connection) -> None:
            if connection.scalar(select(GRADES.c.id).where(GRADES.c.id == dispute.grade)) is None:
                raise UnknownGrade("There is no grade with this id. It may have been deleted.")
            connection.execute(insert(DISPUTES).values(**_write_dispute(dispute)))
            _note(connection, dispute.created_at, by, Action.DISPUTE_FILED, dispute.id)

        await self._database.run_write(write)

    async def get(self, dispute_id: str) -> Dispute:
        """Raises UnknownDispute."""
        async with self._database.begin_read() as connection:
            row = (await connection.execute(select(DISPUTES).where(DISPUTES.c.id == dispute_id))).one_or_none()
        if row is None:
            raise UnknownDispute(_NOT_FOUND)
        return _read_dispute(row)

    async def list_of_grade(self, grade_id: str) -> tuple[Dispute, ...]:
        """Oldest first."""
        return await self._database.run_read(lambda connection: list_disputes(connection, grade_id))

    async def list_page(self, *, limit: int, cursor: str | None = None, is_open: bool = True) -> DisputePage:
        """At most `limit` disputes that are open, or else resolved, newest first; none of a grade that is hidden.

        Raises CursorInvalid.
        """
        resolved = DISPUTES.c.resolved_at
        statement = (
            select(DISPUTES)
            .where(resolved.is_(None) if is_open else resolved.is_not(None))
            .order_by(DISPUTES.c.created_at.desc(), DISPUTES.c.id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            statement = statement.where(_is_after(decode_cursor(cursor)))
        async with self._database.begin_read() as connection:
            is_hidden = await build_hidden(connection, DISPUTES.c.grade_id)
            rows = (await connection.execute(statement.where(~is_hidden))).all()
        page = tuple(map(_read_dispute, rows[:limit]))
        more = encode_cursor(Cursor(page[-1].created_at, page[-1].id)) if len(rows) > limit else None
        return DisputePage(page, more)

    async def list_open_numbers(self, batch_id: str) -> frozenset[int]:
        """The answers of a batch whose grades are disputed."""
        statement = (
            select(BATCH_ANSWERS.c.number)
            .join(DISPUTES, DISPUTES.c.grade_id == BATCH_ANSWERS.c.grade_id)
            .where(BATCH_ANSWERS.c.batch_id == batch_id, DISPUTES.c.resolved_at.is_(None))
        )
        async with self._database.begin_read() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def resolve(self, dispute_id: str, at: datetime, by: str, resolution: str) -> Dispute:
        """The dispute with what came of it; the first resolution stands, and is in the audit trail.

        Raises UnknownDispute.
        """
        statement = update(DISPUTES).where(DISPUTES.c.id == dispute_id, DISPUTES.c.resolved_at.is_(None))

        def write(connection: Connection) -> None:
            made = connection.execute(statement.values(resolved_at=at, resolved_by=by, resolution=resolution))
            if made.rowcount:
                _note(connection, at, by, Action.DISPUTE_RESOLVED, dispute_id)

        await self._database.run_write(write)
        return await self.get(dispute_id)


def _note(connection: Connection, at: datetime, actor: str, action: Action, dispute_id: str) -> None:
    """An entry on the answer of a batch that the dispute is about, so that it stands beside the reviews of it."""
    answers, disputes = BATCH_ANSWERS.c, DISPUTES.c
    statement = (
        select(disputes.grade_id, answers.batch_id, answers.number)
        .outerjoin(BATCH_ANSWERS, answers.grade_id == disputes.grade_id)
        .where(disputes.id == dispute_id)
    )
    row = connection.execute(statement).first()
    if row is None:  # it was changed in this transaction, so it is there
        raise UnknownDispute(_NOT_FOUND)
    subject = row.grade_id if row.batch_id is None else f"{row.batch_id}/{row.number}"
    append_entry(connection, at, actor, action, subject, {"dispute": dispute_id, "grade": row.grade_id})


def list_disputes(connection: Connection, *grade_ids: str) -> tuple[Dispute, ...]:
    """Those of these grades, oldest first."""
    statement = select(DISPUTES).where(DISPUTES.c.grade_id.in_(grade_ids))
    rows = connection.execute(statement.order_by(DISPUTES.c.created_at, DISPUTES.c.id))
    return tuple(map(_read_dispute, rows))


def _is_after(cursor: Cursor) -> ColumnElement[bool]:  # typed by hand: see grades.py
    created_at = literal(cursor.created_at, DISPUTES.c.created_at.type)
    return tuple_(DISPUTES.c.created_at, DISPUTES.c.id) < tuple_(created_at, literal(cursor.id, DISPUTES.c.id.type))


def _write_dispute(dispute: Dispute) -> dict[str, Any]:
    return dispute.model_dump(exclude={"grade", "target"}) | {
        "grade_id": dispute.grade,
        "target": dispute.target.value,
    }


def _read_dispute(row: Row[Any]) -> Dispute:
    return Dispute(
        id=row.id,
        created_at=row.created_at,
        grade=row.grade_id,
        learner=row.learner,
        target=DisputeTarget(row.target),
        criterion=row.criterion,
        level=row.level,
        quote=row.quote,
        comment=row.comment,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        resolution=row.resolution,
    )
