"""Connections to SQLite that can be closed whatever happens to those who wait for it."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from typing import Any

import aiosqlite

_ROWS_AT_ONCE = 64  # as aiosqlite's own


class SqliteConnection(aiosqlite.Connection):
    """Stops once.

    Of a task that is cancelled twice, SQLAlchemy stops the connection while it is being closed. aiosqlite 0.22 then
    waited for a second stop of a thread that had ended, and with it `asyncio.run` for ever: a server did not end.
    (The same at github.com/wapiti-scanner/wapiti/issues/802.)
    """

    _is_stopped = False

    def stop(self) -> asyncio.Future[Any] | None:
        if self._is_stopped:
            return None
        self._is_stopped = True
        return super().stop()

    async def close(self) -> None:
        if not self._is_stopped:
            await super().close()


def open_connection(database: str, **options: Any) -> SqliteConnection:
    """To be awaited; `options` are those of sqlite3.connect."""
    connection = SqliteConnection(partial(sqlite3.connect, database, **options), _ROWS_AT_ONCE)
    connection._thread.daemon = True
    return connection
