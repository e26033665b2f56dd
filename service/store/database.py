"""One database: opened, migrated, checked, closed; and the two ways to use it, reading and writing."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine, delete, false
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.errors import StoreUnavailable
from service.store.engines import BEGIN, create_bulk_engine, create_postgres_engine, create_sqlite_engine
from service.store.failures import describe_os_error, translate_failures
from service.store.migrate import is_current, migrate_to_head
from service.store.tables import GRADES
from service.store.urls import describe_url, get_file, parse_url

T = TypeVar("T")

LOCK_TIMEOUT_SECONDS = 5.0
WAL_RETRY_SECONDS = 0.02


class Database:
    """Hands out connections; every driver error leaves as a StoreError (see failures.py).

    SQLite has one writer at a time. Writers of this process queue on a lock, first come, first served; SQLite's own
    busy handler sleeps and polls, which starves some of 64 waiters. It remains for other processes.
    """

    def __init__(self, engine: AsyncEngine, place: str, file: Path | None, bulk: Engine | None) -> None:
        """Use `open`."""
        self._engine = engine
        self._bulk = bulk
        self._bulk_thread = ThreadPoolExecutor(1, "grader-store") if bulk else None
        self._read_thread = ThreadPoolExecutor(1, "grader-reads") if bulk else None
        self._reader = engine.execution_options(**({BEGIN: ""} if file else {"isolation_level": "AUTOCOMMIT"}))
        self._writer = engine.execution_options(**({BEGIN: "BEGIN IMMEDIATE"} if file else {}))
        self._write_lock = asyncio.Lock() if file else None
        self._file = file
        self._identity = _identify(file) if file else None
        self.place = place

    @classmethod
    async def open(cls, url: str, *, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> Self:
        """Opens the database at `url`, creates the SQLite file and its folder if needed, and migrates the schema.

        Several processes may do so at once. Raises ConfigInvalid (the URL, psycopg missing, a database newer than this
        code), StoreUnavailable, StoreReadOnly, StoreFull.
        """
        parsed = parse_url(url)
        place, file = describe_url(parsed), get_file(parsed)
        if file:
            _create_file(file, place)
            engine = create_sqlite_engine(file, lock_timeout_seconds)
        else:
            engine = create_postgres_engine(parsed, lock_timeout_seconds)
        database = cls(engine, place, file, create_bulk_engine(file, lock_timeout_seconds) if file else None)
        try:
            await database._migrate()
            if file:
                await database._use_wal(lock_timeout_seconds)
        except BaseException:
            await database.aclose()  # an open connection would keep its thread and a lock
            raise
        return database

    async def aclose(self) -> None:
        """Closes all connections. Close the stores that write first."""
        await self._engine.dispose()
        if self._bulk is not None and self._bulk_thread is not None and self._read_thread is not None:
            self._read_thread.shutdown()
            self._bulk_thread.shutdown()
            self._bulk.dispose()

    async def check(self) -> None:
        """Returns when the database can be reached and written now; else raises a StoreError that says why not."""
        async with self.begin_write() as connection:  # on a file that may not be written, SQLite begins without a word
            await connection.execute(delete(GRADES).where(false()))

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def begin_read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for single statements that only read: no transaction, which halves their cost."""
        with translate_failures(self.place):
            self._check_file()
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def begin_write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that holds SQLite's write lock; committed at the end, else rolled back."""
        with translate_failures(self.place):
            async with self._write_lock or nullcontext():
                self._check_file()
                async with self._writer.begin() as connection:
                    yield connection

    async def run_read(self, work: Callable[[Connection], T]) -> T:
        """What `work` makes of what it reads; on SQLite all of it in one other thread.

        For what a worker waits for: with 64 replies coming in, a turn of the event loop takes 0.1 s, and `begin_read`
        takes eight; a chunk of answers was then 0.7 s in coming.
        """
        with translate_failures(self.place):
            if self._bulk is None:
                async with self._reader.connect() as connection:
                    return await connection.run_sync(work)
            self._check_file()
            reader = self._bulk.execution_options(**{BEGIN: ""})
            return await asyncio.get_running_loop().run_in_executor(self._read_thread, _read, reader, work)

    async def run_write(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, run in one transaction that is then committed; on SQLite all in one other thread."""
        with translate_failures(self.place):
            if self._bulk is None or self._write_lock is None:
                async with self._writer.begin() as connection:
                    return await connection.run_sync(work)
            async with self._write_lock:
                self._check_file()
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._bulk_thread, _run_in_transaction, self._bulk, work)

    async def forget_deleted(self) -> None:
        """Empties SQLite's write-ahead log, in which deleted text stays readable. PostgreSQL vacuums by itself.

        Another process that reads just then keeps the log alive; it is overwritten by later commits.
        """
        if self._write_lock is None:
            return
        async with self._write_lock, self.begin_read() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _migrate(self) -> None:
        async with self.begin_read() as connection:
            if await connection.run_sync(is_current, self.place):
                return  # without a lock: a database that may only be read, or is being written, can be opened
        async with self.begin_write() as connection:
            await connection.run_sync(migrate_to_head, self.place)

    async def _use_wal(self, timeout_seconds: float) -> None:
        """Write-ahead logging: readers and the writer do not wait for each other. The file remembers it.

        The busy timeout does not cover this switch (two processes that both read and then want to write fail at once
        with SQLITE_BUSY), so it is tried again here.
        """
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            try:
                async with self.begin_read() as connection:
                    await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                break
            except StoreUnavailable:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(WAL_RETRY_SECONDS)

    def _check_file(self) -> None:
        """Raises StoreUnavailable when the file was deleted or replaced.

        Linux lets a process write to a deleted file: without this check grades are "stored" and lost without an error.
        """
        if self._file and _identify(self._file) != self._identity:
            raise StoreUnavailable(
                f"{self.place} was deleted or replaced while in use. Put it back, or restart interview-grader."
            )


def _run_in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


def _read(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        return work(connection)


def _create_file(path: Path, place: str) -> None:
    """An empty file that only its owner can read, since it will hold personal data; its log files inherit the mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
        # Opened here first: a path that SQLite cannot open leaves a thread of aiosqlite behind that outlives the loop.
        flags = os.O_RDONLY if path.is_file() else os.O_CREAT | os.O_RDWR
        os.close(os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR))
    except OSError as error:
        raise describe_os_error(error, place) from error


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
