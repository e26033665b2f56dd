"""DBOS as we use it, on both databases."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event

from service.batches.engine import DbosEngine, EngineSetup
from service.store.workflows import open_workflow_database
from tests.batches.crash.conftest import crash_postgres, crash_server
from tests.batches.crash.postgres import Postgres

__all__ = ["crash_postgres", "crash_server"]

pytestmark = pytest.mark.slow


async def run_in_order(url: str) -> list[str]:
    """The order in which one worker with one place gets the chunks of two batches, the second made urgent late."""
    database = await asyncio.to_thread(open_workflow_database, url)
    engine = DbosEngine(EngineSetup(database, "w1", open_chunks=1, poll_seconds=0.05))
    taken: list[str] = []
    began, may_end, all_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(batch_id: str, chunk: int) -> None:
        taken.append(f"{batch_id}:{chunk}")
        began.set()
        await may_end.wait()
        if len(taken) == 6:
            all_ended.set()

    await engine.start(run)
    try:
        await engine.enqueue("bat_a", 0, range(3), priority=0)
        await asyncio.wait_for(began.wait(), 30)
        await engine.enqueue("bat_xa", 0, range(3), priority=0)
        await engine.reorder("bat_xa", 9)
        assert {work.priority for work in await engine.list_work("bat_xa")} == {9}
        assert {work.priority for work in await engine.list_work("bat_a")} == {0}
        may_end.set()
        await asyncio.wait_for(all_ended.wait(), 30)
    finally:
        await engine.stop()
    return taken


URGENT_LATE = ["bat_a:0", "bat_xa:0", "bat_xa:1", "bat_xa:2", "bat_a:1", "bat_a:2"]


async def test_an_urgent_batch_overtakes_on_sqlite(tmp_path: Path) -> None:
    assert await run_in_order(f"sqlite:///{tmp_path}/grader.db") == URGENT_LATE


async def test_an_urgent_batch_overtakes_on_postgres(crash_postgres: Postgres) -> None:
    assert await run_in_order(crash_postgres.get_uri()) == URGENT_LATE


async def test_a_chunk_whose_end_could_not_be_written_stays_ours_until_it_is_handed_out_again(tmp_path: Path) -> None:
    """What the sweep mends after a disk was full."""
    database = await asyncio.to_thread(open_workflow_database, f"sqlite:///{tmp_path}/grader.db")
    engine = DbosEngine(EngineSetup(database, "w1", open_chunks=1, poll_seconds=0.05))
    runs: asyncio.Queue[int] = asyncio.Queue()
    is_full, refused = False, asyncio.Event()
    loop = asyncio.get_running_loop()

    @event.listens_for(database.engine, "before_cursor_execute")
    def refuse(connection: object, cursor: object, statement: str, *_: object) -> None:
        if is_full and statement.startswith("UPDATE"):
            loop.call_soon_threadsafe(refused.set)
            raise sqlite3.OperationalError("database or disk is full")

    async def run(batch_id: str, chunk: int) -> None:
        nonlocal is_full
        is_full = runs.empty() and not refused.is_set()
        await runs.put(chunk)

    await engine.start(run)
    try:
        await engine.enqueue("bat_a", 0, [0], priority=0)
        assert await asyncio.wait_for(runs.get(), 30) == 0
        await asyncio.wait_for(refused.wait(), 30)
        await asyncio.sleep(1)  # the note of the failure is refused as well
        is_full = False
        await asyncio.sleep(1)  # as long as it would take if somebody tried again
        held = await engine.list_running()
        assert [(work.id, work.worker) for work in held] == [("bat_a:0:0", "w1")]
        await engine.resume(held)
        assert await asyncio.wait_for(runs.get(), 30) == 0
    finally:
        await engine.stop()
