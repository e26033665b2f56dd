"""A file's rows into the store, in blocks: the file is never whole in memory, and a bad one leaves nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from service.domain.batch import BatchState, NewAnswer, Rejected
from service.errors import BatchInvalid, BatchStateConflict, UnknownBatch
from service.store.batches import BatchStore

BLOCK_ROWS = 500
ABANDONED_SECONDS = 60.0  # a block of 500 rows takes 0.3 s; a minute without one is a process that died


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were read so far: answers, and rows that are none."""

    answers: int = 0
    rejected: int = 0


ImportListener = Callable[[Imported], Awaitable[None]]


async def ignore_import(imported: Imported) -> None:
    """The listener of a caller that only wants the batch."""


async def store_rows(
    store: BatchStore, batch_id: str, rows: Iterable[NewAnswer | Rejected], listen: ImportListener = ignore_import
) -> Imported:
    """How many rows were stored, of a batch that is being imported; reading is done in a thread.

    Raises BatchInvalid as reading does, and when no row is an answer; the caller then deletes the batch.
    """
    iterator, told, first = iter(rows), Imported(), None
    while block := await asyncio.to_thread(_read_block, iterator):
        answers = [row for row in block if isinstance(row, NewAnswer)]
        rejected = [row for row in block if isinstance(row, Rejected)]
        first = first or next(iter(rejected), None)
        await store.add_rows(batch_id, answers, rejected, first_place=told.rejected)
        told = Imported(told.answers + len(answers), told.rejected + len(rejected))
        await listen(told)
    if not told.answers:
        raise BatchInvalid(_explain_no_answers(told.rejected, first))
    return told


def _read_block(rows: Iterator[NewAnswer | Rejected]) -> list[NewAnswer | Rejected]:
    return list(islice(rows, BLOCK_ROWS))


def _explain_no_answers(rejected: int, first: Rejected | None) -> str:
    if first is None:
        return "The file has no row with an answer. Check that it is the right file, and its mapping."
    return (
        f"None of the file's {rejected} rows can be graded. Row {first.row}"
        f"{f', {first.field}' if first.field else ''}: {first.reason} Check the mapping."
    )


class BrokenImports:
    """Finds batches whose import broke off with its process: they would stay IMPORTING for ever.

    What counts is this observer's own monotonic clock: a batch is given up when nothing was added to it in all of
    ABANDONED_SECONDS while somebody looked. No wall clock that jumps can delete an import that goes on.
    """

    def __init__(
        self, store: BatchStore, clock: Callable[[], float] = time.monotonic, after_seconds: float = ABANDONED_SECONDS
    ) -> None:
        self._store, self._clock, self._after_seconds = store, clock, after_seconds
        self._seen: dict[str, tuple[int, float]] = {}

    async def forget(self) -> tuple[str, ...]:
        """Deletes those given up; their ids. Call it every few seconds."""
        importing = [batch.id for batch in await self._store.list_in_state(BatchState.IMPORTING)]
        self._seen = {batch_id: self._seen[batch_id] for batch_id in importing if batch_id in self._seen}
        return tuple([batch_id for batch_id in importing if await self._forget(batch_id)])

    async def _forget(self, batch_id: str) -> bool:
        rows, now = (await self._store.count(batch_id)).total, self._clock()
        known, since = self._seen.get(batch_id, (-1, now))
        if known != rows:
            self._seen[batch_id] = (rows, now)
            return False
        if now - since < self._after_seconds:
            return False
        return await delete_importing(self._store, batch_id)


async def delete_importing(store: BatchStore, batch_id: str) -> bool:
    """Whether the batch was still being imported; then it is gone. One that started meanwhile is left alone."""
    try:
        await store.change_state(batch_id, [BatchState.IMPORTING], BatchState.CANCELLED)
        await store.delete(batch_id)
    except (UnknownBatch, BatchStateConflict):
        return False
    return True
