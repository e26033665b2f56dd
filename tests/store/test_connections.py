"""SQLite connections end, also when they are stopped while they are being closed."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from service.store.connections import SqliteConnection, open_connection
from service.store.database import Database


@pytest.fixture
async def connection(tmp_path: Path) -> SqliteConnection:
    connection = open_connection(str(tmp_path / "a.db"), isolation_level=None)
    await connection
    return connection


async def test_one_that_is_stopped_while_it_is_closed_is_closed(connection: SqliteConnection) -> None:
    closing = asyncio.create_task(connection.close())
    await asyncio.sleep(0)
    connection.stop()
    async with asyncio.timeout(5):
        await closing


async def test_one_that_was_stopped_is_closed(connection: SqliteConnection) -> None:
    stopping = connection.stop()
    assert stopping is not None
    assert connection.stop() is None
    await stopping
    await connection.close()


async def test_a_task_that_is_cancelled_twice_leaves_nothing_behind(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'grader.db'}")

    async def read() -> None:
        async with database.begin_read() as connection:
            await connection.exec_driver_sql(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT sum(i) FROM n"
            )

    for turns in range(30):
        task = asyncio.create_task(read())
        await asyncio.sleep(0.001 * turns)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, left = await asyncio.wait(others, timeout=5)
        assert not left
    await database.aclose()
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 0.2)
