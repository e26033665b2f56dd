"""The sweep: compares what waits, by our own tables, with what the engine has, and mends the difference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from service.batches.engine import Engine, Work
from service.domain.batch import Batch, BatchState
from service.errors import UnknownBatch
from service.store.batches import BatchStore
from service.store.workers import WorkerStore

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Any worker may sweep at any time: whatever two of them do at once is done once.

    `finish` finishes a batch in which nothing waits.
    """

    worker_id: str
    batches: BatchStore
    workers: WorkerStore
    engine: Engine
    finish: Callable[[str], Awaitable[None]]

    async def sweep(self) -> None:
        """Queues chunks that wait and are nowhere, and hands out again what dead workers held. Raises a StoreError."""
        await self._resume_orphans()
        for batch in await self.batches.list_in_state(BatchState.RUNNING):
            try:
                await self._queue_missing(batch)
            except UnknownBatch:
                continue  # deleted meanwhile

    async def tidy(self) -> None:
        """Deletes what the engine remembers of batches that do not run."""
        running = {batch.id for batch in await self.batches.list_in_state(BatchState.RUNNING)}
        over = [work for work in await self.engine.list_work() if not work.is_live and work.batch_id not in running]
        await self.engine.forget(over)

    async def _resume_orphans(self) -> None:
        """Only one worker does it, the first by id: two could hand out twice what a third had taken in between.

        Work is listed before workers: one that had taken a chunk by then was registered before.
        """
        held = await self.engine.list_running()
        living = await self.workers.list_beats()
        if not living or min(living) != self.worker_id:
            return
        orphans = [work for work in held if work.worker not in living]
        if orphans:
            log.warning(
                "chunks_taken_over", chunks=len(orphans), workers=sorted({str(work.worker) for work in orphans})
            )
            await self.engine.resume(orphans)

    async def _queue_missing(self, batch: Batch) -> None:
        """Of a crash between start and queueing, of a pause, a retry, or a chunk that ended early.

        A chunk that ended in this round cannot be queued in it again: then a new round begins, which one worker wins.
        """
        waiting = await self.batches.list_waiting_chunks(batch.id)
        if not waiting:
            await self.finish(batch.id)
            return
        known = await self.engine.list_work(batch.id)
        missing = set(waiting) - {work.chunk for work in known if work.is_live}
        if missing:  # a chunk that ended between the two looks waits no more
            missing &= set(await self.batches.list_waiting_chunks(batch.id))
        if not missing:
            return
        of_round = batch.round
        if _ended_in(known, of_round) & missing:
            of_round = await self.batches.begin_round(batch.id, of_round)
        log.info("chunks_queued", batch=batch.id, chunks=len(missing), round=of_round)
        await self.engine.enqueue(batch.id, of_round, sorted(missing), batch.priority)


def _ended_in(known: Sequence[Work], of_round: int) -> set[int]:
    return {work.chunk for work in known if work.round == of_round and not work.is_live}
