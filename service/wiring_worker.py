"""Composition of a batch worker: Services -> Worker. `serve` runs one in its own process, `worker` runs it alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial

from service.batches.chunk import ChunkTools
from service.batches.engine import DbosEngine, EngineSetup
from service.batches.leases import Pulse, Slot, read_clock
from service.batches.plans import Planner
from service.batches.worker import Chore, Worker, WorkerSetup, count_open_chunks
from service.store.answers import AnswerStore
from service.store.audit import AuditTrail
from service.store.batches import BatchStore
from service.store.workers import WorkerStore
from service.store.workflows import open_workflow_database
from service.wiring import Services, now
from service.wiring_models import count_at_once


@asynccontextmanager
async def open_worker(
    services: Services,
    chores: Sequence[Chore] = (),
    pulse: Pulse | None = None,
) -> AsyncIterator[Worker]:
    """A worker at work; at the end, calls in flight have GRADER_SHUTDOWN_SECONDS to finish.

    `chores` run about every 5 s, and within about 1 s of a batch that ends or pauses. Raises a StoreError; RuntimeError
    for a second worker in this process. Starting takes 1–3 s.
    """
    settings = services.settings
    slot = Slot(settings.data_dir / "workers", socket.gethostname())
    try:
        database = await asyncio.to_thread(open_workflow_database, settings.database)
    except BaseException:
        slot.release()
        raise
    batches = BatchStore(services.stores.database)
    get_caller = cache(lambda model: services.models.get_caller(model).for_bulk())
    tools = ChunkTools(
        batches=batches,
        answers=AnswerStore(services.stores.database),
        grades=services.stores.grades,
        planner=Planner(services.library.rubrics, services.library.prompts, get_caller),
        count_at_once=partial(count_at_once, settings=settings),
        clock=read_clock,
        now=now,
        trail=AuditTrail(services.stores.database, now),
    )
    open_chunks = count_open_chunks(settings.max_concurrent_calls)
    worker = Worker(
        WorkerSetup(
            slot=slot,
            workers=WorkerStore(services.stores.database),
            engine=DbosEngine(EngineSetup(database, slot.id, open_chunks)),
            tools=tools,
            stop_seconds=settings.shutdown_seconds,
            pulse=pulse or Pulse(),
            chores=chores,
            share=services.models.set_share,
        )
    )
    await worker.start()
    try:
        yield worker
    finally:
        await worker.aclose()
