from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from service.errors import ConfigInvalid, StoreError
from service.store.batch_tables import BATCHES
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.decisions import DecisionKind, DecisionStore
from service.store.migrate import VERSION_TABLE, migrate_to_head, read_revision
from tests.store.batch_factory import make_batch
from tests.store.grades_factory import START

OPEN_AND_CHECK = """
import asyncio, sys
from service.store.database import Database
async def main():
    sys.stdin.readline()
    database = await Database.open(sys.argv[1])
    await database.check()
    await database.aclose()
asyncio.run(main())
"""

pytestmark = pytest.mark.usefixtures("migrates_itself")


@pytest.fixture
def postgres_url(new_postgres_url: str) -> str:
    return new_postgres_url


async def test_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    def compare(connection: Connection) -> list[object]:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), BATCHES.metadata))

    async with database.begin_read() as connection:
        assert await connection.run_sync(compare) == []


async def test_opening_again_changes_nothing(url: str, database: Database) -> None:
    again = await Database.open(url)
    async with again.begin_read() as connection:
        assert await connection.run_sync(read_revision) == "0006"
    await again.aclose()


async def test_decisions_of_an_earlier_version_stay(url: str, database: Database) -> None:
    """The table as version 0003 had it, with a decision in it, is brought to the new form."""
    later = ("disputes", "practice_attempts", "practice_interviews", "transcription_keys", "transcriptions")
    earlier = (
        *(f"DROP TABLE {name}" for name in later),
        "DROP TABLE decisions",
        "CREATE TABLE decisions (batch_id TEXT, candidate TEXT, created_at BIGINT, decided_by TEXT, decision TEXT, "
        "reason TEXT, PRIMARY KEY (batch_id, candidate))",
        "INSERT INTO decisions VALUES ('bat_1', 'c1', 1700000000000000, 'ann', 'hold', 'Calm.')",
        "UPDATE interview_grader_schema SET version_num = '0003'",
    )
    await BatchStore(database).create(make_batch(), [])
    async with database.begin_write() as connection:
        for statement in earlier:
            await connection.execute(text(statement))
    await database.aclose()
    again = await Database.open(url)
    store = DecisionStore(again, lambda: START)
    ((person, decision),) = (await store.list_of_batch("bat_1")).items()
    assert (person, decision.place, decision.decision, decision.reason) == ("c1", 1, DecisionKind.HOLD, "Calm.")
    assert (await store.set("bat_1", "c1", 1, DecisionKind.REJECT, "bob", "r")).place == 2
    await again.aclose()


async def test_many_opened_at_once_in_one_process(url: str) -> None:
    databases = await asyncio.gather(*(Database.open(url) for _ in range(6)))
    for database in databases:
        await database.check()
        await database.aclose()


async def test_processes_migrate_at_once(url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", OPEN_AND_CHECK, url]
    pipe = asyncio.subprocess.PIPE
    children = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(3)]
    results = await asyncio.gather(*(child.communicate(b"go\n") for child in children))
    assert [(child.returncode, *result) for child, result in zip(children, results, strict=True)] == [(0, b"", b"")] * 3


async def test_newer_database_is_refused_untouched(url: str, database: Database) -> None:
    async with database.begin_write() as connection:
        await connection.execute(text("UPDATE interview_grader_schema SET version_num = '9999'"))
    before = _read_bytes(url)
    with pytest.raises(ConfigInvalid, match=r"newer interview-grader \(schema 9999"):
        await Database.open(url)
    assert _read_bytes(url) == before
    async with database.begin_read() as connection:
        assert await connection.run_sync(read_revision) == "9999"


def _read_bytes(url: str) -> bytes:
    return Path(url.removeprefix("sqlite:///")).read_bytes() if url.startswith("sqlite") else b""


async def test_failed_migration_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of another program is in the way of the last statement: the first ones are rolled back."""

    def block(connection: Connection, place: str) -> None:
        connection.execute(text("CREATE TABLE api_keys (x INTEGER)"))
        migrate_to_head(connection, place)

    monkeypatch.setattr("service.store.database.migrate_to_head", block)
    with pytest.raises(StoreError, match="failed"):
        await Database.open(url)
    monkeypatch.undo()
    database = await Database.open(url)
    await database.check()
    await database.aclose()
