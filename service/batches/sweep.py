"""The sweep: compares what waits, by our own tables, with what the engine has, and mends the difference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from service.batches.engine import Engine, Work
from service.domain.batch import Batch, BatchState
from service.errors import UnknownBatch
from service.store.batches import BatchStore
from service.store.workers import WorkerStore

# Between taking a chunk and being at it, and between its end and the engine's note, lie moments. Looks are counted as
# well as time: a process that was frozen finds both ends of a minute in two looks.
LEFT_SECONDS = 15.0
LEFT_LOOKS = 3

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Sweeper:
    """Any worker may sweep at any time: whatever two of them do at once is done once.

    `finish` finishes a batch in which nothing waits. `is_open` says whether this process is at a chunk.
    """

    worker_id: str
    batches: BatchStore
    workers: WorkerStore
    engine: Engine
    finish: Callable[[str], Awaitable[None]]
    is_open: Callable[[str, int], bool]
    clock: Callable[[], float]
    _left: dict[str, tuple[float, int]] = field(default_factory=dict)  # id -> since when, and in how many looks

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
        await self._resume_left(held)
        if not living or min(living) != self.worker_id:
            return
        orphans = [work for work in held if work.worker not in living]
        if orphans:
            log.warning(
                "chunks_taken_over", chunks=len(orphans), workers=sorted({str(work.worker) for work in orphans})
            )
            await self.engine.resume(orphans)

    async def _resume_left(self, held: Sequence[Work]) -> None:
        """Hands out again what the engine takes for ours and nobody here is at: its end could not be written.

        That is so after a disk was full: such a chunk stayed ours, in one of the few places, until the next start.
        """
        own = [work for work in held if work.worker == self.worker_id]
        left = {work.id: work for work in own if not self.is_open(work.batch_id, work.chunk)}
        now = self.clock()
        before = {work_id: self._left.get(work_id, (now, 0)) for work_id in left}
        self._left = {work_id: (since, looks + 1) for work_id, (since, looks) in before.items()}
        due = [
            left[work_id]
            for work_id, (since, looks) in self._left.items()
            if looks >= LEFT_LOOKS and now - since >= LEFT_SECONDS
        ]
        if due:
            log.warning("chunks_resumed", chunks=len(due))
            await self.engine.resume(due)

    async def _queue_missing(self, batch: Batch) -> None:
        """Of a crash between start and queueing, of a pause, a retry, or a chunk that ended early.

        A chunk that ended in this round cannot be queued in it again: then a new round begins, which one worker wins.
        """
        waiting = await self.batches.list_waiting_chunks(batch.id)
        if not waiting:
            await self.finish(batch.id)
            return
        known = await self.engine.list_work(batch.id)
        if any(work.is_live and not work.is_running and work.priority != batch.priority for work in known):
            log.info("chunks_reordered", batch=batch.id, priority=batch.priority)
            await self.engine.reorder(batch.id, batch.priority)
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
