"""A worker: takes chunks of batches and grades them, until it is closed or its process dies."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from service.batches.chunk import ChunkRunner, ChunkTools
from service.batches.engine import Engine
from service.batches.leases import Lease, Pulse, Silence, Slot
from service.batches.sweep import Sweeper
from service.domain.batch import ANSWERS_IN_CHUNK, BatchState
from service.errors import StoreError
from service.store.workers import WorkerRow, WorkerStore

SWEEP_SECONDS = 5.0
TIDY_SECONDS = 60.0
Chore = Callable[[], Awaitable[object]]

log = structlog.stdlib.get_logger(__name__)


def count_open_chunks(calls_in_flight: int) -> int:
    """How many chunks a worker holds at once: twelve answers for each call, since a chunk that ends takes 0.5 s to be
    replaced.

    With latencies that spread, 100 open answers kept 31 % of 64 calls busy and 400 kept 88 %. With real gradings fewer
    than 16 calls were under way for a third of the time at 400, and for a tenth at 800.
    """
    return -(-12 * calls_in_flight // ANSWERS_IN_CHUNK)


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker is made of. `chores` run with every sweep, about every 5 s; `share` is told 1/n of n workers.

    `stop_seconds` is how long calls in flight may finish when it is closed.
    """

    slot: Slot
    workers: WorkerStore
    engine: Engine
    tools: ChunkTools
    stop_seconds: float
    pulse: Pulse = field(default_factory=Pulse)
    sweep_seconds: float = SWEEP_SECONDS
    chores: Sequence[Chore] = ()
    share: Callable[[float], None] | None = None


class Worker:
    """One per process. `wake` it when there may be something new; `aclose` finishes what is in flight."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self.id = setup.slot.id
        self._lease = Lease(setup.pulse.lease_seconds, setup.tools.clock)
        self._silence = Silence(setup.pulse.looks)
        self._runner = ChunkRunner(setup.tools, self._lease)
        self._sweeper = Sweeper(
            self.id, setup.tools.batches, setup.workers, setup.engine, self._runner.finish, self._runner.is_open,
            setup.tools.clock,
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._looks: asyncio.Future[None] | None = None
        self.living = 1

    async def start(self) -> None:
        """Registers, and begins to take chunks. Raises a StoreError; RuntimeError for a second one in the process."""
        await self._register()
        try:
            await self._setup.engine.start(self._runner.run)
        except BaseException:
            await self._leave()
            raise
        loops = (self._keep_beating(), self._runner.watch.keep_looking(), self._keep_sweeping())
        self._tasks = [asyncio.create_task(loop, name="batch-worker") for loop in loops]
        log.info("worker_started", worker=self.id)

    def wake(self) -> None:
        """There may be something new: a batch was started, paused, resumed or cancelled."""
        self._woken.set()
        if self._tasks and self._looks is None:
            self._looks = asyncio.ensure_future(self._look())

    async def aclose(self) -> None:
        """Asks nothing more, stores what is in flight, and leaves the rest to other workers or the next start."""
        await self._runner.drain(self._setup.stop_seconds)
        await self._setup.engine.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave()
        log.info("worker_stopped", worker=self.id)

    async def _register(self) -> None:
        since = self._setup.tools.clock()
        row = WorkerRow(self.id, self._setup.tools.now(), socket.gethostname(), os.getpid())
        await self._setup.workers.register(row)
        self._lease.renew(since)

    async def _leave(self) -> None:
        try:
            await self._setup.workers.remove(self.id)
        except StoreError as error:
            log.warning("worker_not_removed", error=error.code)  # others notice by its silence
        self._setup.slot.release()

    async def _look(self) -> None:
        try:
            await self._runner.watch.look()
        except StoreError:
            pass  # the next look is due in a moment
        finally:
            self._looks = None

    async def _keep_beating(self) -> None:
        is_missing = False
        while True:
            try:
                await self._beat()
                is_missing = False
            except StoreError as error:
                self._silence.forget()
                if not is_missing:  # a disk that is full for a night is one line, not 30,000
                    log.warning("beat_missed", error=error.code)
                is_missing = True
            await asyncio.sleep(self._setup.pulse.beat_seconds)

    async def _beat(self) -> None:
        since = self._setup.tools.clock()
        if await self._setup.workers.beat(self.id):
            self._lease.renew(since)
        else:
            log.warning("lease_lost", worker=self.id)
            self._lease.lose()
            self._runner.abandon()
            await self._register()
        beats = await self._setup.workers.list_beats()
        beats.pop(self.id, None)
        for worker, beat in self._silence.look(beats):
            if await self._setup.workers.remove_silent(worker, beat):
                log.warning("worker_lost", worker=worker)
                del beats[worker]
                self._woken.set()
        self._count(len(beats) + 1)

    def _count(self, living: int) -> None:
        if living != self.living and self._setup.share is not None:
            self._setup.share(1 / living)
        self.living = living

    async def _keep_sweeping(self) -> None:
        """A full sweep when woken, when the running batches or their priorities changed, and every few seconds."""
        seen: object = None
        swept_at = tidied_at = float("-inf")
        clock = self._setup.tools.clock
        while True:
            was_woken = self._woken.is_set()
            self._woken.clear()
            try:
                running = await self._setup.tools.batches.list_in_state(BatchState.RUNNING)
                found = [(batch.id, batch.priority) for batch in running]
                if was_woken or found != seen or clock() - swept_at >= self._setup.sweep_seconds:
                    is_fewer = isinstance(seen, list) and len(found) < len(seen)
                    swept_at, seen = clock(), found
                    await self._sweep()
                    if is_fewer or clock() - tidied_at >= TIDY_SECONDS:
                        tidied_at = clock()
                        await self._sweeper.tidy()
            except StoreError as error:
                log.warning("sweep_failed", error=error.code)
            except Exception as bug:  # noqa: BLE001 - a worker that sweeps no more strands chunks without a word
                log.error("sweep_failed", error=type(bug).__name__)  # noqa: TRY400 - as everywhere: no text of errors
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._setup.pulse.beat_seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _sweep(self) -> None:
        await self._sweeper.sweep()
        for chore in self._setup.chores:
            await chore()
