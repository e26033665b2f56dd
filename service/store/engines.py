"""Engines: how connections to SQLite and PostgreSQL are opened and set up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from service.errors import ConfigInvalid
from service.store.connections import open_connection
from service.store.sessions import name_own_session
from service.store.urls import build_existing_file_url

BEGIN = "sqlite_begin"  # execution option: the statement that opens a transaction on SQLite, "" for none
CONNECT_TIMEOUT_SECONDS = 5
POOL_TIMEOUT_SECONDS = 10
IDLE_TIMEOUT_SECONDS = 30  # in a transaction: a frozen process would hold its row locks for ever

# synchronous=NORMAL: in WAL mode it syncs at checkpoints instead of at every commit. A crash of this process loses
# nothing; a power cut may lose the last commits, never the consistency, and those answers can be graded again.
# secure_delete: a deleted answer is overwritten with zeros instead of lingering in free pages.
PRAGMAS = "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"


def create_sqlite_engine(path: Path, lock_timeout_seconds: float) -> AsyncEngine:
    """An engine for an existing file, whose transactions start as the option BEGIN says.

    Python's driver would begin them by itself, deferred; then a transaction that reads before it writes fails at once
    with "locked", whatever the busy timeout, when another one wrote in between.
    """
    engine = create_async_engine(
        build_existing_file_url(path),
        hide_parameters=True,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args={
            "isolation_level": None,
            "timeout": lock_timeout_seconds,
            "async_creator_fn": open_connection,
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.run_async(lambda driver: driver.executescript(PRAGMAS))

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        if statement := connection.get_execution_options().get(BEGIN, "BEGIN"):
            connection.exec_driver_sql(statement)

    return engine


def create_bulk_engine(path: Path, lock_timeout_seconds: float) -> Engine:
    """A plain engine for the same file, for whole transactions in one hand-over to a thread.

    Through the asynchronous driver each statement takes three hand-overs. With a busy event loop, that a thread shares
    Python's lock with, a transaction then took 100 ms, and 64 graders spent most of their time waiting for it.
    """
    engine = create_engine(
        build_existing_file_url(path).set(drivername="sqlite"),
        hide_parameters=True,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args={"isolation_level": None, "timeout": lock_timeout_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in filter(str.strip, PRAGMAS.split(";")):
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if statement := connection.get_execution_options().get(BEGIN, "BEGIN IMMEDIATE"):
            connection.exec_driver_sql(statement)

    return engine


def create_postgres_engine(url: URL, lock_timeout_seconds: float) -> AsyncEngine:
    """Raises ConfigInvalid when psycopg is not installed. `pool_pre_ping` replaces connections lost to a restart."""
    try:
        engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            connect_args=build_postgres_arguments(url),
        )
    except ImportError:
        raise ConfigInvalid(
            "PostgreSQL needs the package psycopg. Install it: pip install 'interview-grader[postgres]'."
        ) from None

    @event.listens_for(engine.sync_engine, "connect")
    def set_lock_timeout(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {round(lock_timeout_seconds * 1000)}")  # milliseconds
        cursor.execute(f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_SECONDS * 1000}")
        cursor.close()
        connection.autocommit = False

    return engine


def build_postgres_arguments(url: URL) -> dict[str, Any]:
    """What each connection is opened with, unless the URL says otherwise."""
    defaults: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": name_own_session()}
    return {name: value for name, value in defaults.items() if name not in url.query}
