"""Whether batches get on: what runs, what stands still and why, and who works on them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service.batches.liveness import BEAT_SECONDS
from service.domain.batch import Batch, BatchState
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.workers import WorkerStore

LOOKS = 3  # a beat apart, after the first: a worker that gave none in this time is not there


@dataclass(frozen=True, slots=True)
class BatchHealth:
    """`waiting` answers are those of running batches. `silent` workers are registered and give no beat."""

    running: int
    waiting: int
    paused: tuple[Batch, ...]
    living: int
    silent: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether somebody works on what runs."""
        return not self.running or bool(self.living)

    def describe(self) -> str:
        """A sentence for each thing that there is to say, with what to do about it."""
        parts = [f"Running: {self.running:,}. Answers that wait: {self.waiting:,}. Workers alive: {self.living:,}."]
        if not self.is_well:
            parts.append("Nobody works on them: start interview-grader serve or interview-grader worker.")
        if self.silent:
            parts.append(
                f"No sign of life from {', '.join(self.silent)}; another worker takes over what they held, 12 s after "
                "it started."
            )
        parts += [_describe_pause(batch) for batch in self.paused]
        return " ".join(parts)


def _describe_pause(batch: Batch) -> str:
    reason = batch.pause_reason
    return f"{batch.id} is paused ({reason.value.replace('_', ' ')}). {reason.advice}" if reason else ""


async def look_at_batches(database: Database, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> BatchHealth:
    """How batches get on; takes up to 3 s while a worker seems to be silent. Raises a StoreError."""
    batches = BatchStore(database)
    running = await batches.list_in_state(BatchState.RUNNING)
    waiting = [(await batches.count(batch.id)).waiting for batch in running]
    workers = WorkerStore(database)
    first, living = await workers.list_beats(), set[str]()
    silent = set(first)
    for _ in range(LOOKS):
        if not silent:
            break
        await sleep(BEAT_SECONDS)
        now = await workers.list_beats()
        living |= {worker for worker, beat in now.items() if beat != first.get(worker)}
        silent = set(now) - living
    paused = await batches.list_in_state(BatchState.PAUSED)
    return BatchHealth(len(running), sum(waiting), paused, len(living), tuple(sorted(silent)))
