"""How far a batch is: what its answers add up to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.domain.batch import AnswerState, Counts
from service.store.batch_tables import BATCH_ANSWERS

_SUMMED = (BATCH_ANSWERS.c.tokens_in, BATCH_ANSWERS.c.tokens_out, BATCH_ANSWERS.c.cost_usd)


async def count_answers(connection: AsyncConnection, batch_id: str) -> Counts:
    """The answers of a batch by state, and what they cost: one pass over an index."""
    return _add_counts((await connection.execute(_select_counts(batch_id))).all())


def count_in_transaction(connection: Connection, batch_id: str) -> Counts:
    """The same, as the caller's transaction sees it."""
    return _add_counts(connection.execute(_select_counts(batch_id)).all())


def _select_counts(batch_id: str) -> Select[Any]:
    table = BATCH_ANSWERS.c
    return (
        select(
            table.state,
            func.count().label("answers"),
            func.sum(case((table.needs_review, 1), else_=0)).label("needs_review"),
            *(func.sum(column).label(column.name) for column in _SUMMED),
            *(func.count(column).label(f"known_{column.name}") for column in _SUMMED),
        )
        .where(table.batch_id == batch_id)
        .group_by(table.state)
    )


def _add_counts(rows: Sequence[Row[Any]]) -> Counts:
    counts: dict[str, Any] = {AnswerState(row.state).value: row.answers for row in rows}
    asked = [row for row in rows if row.state in (AnswerState.SCORED.value, AnswerState.UNSCORED.value)]
    for column in _SUMMED:
        # a partial sum would pass for the whole
        is_known = all(getattr(row, f"known_{column.name}") == row.answers for row in asked)
        counts[column.name] = sum(getattr(row, column.name) or 0 for row in asked) if is_known else None
    return Counts(needs_review=sum(row.needs_review for row in rows), **counts)
