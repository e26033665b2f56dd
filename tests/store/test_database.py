from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text

from service.errors import ConfigInvalid, StoreError, StoreFull, StoreReadOnly, StoreUnavailable
from service.store.database import Database
from service.store.grades import GradeStore
from service.store.idempotency import Claim, IdempotencyStore
from tests.store.conftest import Clock
from tests.store.grades_factory import build_scored

NOBODY = 65534

pytestmark = pytest.mark.usefixtures("migrates_itself")


@pytest.fixture
def postgres_url(new_postgres_url: str) -> str:
    """These tests break what they use."""
    return new_postgres_url


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of a user who is not root: permissions do not bind root."""
    folder = Path(tempfile.mkdtemp(prefix="grader-user-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    shutil.rmtree(folder)


async def test_check_passes_and_connections_are_set_up(database: Database) -> None:
    await database.check()
    async with database.begin_read() as connection:
        if database.dialect == "sqlite":
            pragmas = ["journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout"]
            values = [await connection.scalar(text(f"PRAGMA {pragma}")) for pragma in pragmas]
            assert values == ["wal", 1, 1, 1, 5000]
        else:
            assert await connection.scalar(text("SHOW lock_timeout")) == "5s"


async def test_files_are_for_their_owner_only(sqlite_url: str, tmp_path: Path) -> None:
    database = await Database.open(sqlite_url)
    await GradeStore(database).save(build_scored())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").iterdir()}
    assert modes == {"grader.db": 0o600, "grader.db-wal": 0o600, "grader.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    await database.aclose()


async def test_path_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "año 100%41#&" / "gra der.db"
    database = await Database.open(f"sqlite:///{str(path).replace('%', '%25')}")
    await database.check()
    await database.aclose()
    assert path.exists()


async def test_locked_database_is_unavailable_until_it_is_free(
    impatient_store: GradeStore, lock_grades: Callable[[], Callable[[], None]]
) -> None:
    unlock = lock_grades()
    with pytest.raises(StoreUnavailable, match="locked") as caught:
        await impatient_store.save(build_scored())
    assert caught.value.retryable
    unlock()
    await impatient_store.save(build_scored())


async def test_check_notices_the_lock(
    impatient_store: GradeStore, lock_grades: Callable[[], Callable[[], None]]
) -> None:
    unlock = lock_grades()
    with pytest.raises(StoreUnavailable, match="locked"):
        await impatient_store._database.check()
    unlock()
    await impatient_store._database.check()


@pytest.mark.parametrize("replace", [False, True])
async def test_deleted_file_is_noticed_and_never_recreated(sqlite_url: str, tmp_path: Path, replace: bool) -> None:
    database = await Database.open(sqlite_url)
    store, path = GradeStore(database), tmp_path / "store" / "grader.db"
    await store.save(build_scored())
    path.rename(tmp_path / "moved")
    if replace:
        path.touch()
    for call in (store.save(build_scored()), store.list_page(limit=1), database.check()):
        with pytest.raises(StoreUnavailable, match="deleted or replaced"):
            await call
    assert path.exists() == replace
    (tmp_path / "moved").replace(path)
    await database.check()
    await database.aclose()


def set_most_pages(connection: Connection, pages: int) -> None:
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


async def test_full_database_says_so_and_recovers(sqlite_url: str) -> None:
    database = await Database.open(sqlite_url)
    store = GradeStore(database)
    async with database.begin_read() as connection:
        pages = await connection.scalar(text("PRAGMA page_count"))
    # per connection, and the pool of those that grades are written with has just one
    await database.run_write(lambda connection: set_most_pages(connection, pages + 2))
    results = await asyncio.gather(*(store.save(build_scored()) for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {StoreFull}
    await database.run_write(lambda connection: set_most_pages(connection, 1_000_000))
    grade = build_scored()
    await store.save(grade)
    assert (await store.list_page(limit=50)).grades == (grade,)
    await database.aclose()


async def test_read_only_folder_cannot_be_used(ordinary_user: Path) -> None:
    ordinary_user.chmod(0o500)
    with pytest.raises(StoreReadOnly, match="permission"):
        await Database.open(f"sqlite:///{ordinary_user}/new/grader.db")
    ordinary_user.chmod(0o700)


async def test_read_only_file_can_be_read(ordinary_user: Path) -> None:
    url, grade = f"sqlite:///{ordinary_user}/grader.db", build_scored()
    database = await Database.open(url)
    await GradeStore(database).save(grade)
    await database.aclose()
    (ordinary_user / "grader.db").chmod(0o400)
    database = await Database.open(url)
    assert await GradeStore(database).get(grade.id) == grade
    with pytest.raises(StoreReadOnly):
        await GradeStore(database).save(build_scored())
    with pytest.raises(StoreReadOnly):
        await database.check()
    await database.aclose()


async def test_read_only_server(postgres_url: str) -> None:
    await (await Database.open(postgres_url)).aclose()
    database = await Database.open(postgres_url + "%20-cdefault_transaction_read_only%3Don")
    with pytest.raises(StoreReadOnly, match="primary"):
        await database.check()
    with pytest.raises(StoreReadOnly, match="primary"):
        await GradeStore(database).save(build_scored())
    await database.aclose()


async def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, but long enough to be taken for one " * 50)
    with pytest.raises(StoreError, match="not a database") as caught:
        await Database.open(f"sqlite:///{tmp_path}/a.db")
    assert not caught.value.retryable


async def test_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await Database.open(f"sqlite:///{tmp_path}")


async def test_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable):
        await Database.open(f"sqlite:///{tmp_path}/file/a.db")


async def test_unreachable_server_shows_no_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"at 127\.0\.0\.1:1 cannot be reached") as caught:
        await Database.open("postgresql://me:hunter2@127.0.0.1:1/db")
    assert "hunter2" not in str(caught.value) + str(caught.value.__cause__)


async def test_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigInvalid, match=r"interview-grader\[postgres\]"):
        await Database.open("postgresql://host/db")


async def test_restarted_server_is_used_again_without_a_restart_here(postgres: Any, postgres_url: str) -> None:
    database = await Database.open(postgres_url)
    store, first, second = GradeStore(database), build_scored(), build_scored()
    await store.save(first)
    postgres.stop()
    for call in (store.save(second), store.get(first.id), database.check()):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await call
    postgres.ensure_postgres_running()
    await store.save(second)
    assert [await store.get(grade.id) for grade in (first, second)] == [first, second]
    await database.aclose()


async def test_connection_lost_in_a_transaction_is_unavailable_once(postgres_url: str) -> None:
    database = await Database.open(postgres_url)

    async def lose_connection() -> None:
        async with database.begin_write() as connection:
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
            await connection.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailable):
        await lose_connection()
    await database.check()
    await database.aclose()


async def test_cancelled_statements_leave_the_database_usable(database: Database, clock: Clock) -> None:
    keys = IdempotencyStore(database, clock)
    for turns in range(12):
        task = asyncio.create_task(keys.claim(f"key-{turns}", "owner", "body"))
        for _ in range(turns):
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert isinstance(await keys.claim("last", "owner", "body"), Claim)
    await database.check()


async def test_errors_do_not_show_parameters(database: Database) -> None:

    async def fail() -> None:
        async with database.begin_write() as connection:
            await connection.execute(text("SELECT :secret FROM no_such_table"), {"secret": "candidate text"})

    with pytest.raises(StoreError) as caught:
        await fail()
    assert "candidate text" not in str(caught.value) + str(caught.value.__cause__)


def test_file_is_readable_with_sqlites_own_tools(tmp_path: Path) -> None:
    """The file is a plain SQLite database in WAL mode: `sqlite3 grader.db` and its .backup work."""

    async def fill() -> None:
        database = await Database.open(f"sqlite:///{tmp_path}/a.db")
        await GradeStore(database).save(build_scored(id="one"))
        await database.aclose()

    asyncio.run(fill())
    with sqlite3.connect(tmp_path / "a.db") as connection:
        assert connection.execute("SELECT json_extract(document, '$.id') FROM grades").fetchall() == [("one",)]
    connection.close()
