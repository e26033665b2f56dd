"""Mock interviews of learners."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, insert, select, update

from service.domain.practice import Interview, InterviewItem, Learner
from service.errors import UnknownInterview
from service.store.database import Database
from service.store.practice_tables import PRACTICE_ATTEMPTS, PRACTICE_INTERVIEWS

_ITEMS: TypeAdapter[tuple[InterviewItem, ...]] = TypeAdapter(tuple[InterviewItem, ...])
_NOT_FOUND = "You have no interview with this id. It may have been deleted."


class InterviewStore:
    """The mock interviews of this database. An item's attempt is the newest one that names it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, interview: Interview) -> None:
        async with self._database.begin_write() as connection:
            await connection.execute(
                insert(PRACTICE_INTERVIEWS).values(
                    id=interview.id,
                    learner=interview.learner,
                    created_at=interview.created_at,
                    items=_write_items(interview.items),
                )
            )

    async def get(self, learner: Learner, interview_id: str) -> Interview:
        """Raises UnknownInterview, also for another learner's."""
        found = await self._load(_select(learner).where(PRACTICE_INTERVIEWS.c.id == interview_id))
        if not found:
            raise UnknownInterview(_NOT_FOUND)
        return found[0]

    async def list_newest(self, learner: Learner, limit: int | None) -> tuple[Interview, ...]:
        """Newest first; all of them without a limit."""
        order = (PRACTICE_INTERVIEWS.c.created_at.desc(), PRACTICE_INTERVIEWS.c.id.desc())
        return await self._load(_select(learner).order_by(*order).limit(limit))

    async def begin_item(self, learner: Learner, interview_id: str, place: int, at: datetime) -> None:
        """Notes when the learner first saw a question; a later call changes nothing. Raises UnknownInterview."""
        async with self._database.begin_write() as connection:
            statement = _select(learner).where(PRACTICE_INTERVIEWS.c.id == interview_id)
            row = (await connection.execute(statement)).one_or_none()
            if row is None:
                raise UnknownInterview(_NOT_FOUND)
            items = list(_ITEMS.validate_json(row.items))
            if not 0 <= place < len(items):
                raise UnknownInterview(f"This interview has {len(items)} questions, counted from 0.")
            if items[place].started_at is not None:
                return
            items[place] = items[place].model_copy(update={"started_at": at})
            changed = update(PRACTICE_INTERVIEWS).where(PRACTICE_INTERVIEWS.c.id == interview_id)
            await connection.execute(changed.values(items=_write_items(items)))

    async def _load(self, statement: Select[Any]) -> tuple[Interview, ...]:
        attempts = PRACTICE_ATTEMPTS.c
        async with self._database.begin_read() as connection:
            rows = (await connection.execute(statement)).all()
            answered = select(attempts.interview_id, attempts.place, attempts.id).where(
                attempts.interview_id.in_([row.id for row in rows])
            )
            found = (await connection.execute(answered.order_by(attempts.created_at, attempts.id))).all()
        by_place = {(interview, place): attempt for interview, place, attempt in found}
        return tuple(_read_interview(row, by_place) for row in rows)


def _select(learner: Learner) -> Select[Any]:
    return select(PRACTICE_INTERVIEWS).where(PRACTICE_INTERVIEWS.c.learner == learner.id)


def _write_items(items: tuple[InterviewItem, ...] | list[InterviewItem]) -> str:
    return json.dumps([item.model_dump(mode="json", exclude={"attempt"}) for item in items])


def _read_interview(row: Row[Any], attempts: dict[tuple[str, int], str]) -> Interview:
    items = _ITEMS.validate_json(row.items)
    return Interview(
        id=row.id,
        learner=row.learner,
        created_at=row.created_at,
        items=tuple(
            item.model_copy(update={"attempt": attempts.get((row.id, place))}) for place, item in enumerate(items)
        ),
    )
