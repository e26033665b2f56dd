"""Batches: made, filled, started, paused, finished, listed, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, literal, select, tuple_, update

from service.domain.batch import (
    AnswerState,
    Batch,
    BatchState,
    Counts,
    NewAnswer,
    PauseReason,
    Rejected,
)
from service.errors import BatchStateConflict, IdempotencyConflict, StoreError, UnknownBatch
from service.store.audit import Note
from service.store.batch_counts import count_answers
from service.store.batch_rows import read_batch, spread_answers, write_rejected
from service.store.batch_tables import (
    BATCH_ANSWERS,
    BATCH_HEADERS,
    BATCH_KEYS,
    BATCH_REJECTED,
    BATCHES,
)
from service.store.cursor import Cursor, decode_cursor, encode_cursor
from service.store.database import Database
from service.store.tables import GRADES

_NOT_FOUND = "There is no batch with this id. It may have been deleted."


@dataclass(frozen=True, slots=True)
class BatchKey:
    """An Idempotency-Key; `body_hash` (hex) is of everything that was sent with it."""

    owner: str
    key: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Newest first; `next_cursor` is None on the last page."""

    batches: tuple[Batch, ...]
    next_cursor: str | None


class BatchStore:
    """The batches of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, batch: Batch, header: Sequence[str], key: BatchKey | None = None, note: Note | None = None
    ) -> Batch:
        """The stored batch, in state IMPORTING; the earlier one when the key was used for the same content.

        `note`, here and below, is work for the same transaction, done when it changed something: the audit entry.
        Raises IdempotencyConflict when it was used for other content.
        """
        if key is not None and (earlier := await self.find_by_key(key)):
            return earlier
        row = batch.model_dump(exclude={"spec"}) | {"spec": batch.spec.model_dump_json()}

        def write(connection: Connection) -> None:
            connection.execute(insert(BATCHES), row)
            connection.execute(insert(BATCH_HEADERS), {"batch_id": batch.id, "header": json.dumps(list(header))})
            if key is not None:
                values = {"owner": key.owner, "key": key.key, "body_hash": key.body_hash, "batch_id": batch.id}
                connection.execute(insert(BATCH_KEYS), values)
            if note is not None:
                note(connection)

        try:
            await self._database.run_write(write)
        except StoreError:  # another request with this key was quicker
            if key is not None and (earlier := await self.find_by_key(key)):
                return earlier
            raise
        return batch

    async def find_by_key(self, key: BatchKey) -> Batch | None:
        """The batch that was made with the key, None without one; raises IdempotencyConflict for other content."""
        statement = select(BATCH_KEYS).where(BATCH_KEYS.c.owner == key.owner, BATCH_KEYS.c.key == key.key)
        found = await self._database.run_read(lambda connection: connection.execute(statement).one_or_none())
        if found is None:
            return None
        if found.body_hash != key.body_hash:
            raise IdempotencyConflict(
                "This idempotency key was used before for another file or other settings. Use a new key."
            )
        return await self.get(found.batch_id)

    async def add_rows(
        self, batch_id: str, answers: Sequence[NewAnswer], rejected: Sequence[Rejected] = (), first_place: int = 0
    ) -> None:
        """Stores a block of rows, all or none; `first_place` is how many rejected rows were stored before."""

        def write(connection: Connection) -> None:
            for table, rows in spread_answers(batch_id, answers).items():
                if rows:
                    connection.execute(insert(table), rows)
            if rejected:
                connection.execute(insert(BATCH_REJECTED), write_rejected(batch_id, rejected, first_place))

        await self._database.run_write(write)

    async def start(self, batch_id: str, answers: int, rejected: int, note: Note | None = None) -> Batch:
        """From IMPORTING to RUNNING, with its counts. Raises BatchStateConflict, UnknownBatch."""
        return await self.change_state(
            batch_id, [BatchState.IMPORTING], BatchState.RUNNING, note=note, answers=answers, rejected=rejected
        )

    async def change_state(
        self,
        batch_id: str,
        expected: Iterable[BatchState],
        new: BatchState,
        *,
        pause_reason: PauseReason | None = None,
        pause_message: str | None = None,
        note: Note | None = None,
        **values: Any,
    ) -> Batch:
        """The batch in its new state; raises BatchStateConflict when it was in none of the expected ones.

        `values` are further columns that change with it: `answers`, `rejected`, `finished_at`, `round`, `priority`.
        """
        statement = (
            update(BATCHES)
            .where(BATCHES.c.id == batch_id, BATCHES.c.state.in_([state.value for state in expected]))
            .values(
                state=new.value,
                pause_reason=pause_reason.value if pause_reason else None,
                pause_message=pause_message,
                **values,
            )
        )
        async with self._database.begin_write() as connection:
            changed = (await connection.execute(statement)).rowcount
            if changed and note is not None:
                await connection.run_sync(note)
        batch = await self.get(batch_id)
        if not changed:
            raise BatchStateConflict(
                f"The batch is {batch.state.value}, which rules this out. Look at it with 'batches show {batch_id}'."
            )
        return batch

    async def begin_round(self, batch_id: str, seen: int) -> int:
        """The round that runs now: the next one, unless another worker began it since `seen` was read.

        Raises UnknownBatch.
        """
        statement = (
            update(BATCHES)
            .where(BATCHES.c.id == batch_id, BATCHES.c.round == seen, BATCHES.c.state == BatchState.RUNNING.value)
            .values(round=seen + 1)
        )
        async with self._database.begin_write() as connection:
            await connection.execute(statement)
        return (await self.get(batch_id)).round

    async def load_many(self, ids: Iterable[str]) -> dict[str, Batch]:
        """Id -> batch, of those that there are."""
        statement = select(BATCHES).where(BATCHES.c.id.in_(list(ids)))
        rows = await self._database.run_read(lambda connection: connection.execute(statement).all())
        return {row.id: read_batch(row) for row in rows}

    async def set_values(self, batch_id: str, note: Note | None = None, **values: Any) -> Batch:
        """The batch with another `priority` or `spec` (JSON). Raises UnknownBatch."""
        statement = update(BATCHES).where(BATCHES.c.id == batch_id).values(**values)
        async with self._database.begin_write() as connection:
            if (await connection.execute(statement)).rowcount and note is not None:
                await connection.run_sync(note)
        return await self.get(batch_id)

    async def finish_if_done(self, batch_id: str, now: datetime, note: Note | None = None) -> bool:
        """Whether this call finished the batch: no answer waits, and no other call had finished it."""
        waiting = select(BATCH_ANSWERS.c.number).where(
            BATCH_ANSWERS.c.batch_id == batch_id, BATCH_ANSWERS.c.state == AnswerState.WAITING.value
        )
        statement = (
            update(BATCHES)
            .where(BATCHES.c.id == batch_id, BATCHES.c.state == BatchState.RUNNING.value, ~waiting.exists())
            .values(state=BatchState.FINISHED.value, finished_at=now)
        )

        def write(connection: Connection) -> bool:
            is_finished = bool(connection.execute(statement).rowcount)
            if is_finished and note is not None:
                note(connection)
            return is_finished

        return await self._database.run_write(write)

    async def retry_failed(self, batch_id: str, note: Note | None = None) -> Batch:
        """Failed answers wait again, in the next round of the batch, which then runs.

        Raises BatchStateConflict for a batch that is still being imported, or was cancelled.
        """
        of_batch, failed = BATCH_ANSWERS.c.batch_id == batch_id, BATCH_ANSWERS.c.state == AnswerState.FAILED.value
        wait = (
            update(BATCH_ANSWERS)
            .where(of_batch, failed)
            .values(state=AnswerState.WAITING.value, error_code=None, error_message=None)
        )

        def write(connection: Connection) -> None:  # in two transactions, a crash between them lost the retry
            connection.execute(wait)
            if note is not None:
                note(connection)

        states = [BatchState.FINISHED, BatchState.RUNNING, BatchState.PAUSED]
        return await self.change_state(
            batch_id, states, BatchState.RUNNING, note=write, round=BATCHES.c.round + 1, finished_at=None
        )

    async def get(self, batch_id: str) -> Batch:
        """Raises UnknownBatch."""
        statement = select(BATCHES).where(BATCHES.c.id == batch_id)
        row = await self._database.run_read(lambda connection: connection.execute(statement).one_or_none())
        if row is None:
            raise UnknownBatch(_NOT_FOUND)
        return read_batch(row)

    async def list_page(self, *, limit: int, cursor: str | None = None, state: BatchState | None = None) -> BatchPage:
        """At most `limit` batches, newest first, after the position `cursor`. Raises CursorInvalid."""
        statement = select(BATCHES).order_by(BATCHES.c.created_at.desc(), BATCHES.c.id.desc()).limit(limit + 1)
        if state is not None:
            statement = statement.where(BATCHES.c.state == state.value)
        if cursor is not None:
            position = decode_cursor(cursor)
            after = tuple_(
                literal(position.created_at, BATCHES.c.created_at.type), literal(position.id, BATCHES.c.id.type)
            )
            statement = statement.where(tuple_(BATCHES.c.created_at, BATCHES.c.id) < after)
        rows = await self._database.run_read(lambda connection: connection.execute(statement).all())
        page = tuple(map(read_batch, rows[:limit]))
        has_more = len(rows) > limit
        return BatchPage(page, encode_cursor(Cursor(page[-1].created_at, page[-1].id)) if has_more else None)

    async def list_in_state(self, *states: BatchState) -> tuple[Batch, ...]:
        """All batches in these states, the most urgent first, then the oldest."""
        statement = (
            select(BATCHES)
            .where(BATCHES.c.state.in_([state.value for state in states]))
            .order_by(BATCHES.c.priority.desc(), BATCHES.c.created_at, BATCHES.c.id)
        )
        rows = await self._database.run_read(lambda connection: connection.execute(statement).all())
        return tuple(map(read_batch, rows))

    async def find_same_file(self, file_hash: str) -> Batch | None:
        """The first batch that was made of a file with these bytes."""
        statement = select(BATCHES).where(BATCHES.c.file_hash == file_hash).order_by(BATCHES.c.created_at).limit(1)
        async with self._database.begin_read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return read_batch(row) if row else None

    async def count(self, batch_id: str) -> Counts:
        """How far the batch is: one pass over an index."""
        async with self._database.begin_read() as connection:
            return await count_answers(connection, batch_id)

    async def list_waiting_chunks(self, batch_id: str) -> tuple[int, ...]:
        """The chunks in which an answer waits, in order."""
        table = BATCH_ANSWERS.c
        statement = (
            select(table.chunk)
            .where(table.batch_id == batch_id, table.state == AnswerState.WAITING.value)
            .distinct()
            .order_by(table.chunk)
        )
        return await self._database.run_read(lambda connection: tuple(connection.execute(statement).scalars()))

    async def delete(self, batch_id: str, note: Note | None = None) -> None:
        """Deletes the batch with its answers and their grades; nothing of them stays. Raises UnknownBatch."""
        grades = select(BATCH_ANSWERS.c.grade_id).where(BATCH_ANSWERS.c.batch_id == batch_id)
        async with self._database.begin_write() as connection:
            await connection.execute(delete(GRADES).where(GRADES.c.id.in_(grades)))
            deleted = (await connection.execute(delete(BATCHES).where(BATCHES.c.id == batch_id))).rowcount
            if deleted and note is not None:
                await connection.run_sync(note)
        if not deleted:
            raise UnknownBatch(_NOT_FOUND)
        await self._database.forget_deleted()
