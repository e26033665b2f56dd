"""Which grades are hidden: those of batches whose reviews are blind."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.batch import BatchSpec
from service.store.batch_tables import BATCH_ANSWERS, BATCHES


async def build_hidden(connection: AsyncConnection, grade_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that the grade is hidden just now.

    For lists: a row that is dropped after its page was cut still stands in the cursor, and makes the page shorter.
    """
    answers = BATCH_ANSWERS.c
    return exists().where(answers.grade_id == grade_id, answers.batch_id.in_(await _list_blind_batches(connection)))


async def _list_blind_batches(connection: AsyncConnection) -> list[str]:
    may_be_blind = BATCHES.c.spec.contains('"blind_reviews":true', autoescape=True)  # as pydantic writes it
    rows = await connection.execute(select(BATCHES.c.id, BATCHES.c.spec).where(may_be_blind))
    return [row.id for row in rows if BatchSpec.model_validate_json(row.spec).is_blind]
