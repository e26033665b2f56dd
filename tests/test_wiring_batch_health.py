"""What `doctor` says of batches: whether somebody works on what runs, and why the rest stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.batch import BatchState, PauseReason
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.workers import WorkerRow, WorkerStore
from service.wiring_batch_health import BatchHealth, look_at_batches
from tests.store.batch_factory import make_answers, make_batch
from tests.store.grades_factory import START


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/grader.db")
    yield database
    await database.aclose()


async def look(database: Database, *beating: str) -> BatchHealth:
    """While it waits, these workers beat."""

    async def sleep(_: float) -> None:
        for worker in beating:
            await WorkerStore(database).beat(worker)

    return await look_at_batches(database, sleep)


async def run_batch(database: Database) -> None:
    batches = BatchStore(database)
    await batches.create(make_batch(), [])
    await batches.add_rows("bat_1", make_answers(3))
    await batches.start("bat_1", 3, 0)


async def test_without_batches_all_is_well_and_nobody_needs_to_work(database: Database) -> None:
    health = await look(database)
    assert health.is_well
    assert health.describe() == "Running: 0. Answers that wait: 0. Workers alive: 0."


async def test_a_batch_that_nobody_works_on_is_stuck(database: Database) -> None:
    await run_batch(database)
    health = await look(database)
    assert not health.is_well
    assert "Running: 1. Answers that wait: 3. Workers alive: 0. Nobody works on them: start" in health.describe()


async def test_a_killed_worker_is_named_and_does_not_count(database: Database) -> None:
    await run_batch(database)
    for worker in ("w1", "w2"):
        await WorkerStore(database).register(WorkerRow(worker, START, "h", 1))
    assert not (await look(database)).is_well
    health = await look(database, "w2")
    assert health.is_well
    assert "Workers alive: 1. No sign of life from w1;" in health.describe()


@pytest.mark.parametrize("reason", PauseReason)
async def test_a_paused_batch_is_told_with_what_to_do(database: Database, reason: PauseReason) -> None:
    await run_batch(database)
    await BatchStore(database).change_state(
        "bat_1", [BatchState.RUNNING], BatchState.PAUSED, pause_reason=reason, pause_message="What is wrong."
    )
    health = await look(database)
    assert health.is_well
    assert f"bat_1 is paused ({reason.value.replace('_', ' ')}). {reason.advice}" in health.describe()


@pytest.mark.parametrize("reason", PauseReason)
def test_every_reason_has_advice(reason: PauseReason) -> None:
    assert reason.advice.endswith(".")
    assert len(reason.advice) > 20
