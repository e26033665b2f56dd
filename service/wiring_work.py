"""Composition of a process that works on batches: a worker, a courier for webhooks, and the tidying between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.batches.worker import Worker
from service.wiring_batches import Batches
from service.wiring_courier import open_courier
from service.wiring_worker import open_worker


@asynccontextmanager
async def open_work(batches: Batches) -> AsyncIterator[Worker]:
    """A worker at work, whose batches' webhooks are delivered; raises as `open_worker` and `open_courier`."""
    async with open_courier(batches.services) as courier:
        chores = [batches.forget_broken_imports, *([courier.look] if courier else [])]
        async with open_worker(batches.services, chores) as worker:
            yield worker
