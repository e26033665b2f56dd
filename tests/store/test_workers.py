"""Workers on both databases: living, silent, gone."""

from __future__ import annotations

from service.store.database import Database
from service.store.workers import WorkerRow, WorkerStore
from tests.store.grades_factory import START

ROW = WorkerRow("host-0", START, "host", 1)


async def test_a_worker_beats_until_it_is_removed(database: Database) -> None:
    store = WorkerStore(database)
    assert not await store.beat("host-0")
    await store.register(ROW)
    assert await store.beat("host-0")
    assert await store.list_beats() == {"host-0": 1}
    await store.register(ROW)  # its next process
    assert await store.list_beats() == {"host-0": 2}
    await store.remove("host-0")
    assert await store.list_beats() == {}
    assert not await store.beat("host-0")


async def test_only_a_silent_worker_is_declared_dead_and_by_one_other(database: Database) -> None:
    store = WorkerStore(database)
    await store.register(ROW)
    await store.beat("host-0")
    assert not await store.remove_silent("host-0", 0)
    assert await store.beat("host-0")
    assert [await store.remove_silent("host-0", 2) for _ in range(2)] == [True, False]
    assert not await store.beat("host-0")
