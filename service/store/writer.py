"""Group commit: concurrent saves share one transaction.

A transaction costs about the same for 1 row as for 64, and SQLite lets one run at a time. So rows that arrive while one
transaction runs wait together for the next, and transactions start an interval apart. The first one after a pause
starts at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from service.errors import GraderError, ShuttingDown, StoreFull, StoreReadOnly, StoreUnavailable
from service.store.completion import Completion, complete_answers
from service.store.database import Database
from service.store.idempotency import Claim, complete_claims
from service.store.tables import GRADES

MAX_BATCH = 256  # rows in a transaction: bounds how long other processes wait for the write lock
# Rows that meet in one transaction share its cost. 64 requests at 400 grades a second: 8 rows at a time, and a wait of
# 10 ms on average. Longer (0.06 s) costs throughput: requests wait together, ask together and wait for models together.
INTERVAL_SECONDS = 0.02
# Nobody waits for the grade of a batch's answer, and the next is asked meanwhile: 2.1 ms of the processor for each and
# not 2.3 (medians of 12 and 9 rounds of 5,000).
BATCH_INTERVAL_SECONDS = 0.06


@dataclass(slots=True, eq=False)
class _Row:
    values: Mapping[str, Any]
    completes: Claim | Completion | None
    stored: asyncio.Future[None]


class GradeWriter:
    """Writes rows of `grades`. A task runs only while rows are waiting."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Row] = []
        self._writing: Sequence[_Row] = ()
        self._task: asyncio.Task[None] | None = None
        self._next_start = 0.0
        self._is_closed = False

    async def write(self, values: Mapping[str, Any], completes: Claim | Completion | None) -> None:
        """Returns when the row, and the completion of its claim or answer, are committed.

        Cancelling the caller only ends its waiting: the row is written all the same. The grade was paid for, and a
        client that repeats the request with the same key is then given it. Raises ShuttingDown after aclose().
        """
        if self._is_closed:
            raise ShuttingDown("The service is stopping. Ask again in a moment.")
        row = _Row(values, completes, asyncio.get_running_loop().create_future())
        self._waiting.append(row)
        if self._task is None:
            self._task = asyncio.create_task(self._write_waiting(), name="grade-writer")
            self._task.add_done_callback(self._abandon)
        await row.stored

    async def aclose(self) -> None:
        """Refuses new rows and waits for those that were handed over."""
        self._is_closed = True
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _write_waiting(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._waiting:
            await asyncio.sleep(max(0.0, self._next_start - clock()))
            self._writing, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            is_of_batches = all(isinstance(row.completes, Completion) for row in self._writing)
            self._next_start = clock() + (BATCH_INTERVAL_SECONDS if is_of_batches else INTERVAL_SECONDS)
            await self._write(self._writing)
        self._task = None  # here, in the step that saw nothing waiting: a callback runs later and a row slips between

    async def _write(self, rows: Sequence[_Row]) -> None:
        try:
            await self._commit(rows)
        except (StoreUnavailable, StoreReadOnly, StoreFull) as error:
            _fail(rows, error)
        except GraderError as error:
            if len(rows) == 1:
                _fail(rows, error)
            else:  # one row is at fault (its id exists, its claim is lost): halving finds it, the others are stored
                middle = len(rows) // 2
                await self._write(rows[:middle])
                await self._write(rows[middle:])
        else:
            for row in rows:
                if not row.stored.done():  # else its caller was cancelled
                    row.stored.set_result(None)

    async def _commit(self, rows: Sequence[_Row]) -> None:
        def insert_rows(connection: Connection) -> None:
            connection.execute(insert(GRADES), [row.values for row in rows])
            complete_claims(
                connection, [(it, row.values["id"]) for row in rows if isinstance(it := row.completes, Claim)]
            )
            complete_answers(connection, [it for row in rows if isinstance(it := row.completes, Completion)])

        await self._database.run_write(insert_rows)

    def _abandon(self, task: asyncio.Task[None]) -> None:
        """When the task ended by a cancelled event loop or a bug: nobody may wait for ever."""
        if not task.cancelled() and task.exception() is None:
            return
        rows, self._writing, self._waiting, self._task = [*self._writing, *self._waiting], (), [], None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        for row in rows:
            if not row.stored.done() and error:
                row.stored.set_exception(error)


def _fail(rows: Sequence[_Row], error: GraderError) -> None:
    for row in rows:
        if not row.stored.done():
            row.stored.set_exception(_copy_error(error))


def _copy_error(error: GraderError) -> GraderError:
    """One for each caller: an exception that several tasks raise mixes their tracebacks."""
    copy = type(error)(str(error))
    copy.__cause__ = error.__cause__
    return copy
