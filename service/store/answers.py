"""The answers of a batch: read for grading, listed, looked at, failed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from service.domain.answer import AnswerKind
from service.domain.batch import AnswerResult, AnswerRow, AnswerState, Rejected
from service.domain.grade import FlagCode
from service.errors import UnknownAnswer
from service.store.batch_tables import (
    BATCH_ANSWERS,
    BATCH_GROUPS,
    BATCH_HEADERS,
    BATCH_REJECTED,
    BATCH_TEXTS,
)
from service.store.completion import AnswerKey
from service.store.database import Database

BLOCK = 1_000  # rows read at once by what streams


@dataclass(frozen=True, slots=True)
class WaitingAnswer:
    """What grading needs of an answer, and no more."""

    key: AnswerKey
    candidate: str | None
    question: str
    text: str
    kind: AnswerKind


class AnswerStore:
    """The answers of all batches of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_chunk(self, batch_id: str, chunk: int) -> tuple[WaitingAnswer, ...]:
        """The answers of the chunk that still wait, in order."""
        table, texts = BATCH_ANSWERS.c, BATCH_TEXTS.c
        statement = (
            select(table.number, table.candidate, table.question_id, texts.text, texts.kind)
            .join(BATCH_TEXTS, (texts.batch_id == table.batch_id) & (texts.number == table.number))
            .where(table.batch_id == batch_id, table.chunk == chunk, table.state == AnswerState.WAITING.value)
            .order_by(table.number)
        )
        rows = await self._database.run_read(lambda connection: connection.execute(statement).all())
        return tuple(
            WaitingAnswer(
                AnswerKey(batch_id, row.number), row.candidate, row.question_id, row.text, AnswerKind(row.kind)
            )
            for row in rows
        )

    async def fail(self, key: AnswerKey, code: str, message: str) -> None:
        """Notes that the backend could not grade the answer; nothing happens when it waits no more."""
        statement = (
            update(BATCH_ANSWERS)
            .where(*_is_answer(key), BATCH_ANSWERS.c.state == AnswerState.WAITING.value)
            .values(state=AnswerState.FAILED.value, error_code=code, error_message=message)
        )
        async with self._database.begin_write() as connection:
            await connection.execute(statement)

    async def get(self, key: AnswerKey) -> AnswerRow:
        """Raises UnknownAnswer."""
        async with self._database.begin_read() as connection:
            row = (await connection.execute(select(BATCH_ANSWERS).where(*_is_answer(key)))).one_or_none()
        if row is None:
            raise UnknownAnswer("This batch has no answer with this number. It may have been deleted.")
        return read_row(row)

    async def get_text(self, key: AnswerKey) -> str:
        """The answer as it was handed in. Raises UnknownAnswer."""
        table = BATCH_TEXTS.c
        statement = select(table.text).where(table.batch_id == key.batch_id, table.number == key.number)
        async with self._database.begin_read() as connection:
            text: str | None = await connection.scalar(statement)
        if text is None:
            raise UnknownAnswer("This batch has no answer with this number. It may have been deleted.")
        return text

    async def iterate(self, batch_id: str, after: int = -1, limit: int | None = None) -> AsyncIterator[AnswerRow]:
        """The batch's answers by number, those after number `after`, read in blocks: memory stays bounded."""
        left = limit
        while left is None or left > 0:
            size = BLOCK if left is None else min(BLOCK, left)
            statement = (
                select(BATCH_ANSWERS)
                .where(BATCH_ANSWERS.c.batch_id == batch_id, BATCH_ANSWERS.c.number > after)
                .order_by(BATCH_ANSWERS.c.number)
                .limit(size)
            )
            async with self._database.begin_read() as connection:
                rows = (await connection.execute(statement)).all()
            for row in rows:
                yield read_row(row)
            if len(rows) < size:
                return
            after = rows[-1].number
            left = None if left is None else left - len(rows)

    async def load_groups(self, batch_id: str, after: int, until: int) -> dict[int, dict[str, str]]:
        """Group columns of the answers with numbers in (after, until]."""
        table = BATCH_GROUPS.c
        statement = select(table.number, table.name, table.value).where(
            table.batch_id == batch_id, table.number > after, table.number <= until
        )
        found: dict[int, dict[str, str]] = {}
        async with self._database.begin_read() as connection:
            for row in (await connection.execute(statement)).all():
                found.setdefault(row.number, {})[row.name] = row.value
        return found

    async def load_header(self, batch_id: str) -> tuple[str, ...]:
        """The names of the file's columns."""
        async with self._database.begin_read() as connection:
            statement = select(BATCH_HEADERS.c.header).where(BATCH_HEADERS.c.batch_id == batch_id)
            header: str | None = await connection.scalar(statement)
        return tuple(json.loads(header)) if header else ()

    async def list_rejected(self, batch_id: str, after: int = -1, limit: int = BLOCK) -> tuple[Rejected, ...]:
        """Rows that were no answers, in the order of the file, those after place `after`."""
        table = BATCH_REJECTED.c
        statement = (
            select(BATCH_REJECTED)
            .where(table.batch_id == batch_id, table.place > after)
            .order_by(table.place)
            .limit(limit)
        )
        async with self._database.begin_read() as connection:
            rows = (await connection.execute(statement)).all()
        return tuple(
            Rejected(
                row=row.row, field=row.field, excerpt=row.excerpt, reason=row.reason, cells=tuple(json.loads(row.cells))
            )
            for row in rows
        )


def read_row(row: Row[Any]) -> AnswerRow:
    """A row of `batch_answers`."""
    return AnswerRow(
        batch=row.batch_id,
        number=row.number,
        row=row.row,
        column=row.column_name,
        candidate=row.candidate,
        external_id=row.external_id,
        question=row.question_id,
        duplicate_of=row.duplicate_of,
        similar_to=row.similar_to,
        grade=row.grade_id,
        result=AnswerResult(
            state=AnswerState(row.state),
            overall=row.overall,
            uncertainty=row.uncertainty,
            band=row.band,
            levels=json.loads(row.levels),
            flags=tuple(map(FlagCode, row.flags.split())),
            needs_review=row.needs_review,
            error_code=row.error_code,
            error_message=row.error_message,
            tokens_in=row.tokens_in,
            tokens_out=row.tokens_out,
            cost_usd=row.cost_usd,
        ),
    )


def _is_answer(key: AnswerKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return BATCH_ANSWERS.c.batch_id == key.batch_id, BATCH_ANSWERS.c.number == key.number
