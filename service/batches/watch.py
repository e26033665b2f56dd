"""The state of the batches at work here, fresh enough to be asked before every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from service.batches.spending import Spending
from service.domain.batch import Batch, BatchState
from service.errors import StoreError
from service.store.batches import BatchStore

FRESH_SECONDS = 1.0
LOOK_SECONDS = 0.4


class View:
    """One batch as it was at the last look; `batch` is None once it was deleted."""

    def __init__(self, batch: Batch, seen_at: float) -> None:
        self.batch: Batch | None = batch
        self.spending = Spending(batch.spec.spending_limit_usd)
        self.seen_at = seen_at
        self.open_chunks = 0

    @property
    def is_running(self) -> bool:
        return self.batch is not None and self.batch.state is BatchState.RUNNING


class Watch:
    """Looks at all open batches with one statement; tells `on_halt` of those that run no more."""

    def __init__(self, batches: BatchStore, clock: Callable[[], float], on_halt: Callable[[View], None]) -> None:
        self._batches = batches
        self._clock = clock
        self._on_halt = on_halt
        self._views: dict[str, View] = {}
        self._opening = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def open(self, batch_id: str) -> AsyncIterator[View]:
        """The view of a batch while one of its chunks is at work. Raises UnknownBatch, a StoreError."""
        async with self._opening:  # chunks of a batch open together: each would else have a view that none refreshes
            view = self._views.get(batch_id)
            if view is None or not view.is_running:
                seen_at = self._clock()
                view = self._views[batch_id] = View(await self._batches.get(batch_id), seen_at)
                await self._see_spending(view)
            view.open_chunks += 1
        try:
            yield view
        finally:
            view.open_chunks -= 1
            if not view.open_chunks and self._views.get(batch_id) is view:
                del self._views[batch_id]

    def is_fresh(self, view: View) -> bool:
        return self._clock() - view.seen_at <= FRESH_SECONDS

    async def look(self) -> None:
        """Looks now; callers that come meanwhile share it. Raises a StoreError."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(self._end_look)
        await asyncio.shield(self._looking)

    def _end_look(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        if not task.cancelled():
            task.exception()  # told to those who wait, if any

    async def _look(self) -> None:
        views, seen_at = dict(self._views), self._clock()
        if not views:
            return
        found = await self._batches.load_many(views)
        for batch_id, view in views.items():
            view.batch, view.seen_at = found.get(batch_id), seen_at
            if view.is_running:
                await self._see_spending(view)
            else:
                self._on_halt(view)

    async def _see_spending(self, view: View) -> None:
        if view.batch is None:
            return
        view.spending.limit_usd = view.batch.spec.spending_limit_usd
        if view.spending.limit_usd is not None:
            view.spending.see(await self._batches.count(view.batch.id))

    async def keep_looking(self) -> None:
        """Until cancelled. What cannot be seen goes stale, and then nobody asks."""
        while True:
            with suppress(StoreError):
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)
