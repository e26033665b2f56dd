"""Workers are killed, frozen and cut off in mid-work, on both databases: nothing is lost, nothing is stored twice.

The short form runs in CI. `CRASH_KILLS=50` is the long one; its figures are in the notes.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from service.config import Settings
from service.domain.batch import BatchState, Counts
from service.store.answers import AnswerStore
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.tables import GRADES
from service.wiring import open_services
from tests.batches.rig import (
    IN_FLIGHT,
    FaultyProvider,
    WorkerProcess,
    make_settings,
    run_faulty_provider,
    start_batch,
    wait_until,
)

KILLS = int(os.environ.get("CRASH_KILLS", "6"))
ANSWERS_A_KILL = 150
Result = dict[int, tuple[Any, ...]]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + 30 * KILLS)]


async def fill(settings: Settings, count: int) -> None:
    async with open_services(settings) as services:
        await start_batch(services, count)


async def read_result(settings: Settings) -> tuple[Result, Counts, int, BatchState]:
    """Level and overall by number, counts, how many grades the store holds, and the batch's state."""
    database = await Database.open(settings.database)
    try:
        rows = {
            row.number: (row.result.state, row.result.overall, dict(row.result.levels))
            async for row in AnswerStore(database).iterate("bat_1")
        }
        async with database.begin_read() as connection:
            stored = int(await connection.scalar(select(func.count()).select_from(GRADES)) or 0)
        batches = BatchStore(database)
        return rows, await batches.count("bat_1"), stored, (await batches.get("bat_1")).state
    finally:
        await database.aclose()


def expect(count: int) -> dict[int, float]:
    """The overall of each answer in an undisturbed run: the provider's level for its number."""
    return {number: float(1 + number % 5) for number in range(count)}


def check(settings: Settings, provider: FaultyProvider, count: int, disturbances: int) -> None:
    rows, counts, stored, state = asyncio.run(read_result(settings))
    assert state is BatchState.FINISHED
    assert (counts.scored, counts.total, stored) == (count, count, count)
    assert {number: row[1] for number, row in rows.items()} == expect(count)
    repeated = provider.calls - provider.failed - count
    print(f"answers {count}, disturbances {disturbances}, calls {provider.calls}, repeated {repeated}")
    assert repeated <= IN_FLIGHT * disturbances


def is_finished(settings: Settings) -> Callable[[], bool]:
    async def look() -> bool:
        database = await Database.open(settings.database)
        try:
            return (await BatchStore(database).get("bat_1")).state is BatchState.FINISHED
        finally:
            await database.aclose()

    def finished() -> bool:
        time.sleep(0.3)
        return asyncio.run(look())

    return finished


def is_ready(log: Path) -> bool:
    return b"READY" in log.read_bytes()


def wait_for_calls(provider: FaultyProvider, more: int) -> None:
    before = provider.calls
    wait_until(lambda: provider.calls >= before + more, 60, f"{more} more calls")


def test_sqlite_survives_kills(tmp_path: Path) -> None:
    count, draws = ANSWERS_A_KILL * KILLS, random.Random(1)
    with run_faulty_provider(tmp_path, fault_share=0.2) as provider:
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(fill(settings, count))
        for _ in range(KILLS):
            worker = WorkerProcess(settings, tmp_path / "log")
            wait_for_calls(provider, draws.randrange(1, 130))
            worker.kill()
        worker = WorkerProcess(settings, tmp_path / "log")
        try:
            wait_until(is_finished(settings), 90, "not finished")
        finally:
            worker.stop()
        check(settings, provider, count, KILLS)


def test_postgres_survives_kills_of_either_worker(tmp_path: Path, crash_postgres: Any) -> None:
    count, draws = ANSWERS_A_KILL * KILLS, random.Random(2)
    with run_faulty_provider(tmp_path, fault_share=0.2) as provider:
        settings = make_settings(tmp_path, provider.base_url, crash_postgres.get_uri())
        asyncio.run(fill(settings, count))
        workers = [WorkerProcess(settings, tmp_path / f"log{n}") for n in range(2)]
        try:
            for number in range(KILLS):
                wait_for_calls(provider, draws.randrange(1, 130))
                one = number % 2
                workers[one].kill()
                workers[one] = WorkerProcess(settings, tmp_path / f"log{one}")
            wait_until(is_finished(settings), 90, "not finished")
        finally:
            for worker in workers:
                worker.stop()
        check(settings, provider, count, KILLS)


def test_a_frozen_worker_is_taken_over_and_pays_for_nothing_more(tmp_path: Path, crash_postgres: Any) -> None:
    count = 600
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url, crash_postgres.get_uri())
        asyncio.run(fill(settings, count))
        workers = [WorkerProcess(settings, tmp_path / f"log{n}") for n in range(2)]
        try:
            for number in range(2):
                wait_until(partial(is_ready, tmp_path / f"log{number}"), 60, "not ready")
            wait_for_calls(provider, 100)
            workers[0].freeze()
            # 12 s until its silence is noticed, 30 s until PostgreSQL ends a transaction that it froze in, and the work
            wait_until(is_finished(settings), 180, "not taken over")
            workers[0].thaw()
        finally:
            for worker in workers:
                worker.stop()
        # A turn ends with the reply: besides the calls in flight, those being stored are asked again by others.
        check(settings, provider, count, 2)


def test_postgres_is_restarted_in_mid_run(tmp_path: Path, crash_postgres: Any) -> None:
    count = 500
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url, crash_postgres.get_uri())
        asyncio.run(fill(settings, count))
        worker = WorkerProcess(settings, tmp_path / "log")
        try:
            wait_for_calls(provider, 100)
            crash_postgres.restart()
            wait_until(is_finished(settings), 90, "not finished")
        finally:
            worker.stop()
        check(settings, provider, count, 0)
