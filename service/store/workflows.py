"""Where the engine of durable work keeps its own tables: beside ours, and set up by us."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from service.store.engines import IDLE_TIMEOUT_SECONDS, build_postgres_arguments
from service.store.failures import describe_os_error, translate_failures
from service.store.urls import describe_url, get_file, parse_url

FILE_NAME = "workflows.db"
BUSY_SECONDS = 30
_KIND = "postgresql://our:own@engine/workflows"  # no address: only its form is checked
# Ids of batches and numbers of chunks are all it holds: nothing to overwrite when it is deleted.
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_SECONDS * 1000}", "foreign_keys=ON")


@dataclass(frozen=True, slots=True)
class WorkflowDatabase:
    """An open engine for the tables of workflows; `url` says only of what kind it is."""

    engine: Engine
    schema: str
    url: str
    place: str

    def set_rank(self, prefix: str, rank: int) -> None:
        """Gives another rank to the workflows with ids of this prefix that wait on a queue; the least goes first.

        In place and at once: DBOS 3.4 has no call for it, and to delete and queue anew a chunk that a worker takes in
        the same moment would have it graded by two.
        """
        table = "workflow_status" if self.engine.dialect.name == "sqlite" else f'"{self.schema}".workflow_status'
        statement = (
            f"UPDATE {table} SET priority = :rank WHERE status = 'ENQUEUED' AND workflow_uuid LIKE :ids ESCAPE '!'"  # noqa: S608
        )
        ids = prefix.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
        with self.engine.begin() as connection:
            connection.execute(text(statement), {"rank": rank, "ids": ids})

    def close(self) -> None:
        self.engine.dispose()


def open_workflow_database(database_url: str) -> WorkflowDatabase:
    """The file workflows.db beside an SQLite database; of PostgreSQL the same database. Blocks: call it in a thread.

    On PostgreSQL the schema is `dbos`, or `<ours>_dbos` where our tables are not in the schema `public`: two services
    that share a database would else take each other's chunks. Raises a StoreError, ConfigInvalid.
    """
    parsed = parse_url(database_url)
    place, file = describe_url(parsed), get_file(parsed)
    if file:
        return WorkflowDatabase(_create_sqlite_engine(file.with_name(FILE_NAME)), "dbos", "sqlite:///workflows", place)
    engine = create_engine(
        parsed,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args=build_postgres_arguments(parsed),
    )
    event.listens_for(engine, "connect")(_limit_idleness)
    with translate_failures(place), engine.connect() as connection:
        ours = str(connection.scalar(text("SELECT current_schema()")) or "public")
    schema = "dbos" if ours == "public" else re.sub(r"\W", "_", f"{ours}_dbos")
    return WorkflowDatabase(engine, schema, _KIND, place)


def _limit_idleness(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """A worker that froze while it took chunks kept the others from taking any: not taken over after 90 s."""
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_SECONDS * 1000}")
    cursor.close()
    connection.autocommit = False


def _create_sqlite_engine(path: Path) -> Engine:
    """DBOS sets none of this on an engine of its own: no WAL, and writers that meet fail at once."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, stat.S_IRUSR | stat.S_IWUSR))
    except OSError as error:
        raise describe_os_error(error, f"The database file {path}") from error
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = "IMMEDIATE"
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
