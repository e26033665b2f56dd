"""What the drivers raise -> the project's errors, for both databases, here and nowhere else.

locked, gone, restarting, unreachable  -> StoreUnavailable (retryable)
may not be written                     -> StoreReadOnly
no space                               -> StoreFull
text that the database cannot hold     -> InputError
all else                               -> StoreError
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import GraderError, InputError, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

_LOCKED = " is locked by another process. Ask again; if it stays locked, close what else has it open."
_UNREACHABLE = " cannot be reached ({code}). Check that it runs and that GRADER_DATABASE_URL is right; then ask again."
_UNOPENABLE = " cannot be opened ({code}). Check the path in GRADER_DATABASE_URL, its folder and the disk."
_READ_ONLY = " may not be written ({code}). Give this user write permission on the file and its folder."
_READ_ONLY_SERVER = " is read-only ({code}). Point GRADER_DATABASE_URL at the primary server."
_FULL = " has no space left ({code}). Free disk space or raise its quota; nothing was stored."
_BUSY_POOL = " is busy: no connection became free in time. Ask again."
_CONSTRAINT = " refused a row ({code}): one with the same id is stored already."
_UNSTORABLE = " cannot hold this text ({code}). Remove NUL characters and lone surrogates."
_NO_DATABASE = " is not a database of interview-grader or is damaged ({code}). Restore a backup or choose another file."
_OTHER = " failed ({code}). Run 'interview-grader doctor'."

_SQLITE: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreUnavailable, _LOCKED),
    sqlite3.SQLITE_LOCKED: (StoreUnavailable, _LOCKED),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, _UNOPENABLE),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, _UNOPENABLE),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, _READ_ONLY),
    sqlite3.SQLITE_PERM: (StoreReadOnly, _READ_ONLY),
    sqlite3.SQLITE_FULL: (StoreFull, _FULL),
    sqlite3.SQLITE_CORRUPT: (StoreError, _NO_DATABASE),
    sqlite3.SQLITE_NOTADB: (StoreError, _NO_DATABASE),
}
_POSTGRES: dict[str, tuple[type[StoreError], str]] = {
    "53100": (StoreFull, _FULL),
    "25006": (StoreReadOnly, _READ_ONLY_SERVER),
    "55P03": (StoreUnavailable, _LOCKED),  # lock_timeout ran out
    "40P01": (StoreUnavailable, _LOCKED),  # deadlock
    "40001": (StoreUnavailable, _LOCKED),  # serialisation
}
_POSTGRES_GONE = ("08", "53", "57P")  # connection lost; too many connections, no memory; shutting down, starting


@contextmanager
def translate_failures(place: str) -> Iterator[None]:
    """Turns what a driver raises inside into the project's errors; `place` opens the message ("The database …")."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        # The chain is cut: PostgreSQL's detail ("Failing row contains …") is the candidate's text.
        raise describe_failure(error, place) from None
    except DBAPIError as error:
        raise describe_failure(error, place) from error
    except PoolTimeout as error:
        raise StoreUnavailable(place + _BUSY_POOL) from error
    except UnicodeEncodeError:
        raise InputError(place + _UNSTORABLE.format(code="lone surrogate")) from None


def describe_failure(error: DBAPIError, place: str) -> GraderError:
    """The project's error for a driver's."""
    code = _get_code(error.orig)
    if isinstance(error, IntegrityError):
        return StoreError(place + _CONSTRAINT.format(code=code))
    if isinstance(error, DataError):
        return InputError(place + _UNSTORABLE.format(code=code))
    kind, text = _classify_sqlite(error.orig) if isinstance(error.orig, sqlite3.Error) else _classify_postgres(error)
    return kind(place + text.format(code=code))


def describe_os_error(error: OSError, place: str) -> StoreError:
    """The project's error when the file or folder of SQLite cannot be made."""
    code = errno.errorcode.get(error.errno or 0, "OSError")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreReadOnly(place + _READ_ONLY.format(code=code))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(place + _FULL.format(code=code))
    return StoreUnavailable(place + _UNOPENABLE.format(code=code))


def _get_code(error: BaseException | None) -> str:
    name = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return name or type(error).__name__


def _classify_sqlite(error: sqlite3.Error) -> tuple[type[StoreError], str]:
    code: int | None = getattr(error, "sqlite_errorcode", None)  # absent when the module itself raised
    if code is None:
        return StoreUnavailable, _UNOPENABLE
    return _SQLITE.get(code & 0xFF, (StoreError, _OTHER))  # the high bits are the extended code


def _classify_postgres(error: DBAPIError) -> tuple[type[StoreError], str]:
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state in _POSTGRES:
        return _POSTGRES[state]
    # libpq gives no state to a connection that could not be made or broke
    if state is None or state.startswith(_POSTGRES_GONE) or error.connection_invalidated:
        return StoreUnavailable, _UNREACHABLE
    return StoreError, _OTHER
