"""What became of the batch `bat_1`, read from the database by a process that does not work on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from service.batches.export.content import Kind, View
from service.config import Settings
from service.domain.batch import Batch, BatchState, Counts
from service.store.answers import AnswerStore
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.tables import GRADES
from service.wiring import open_services
from service.wiring_batches import open_batches
from tests.batches.rig import (
    IN_FLIGHT,
    FaultyProvider,
    WorkerProcess,
    make_settings,
    run_faulty_provider,
    start_batch,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.store.audit import AuditEntry

Exports = dict[tuple[Kind, View], bytes]
# Without ids and times, which are left out by default, these files depend on the answers and the grader alone.
EXPORTED = [(kind, view) for kind in (Kind.CSV, Kind.JSONL) for view in (View.ANSWERS, View.PEOPLE, View.QUESTIONS)]


@dataclass(frozen=True)
class Found:
    """`overall` by number; `stored` is how many grades the store holds."""

    batch: Batch
    counts: Counts
    stored: int
    overall: Mapping[int, float | None]


async def fill(settings: Settings, count: int) -> None:
    async with open_services(settings) as services:
        await start_batch(services, count)


async def _look(settings: Settings) -> Found:
    database = await Database.open(settings.database)
    try:
        overall = {row.number: row.result.overall async for row in AnswerStore(database).iterate("bat_1")}
        async with database.begin_read() as connection:
            stored = int(await connection.scalar(select(func.count()).select_from(GRADES)) or 0)
        batches = BatchStore(database)
        return Found(await batches.get("bat_1"), await batches.count("bat_1"), stored, overall)
    finally:
        await database.aclose()


def look(settings: Settings) -> Found:
    return asyncio.run(_look(settings))


async def _read_state(settings: Settings) -> BatchState:
    database = await Database.open(settings.database)
    try:
        return (await BatchStore(database).get("bat_1")).state
    finally:
        await database.aclose()


def is_in(settings: Settings, *states: BatchState) -> Callable[[], bool]:
    """Whether the batch has come into one of these states; looks a few times a second."""

    def look_once() -> bool:
        time.sleep(0.3)
        return asyncio.run(_read_state(settings)) in states

    return look_once


def is_finished(settings: Settings) -> Callable[[], bool]:
    return is_in(settings, BatchState.FINISHED)


def is_ready(log: Path) -> bool:
    return b"READY" in log.read_bytes()


def wait_for_calls(provider: FaultyProvider, more: int) -> None:
    before = provider.calls
    wait_until(lambda: provider.calls >= before + more, 60, f"{more} more calls")


def wait_for_good_calls(provider: FaultyProvider, more: int) -> None:
    before = provider.calls - provider.failed
    wait_until(lambda: provider.calls - provider.failed >= before + more, 60, f"{more} more good calls")


def expect(count: int) -> dict[int, float]:
    """The overall of each answer in an undisturbed run: the provider's level for its number."""
    return {number: float(1 + number % 5) for number in range(count)}


def check(settings: Settings, provider: FaultyProvider, count: int, disturbances: int) -> None:
    """Nothing lost, nothing graded twice, of each disturbance at most what was in flight asked again."""
    found = look(settings)
    assert found.batch.state is BatchState.FINISHED
    assert (found.counts.scored, found.counts.total, found.stored) == (count, count, count)
    assert found.overall == expect(count)
    repeated = provider.calls - provider.failed - count
    print(f"answers {count}, disturbances {disturbances}, calls {provider.calls}, repeated {repeated}")
    assert repeated <= IN_FLIGHT * disturbances
    asyncio.run(_check_trail(settings))


async def _check_trail(settings: Settings) -> None:
    async with open_services(settings) as services, open_batches(services) as batches:
        assert (await batches.results.audit.verify()).is_intact


async def _list_trail(settings: Settings) -> tuple[AuditEntry, ...]:
    async with open_services(settings) as services, open_batches(services) as batches:
        return await batches.results.audit.list_page(subject="bat_1")


def list_trail(settings: Settings) -> tuple[AuditEntry, ...]:
    """What the audit trail says of the batch, oldest first."""
    return asyncio.run(_list_trail(settings))[::-1]


async def _export(settings: Settings) -> Exports:
    async with open_services(settings) as services, open_batches(services) as batches:
        return {
            (kind, view): b"".join([piece async for piece in batches.results.export("bat_1", kind, view)])
            for kind, view in EXPORTED
        }


@cache
def export_undisturbed(count: int) -> Exports:
    """The exports of a run that nothing disturbs, on SQLite. A run for each `count`."""
    with TemporaryDirectory() as name, run_faulty_provider(Path(name)) as provider:
        settings = make_settings(Path(name), provider.base_url)
        asyncio.run(fill(settings, count))
        worker = WorkerProcess(settings, Path(name) / "log")
        try:
            wait_until(is_finished(settings), 60 + count / 40, "not finished undisturbed")
        finally:
            worker.stop()
        check(settings, provider, count, 0)
        return asyncio.run(_export(settings))


def check_exports(settings: Settings, count: int) -> None:
    """Every export is the same to the byte as that of an undisturbed run."""
    found, expected = asyncio.run(_export(settings)), export_undisturbed(count)
    assert [key for key in EXPORTED if found[key] != expected[key]] == []
    assert found[Kind.JSONL, View.ANSWERS].count(b"\n") == count
