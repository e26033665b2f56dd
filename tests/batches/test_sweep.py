"""The sweep, on real tables, with an engine that only remembers what it was told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service.batches.engine import RunChunk, Work
from service.batches.sweep import LEFT_SECONDS, Sweeper
from service.domain.batch import BatchState
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.workers import WorkerRow, WorkerStore
from tests.store.batch_factory import make_answers, make_batch
from tests.store.grades_factory import START


@dataclass
class ToldEngine:
    """Holds `works`; keeps what it is asked to queue, hand out again, reorder and forget."""

    works: list[Work] = field(default_factory=list)
    queued: list[tuple[int, tuple[int, ...], int]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    reordered: list[tuple[str, int]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    async def start(self, run: RunChunk) -> None: ...

    async def enqueue(self, batch_id: str, of_round: int, chunks: Iterable[int], priority: int) -> None:
        self.queued.append((of_round, tuple(chunks), priority))

    async def reorder(self, batch_id: str, priority: int) -> None:
        self.reordered.append((batch_id, priority))

    async def list_work(self, batch_id: str | None = None) -> Sequence[Work]:
        return [work for work in self.works if batch_id in (None, work.batch_id)]

    async def list_running(self) -> Sequence[Work]:
        return [work for work in self.works if work.is_running]

    async def resume(self, orphans: Sequence[Work]) -> None:
        self.resumed += [work.id for work in orphans]

    async def forget(self, over: Sequence[Work]) -> None:
        self.forgotten += [work.id for work in over]

    async def stop(self) -> None: ...


@dataclass
class Ground:
    """A worker `w1` that sweeps; `open` are the chunks it is at."""

    engine: ToldEngine
    batches: BatchStore
    workers: WorkerStore
    sweeper: Sweeper
    open: set[int] = field(default_factory=set)
    seconds: float = 0.0
    finished: list[str] = field(default_factory=list)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    """A running batch of three chunks with priority 2, all of which wait."""
    database = await Database.open(f"sqlite:///{tmp_path}/grader.db")
    batches, workers, engine = BatchStore(database), WorkerStore(database), ToldEngine()
    await batches.create(make_batch(priority=2), [])
    await batches.add_rows("bat_1", make_answers(150))
    await batches.start("bat_1", 150, 0)
    await workers.register(WorkerRow("w1", START, "h", 1))

    async def finish(batch_id: str) -> None:
        made.finished.append(batch_id)

    sweeper = Sweeper("w1", batches, workers, engine, finish, lambda _, chunk: chunk in made.open, lambda: made.seconds)
    made = Ground(engine, batches, workers, sweeper)
    yield made
    await database.aclose()


def make_work(chunk: int, worker: str | None = None, *, is_live: bool = True, priority: int = 2) -> Work:
    return Work(f"bat_1:{chunk}:0", "bat_1", chunk, 0, is_live, worker is not None and is_live, worker, priority)


async def test_what_waits_and_is_nowhere_is_queued(ground: Ground) -> None:
    ground.engine.works = [make_work(1)]
    await ground.sweeper.sweep()
    assert ground.engine.queued == [(0, (0, 2), 2)]


async def test_a_chunk_that_ended_early_is_queued_in_another_round(ground: Ground) -> None:
    ground.engine.works = [make_work(0, "w1", is_live=False), make_work(1), make_work(2)]
    await ground.sweeper.sweep()
    assert ground.engine.queued == [(1, (0,), 2)]
    assert (await ground.batches.get("bat_1")).round == 1


async def test_a_batch_that_does_not_run_is_left_alone(ground: Ground) -> None:
    await ground.batches.change_state("bat_1", [BatchState.RUNNING], BatchState.PAUSED)
    ground.engine.works = [make_work(0, "w1", is_live=False), make_work(1)]
    await ground.sweeper.sweep()
    assert ground.engine.queued == []
    await ground.sweeper.tidy()
    assert ground.engine.forgotten == ["bat_1:0:0"]


async def test_what_a_dead_worker_held_is_handed_out_by_the_first_of_the_living(ground: Ground) -> None:
    ground.open = {1}
    ground.engine.works = [make_work(0, "gone"), make_work(1, "w1"), make_work(2)]
    await ground.workers.register(WorkerRow("w0", START, "h", 2))
    await ground.sweeper.sweep()
    assert ground.engine.resumed == []
    await ground.workers.remove("w0")
    await ground.sweeper.sweep()
    assert ground.engine.resumed == ["bat_1:0:0"]


async def test_what_the_engine_takes_for_ours_and_nobody_is_at_is_handed_out_again(ground: Ground) -> None:
    ground.open = {1}
    ground.engine.works = [make_work(0, "w1"), make_work(1, "w1"), make_work(2)]
    for seconds, resumed in ((0.0, []), (LEFT_SECONDS - 1, []), (LEFT_SECONDS, ["bat_1:0:0"])):  # three looks
        ground.seconds = seconds
        await ground.sweeper.sweep()
        assert ground.engine.resumed == resumed


async def test_a_process_that_was_frozen_hands_out_nothing_of_its_own(ground: Ground) -> None:
    ground.engine.works = [make_work(chunk, "w1") for chunk in range(3)]
    for seconds in (0.0, 3600.0):
        ground.seconds = seconds
        await ground.sweeper.sweep()
    assert ground.engine.resumed == []


async def test_a_chunk_just_taken_or_just_ended_is_not(ground: Ground) -> None:
    ground.engine.works = [make_work(chunk, "w1") for chunk in range(3)]
    for turn in range(10):  # each is missing for a moment, none for long
        ground.open = {chunk for chunk in range(3) if chunk != turn % 3}
        ground.seconds += 5
        await ground.sweeper.sweep()
    assert ground.engine.resumed == []


async def test_another_priority_reaches_the_chunks_that_wait(ground: Ground) -> None:
    ground.open = {0}
    ground.engine.works = [make_work(0, "w1"), make_work(1), make_work(2)]
    await ground.sweeper.sweep()
    assert ground.engine.reordered == []
    await ground.batches.set_values("bat_1", priority=9)
    await ground.sweeper.sweep()
    assert ground.engine.reordered == [("bat_1", 9)]
    ground.engine.works = [make_work(0, "w1"), *(make_work(chunk, priority=9) for chunk in (1, 2))]
    await ground.sweeper.sweep()
    assert len(ground.engine.reordered) == 1
