"""Sessions on PostgreSQL, named after their process: so the living can end those of one that froze.

A frozen process keeps its sessions and the rows they have locked. `idle_in_transaction_session_timeout` ends most of
them, but none whose client froze within a pipeline, as psycopg's executemany opens one: PostgreSQL does not take it for
idle. A worker that froze there kept the last rows of a batch from everybody for the 180 s that a test waited.
"""

from __future__ import annotations

import os
import socket

from sqlalchemy import Connection, text

_LONGEST_NAME = 63  # bytes; PostgreSQL cuts the rest off, and pg_stat_activity shows what is left
_END = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE application_name = :name AND datname = current_database() AND usename = current_user"
)


def name_session(host: str, process: int) -> str:
    """The `application_name` of what this process has open."""
    return f"interview-grader {process} {host}"[:_LONGEST_NAME]


def name_own_session() -> str:
    """As `name_session`, of this process."""
    return name_session(socket.gethostname(), os.getpid())


def end_sessions(connection: Connection, host: str, process: int) -> int:
    """Ends what another process has open in this database, and returns how many sessions that were.

    None on SQLite, whose locks are the process's own; none where another container goes by the same host name and
    process id; none where GRADER_DATABASE_URL sets an `application_name`.
    """
    name = name_session(host, process)
    if connection.dialect.name != "postgresql" or name == name_own_session():
        return 0
    ended: int = connection.execute(_END, {"name": name}).scalar_one()
    return ended
