"""Who watches batches: however many watch one, its progress is counted once a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from service.api.handlers import report_unexpected
from service.domain.batch import BatchState
from service.errors import GraderError
from service.wiring_batches import Progress

POLL_SECONDS = 1.0
ENDED = frozenset({BatchState.FINISHED, BatchState.CANCELLED})

Look = Callable[[str], Awaitable[Progress]]


class _Watch:
    """One batch, looked at as long as somebody follows."""

    def __init__(self) -> None:
        self.followers = 0
        self.latest: Progress | None = None
        self.failure: GraderError | None = None
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def fail(self, failure: GraderError) -> None:
        self.failure = failure
        self.tell()

    def tell(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


class Watches:
    """All batches that are being watched."""

    def __init__(self, look: Look, poll_seconds: float = POLL_SECONDS) -> None:
        self._look = look
        self.poll_seconds = poll_seconds
        self._watches: dict[str, _Watch] = {}
        self._failure: GraderError | None = None

    async def follow(self, batch_id: str) -> AsyncGenerator[Progress]:
        """How far the batch is: now, and whenever something of it changed, until it is finished or cancelled.

        Raises what looking raises, such as UnknownBatch once it is deleted; a database that is away for a while is
        waited for. Raises what `stop` was given.
        """
        watch = self._watches.setdefault(batch_id, _Watch())
        watch.followers += 1
        if watch.task is None or watch.task.done():  # the batch had ended, and may have been retried since
            watch.task = asyncio.create_task(self._poll(batch_id, watch), name="batch-watch")
        told = None
        try:
            while True:
                failure, latest, news = self._failure or watch.failure, watch.latest, watch.news
                if latest is not None and latest is not told:
                    told = latest
                    yield latest
                    if latest.batch.state in ENDED:
                        return
                elif failure is not None:
                    raise type(failure)(str(failure))
                else:
                    await news.wait()
        finally:
            watch.followers -= 1
            if not watch.followers and watch.task is not None:
                watch.task.cancel()
                self._watches.pop(batch_id, None)

    def stop(self, failure: GraderError) -> None:
        """Ends all following with this error."""
        self._failure = failure
        for watch in self._watches.values():
            watch.tell()

    async def aclose(self) -> None:
        """Returns when nothing is looked at any more."""
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _poll(self, batch_id: str, watch: _Watch) -> None:
        while True:
            try:
                found = await self._look(batch_id)
                if watch.latest is None or describe(found) != describe(watch.latest):
                    watch.latest = found
                    watch.tell()
                if found.batch.state in ENDED:
                    return
            except GraderError as error:
                if not error.retryable:
                    watch.fail(error)
                    return
            except Exception as failure:  # noqa: BLE001 - whoever follows would wait for ever
                watch.fail(GraderError("How far the batch is cannot be told. The server's log says why."))
                report_unexpected(failure)
                return
            await asyncio.sleep(self.poll_seconds)


def describe(progress: Progress) -> object:
    """What a watcher wants to be told of when it changes; a pace that wavers is no news by itself."""
    return progress.batch, progress.counts, progress.is_working
