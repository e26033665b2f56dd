"""The batches of a running server: the facade, the files handed in, who watches, and the worker of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from contextvars import Context
from typing import Protocol

import structlog

from service.api.batch_uploads import Uploads
from service.api.batch_watching import Watches
from service.api.handlers import report_unexpected
from service.config import Settings
from service.domain.batch import BatchState
from service.errors import GraderError, ShuttingDown
from service.wiring import Services
from service.wiring_batches import Batches, Progress, open_batches

RETRY_SECONDS = 10.0  # the database is restarting, another server of this machine holds the engine

log = structlog.stdlib.get_logger(__name__)


class Worker(Protocol):
    """What grades; the server only tells it that there is something to do."""

    def wake(self) -> None: ...


OpenWorker = Callable[[Services], AbstractAsyncContextManager[Worker]]


class BatchWork:
    """One app's batches. The worker is started when there is something to do: its engine takes seconds to load."""

    def __init__(self, settings: Settings, open_worker: OpenWorker | None = None) -> None:
        self.uploads = Uploads(settings.data_dir / "uploads")
        self.watches = Watches(self._look)
        self._may_work = settings.batch_worker
        self._open_worker = open_worker
        self._opened: Batches | None = None
        self._services: Services | None = None
        self._worker: Worker | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._stack = AsyncExitStack()

    async def open(self, services: Services) -> None:
        """Opens the facade; starting work that a stop left unfinished is `start_unfinished`."""
        self._services = services
        self._opened = await self._stack.enter_async_context(open_batches(services, self.wake))

    async def start_unfinished(self) -> None:
        """Starts the worker when a batch is unfinished, of this server or of one that died."""
        states = (BatchState.RUNNING, BatchState.IMPORTING)
        with suppress(GraderError):  # /readyz tells of a database that cannot be read
            if await self.batches.store.list_in_state(*states):
                self.wake()

    @property
    def batches(self) -> Batches:
        if self._opened is None:
            raise RuntimeError("The app answers requests only between its start-up and its shutdown.")
        return self._opened

    @property
    def is_working(self) -> bool:
        """Whether a worker runs in this process."""
        return self._worker is not None

    def wake(self) -> None:
        """Tells the worker that there is something to do, and starts it if need be."""
        if not self._may_work or self._stopping.is_set():
            return
        if self._worker is not None:
            self._worker.wake()
        if self._task is None or self._task.done():
            # In a context of its own: else every line that it ever logs bears the id of the request that began it.
            self._task = asyncio.create_task(self._work(), name="batch-worker", context=Context())

    def begin_shutdown(self) -> None:
        """No further answer is asked for; calls in flight are stored, and what waits is graded after the restart."""
        self._stopping.set()
        self.watches.stop(
            ShuttingDown("The service is stopping. The batch goes on when it runs again; ask again then.")
        )

    async def aclose(self) -> None:
        """Returns when the worker has stopped and nothing is open any more."""
        self.begin_shutdown()
        if self._task is not None:
            await asyncio.wait([self._task])
        await self.watches.aclose()
        await self._stack.aclose()

    async def _look(self, batch_id: str) -> Progress:
        return await self.batches.progress(batch_id)

    async def _work(self) -> None:
        """Keeps a worker until the server stops; one that cannot start, or a bug in it, is tried again."""
        while not self._stopping.is_set():
            try:
                await self._run_worker()
            except GraderError as error:
                log.warning("the batch worker cannot run", code=error.code, message=str(error))
            except Exception as failure:  # noqa: BLE001 - a bug must not leave batches standing without a word
                report_unexpected(failure)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETRY_SECONDS)

    async def _run_worker(self) -> None:
        assert self._services is not None  # noqa: S101 - `wake` comes after `open`
        open_worker = self._open_worker
        if open_worker is None:
            open_worker = await asyncio.to_thread(load_worker, self.batches)
        try:
            async with open_worker(self._services) as worker:
                self._worker = worker
                await self._stopping.wait()
        finally:
            self._worker = None


def load_worker(batches: Batches) -> OpenWorker:
    """The real one. In a thread: its modules take a second to load, in which the server would stand still."""
    from service.wiring_work import open_work

    return lambda _: open_work(batches)
