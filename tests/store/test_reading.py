"""Several statements read in one go: they see what is committed, wait for no writer, and fail as a store does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from service.errors import StoreError, StoreUnavailable
from service.store.database import Database
from service.store.grades import GradeStore
from tests.store.grades_factory import build_scored


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM grades")).scalar_one())


async def test_what_is_committed_is_read(database: Database, store: GradeStore) -> None:
    assert await database.run_read(count) == 0
    await store.save(build_scored())
    assert await database.run_read(count) == 1
    assert await database.run_write(count) == 1


async def test_reading_does_not_wait_for_a_transaction(database: Database) -> None:
    async with database.begin_write() as connection:
        await connection.execute(text("DELETE FROM grades"))
        assert await asyncio.wait_for(database.run_read(count), 5) == 0


async def test_an_error_is_one_of_the_store_and_the_next_reading_works(database: Database) -> None:
    with pytest.raises(StoreError):
        await database.run_read(lambda connection: connection.execute(text("SELECT * FROM nowhere")))
    assert await database.run_read(count) == 0


async def test_many_at_once(database: Database) -> None:
    assert await asyncio.gather(*(database.run_read(count) for _ in range(50))) == [0] * 50


async def test_a_deleted_file_is_noticed(sqlite_url: str) -> None:
    database = await Database.open(sqlite_url)
    Path(sqlite_url.removeprefix("sqlite:///")).unlink()
    with pytest.raises(StoreUnavailable, match="deleted or replaced"):
        await database.run_read(count)
    await database.aclose()
