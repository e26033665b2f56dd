"""Deleting what learners left: one attempt, all of one learner, all that is too old. Nothing of it stays in the files.

Transcriptions that have a file are not deleted here, since the file, and whoever is listening to it, go first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.practice import OWNER_PREFIX, Attempt, Learner
from service.errors import UnknownAttempt
from service.store.database import Database
from service.store.practice import GONE
from service.store.practice_tables import DISPUTES
from service.store.practice_tables import PRACTICE_ATTEMPTS as ATTEMPTS
from service.store.practice_tables import PRACTICE_INTERVIEWS as INTERVIEWS
from service.store.speech_tables import TRANSCRIPTIONS
from service.store.tables import GRADES

BLOCK = 200  # attempts of one transaction: a grade has some 15 kB, and grading waits for the write lock meanwhile


class PracticeEraser:
    """Deletes attempts with their grades and all that hangs on those."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete_attempt(self, attempt: Attempt) -> None:
        """Raises UnknownAttempt, also for the second deletion."""
        async with self._database.begin_write() as connection:
            if not await _delete_attempts(connection, ATTEMPTS.c.id == attempt.id):
                raise UnknownAttempt(GONE)
        await self._database.forget_deleted()

    async def delete_learner(self, learner: Learner) -> tuple[int, int, int]:
        """Deletes all rows of the learner in one transaction; returns how many attempts, interviews, transcriptions."""
        async with self._database.begin_write() as connection:
            attempts = await _delete_attempts(connection, ATTEMPTS.c.learner == learner.id)
            interviews = await connection.execute(delete(INTERVIEWS).where(INTERVIEWS.c.learner == learner.id))
            spoken = await connection.execute(delete(TRANSCRIPTIONS).where(TRANSCRIPTIONS.c.owner == learner.owner))
            await connection.execute(delete(DISPUTES).where(DISPUTES.c.learner == learner.id))
        await self._database.forget_deleted()
        return attempts, interviews.rowcount, spoken.rowcount

    async def list_transcriptions(self, owner: str) -> Sequence[str]:
        """Oldest first."""
        statement = select(TRANSCRIPTIONS.c.id).where(TRANSCRIPTIONS.c.owner == owner)
        async with self._database.begin_read() as connection:
            return (await connection.execute(statement.order_by(TRANSCRIPTIONS.c.created_at))).scalars().all()

    async def list_recorded(self, owner: str) -> Sequence[str]:
        """The learner's transcriptions that have a file."""
        statement = select(TRANSCRIPTIONS.c.id).where(TRANSCRIPTIONS.c.owner == owner, TRANSCRIPTIONS.c.has_recording)
        async with self._database.begin_read() as connection:
            return (await connection.execute(statement)).scalars().all()

    async def list_old_recorded(self, before: datetime) -> Sequence[tuple[str, str]]:
        """(owner, id) of all learners' transcriptions that have a file and were begun before this moment."""
        statement = select(TRANSCRIPTIONS.c.owner, TRANSCRIPTIONS.c.id).where(
            *_is_old(before), TRANSCRIPTIONS.c.has_recording
        )
        async with self._database.begin_read() as connection:
            return [(row.owner, row.id) for row in await connection.execute(statement)]

    async def sweep(self, before: datetime) -> int:
        """Deletes what was begun before this moment, in blocks; one that is interrupted goes on at the next sweep.

        Returns how many attempts it deleted.
        """
        count = 0
        while ids := await self._list_older(before):
            async with self._database.begin_write() as connection:
                count += await _delete_attempts(connection, ATTEMPTS.c.id.in_(ids))
        async with self._database.begin_write() as connection:
            others = await connection.execute(delete(INTERVIEWS).where(INTERVIEWS.c.created_at < before))
            spoken = await connection.execute(delete(TRANSCRIPTIONS).where(*_is_old(before)))
        if count or others.rowcount or spoken.rowcount:
            await self._database.forget_deleted()
        return count

    async def _list_older(self, before: datetime) -> Sequence[str]:
        statement = select(ATTEMPTS.c.id).where(ATTEMPTS.c.created_at < before).limit(BLOCK)
        async with self._database.begin_read() as connection:
            return (await connection.execute(statement)).scalars().all()


async def _delete_attempts(connection: AsyncConnection, condition: ColumnElement[bool]) -> int:
    """By the grade that was drawn: one that a crash separated from its attempt goes with it."""
    count = await connection.scalar(select(func.count()).select_from(ATTEMPTS).where(condition))
    drawn = select(ATTEMPTS.c.drawn_grade).where(condition)
    await connection.execute(delete(GRADES).where(GRADES.c.id.in_(drawn)))  # takes the attempts that are graded along
    await connection.execute(delete(ATTEMPTS).where(condition))
    return count or 0


def _is_old(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return TRANSCRIPTIONS.c.owner.startswith(OWNER_PREFIX), TRANSCRIPTIONS.c.created_at < before
