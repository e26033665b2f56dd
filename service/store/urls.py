"""Database URLs: what people write, what the drivers want, and what may be shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from service.errors import ConfigInvalid

SQLITE_DRIVERS = frozenset({"sqlite", "sqlite+aiosqlite"})
POSTGRES_DRIVERS = frozenset({"postgresql", "postgresql+psycopg", "postgres"})
EXAMPLES = "sqlite:////var/lib/grader/grader.db or postgresql://user:password@host:5432/database"


def parse_url(text: str) -> URL:
    """The URL with the driver that is used here.

    Raises ConfigInvalid. The message never repeats the URL: a URL with a slip in it still holds the password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise ConfigInvalid(f"The database URL cannot be read. Write it like {EXAMPLES}.") from None
    if url.drivername in SQLITE_DRIVERS:
        return _parse_sqlite(url)
    if url.drivername in POSTGRES_DRIVERS:
        return url.set(drivername="postgresql+psycopg")
    raise ConfigInvalid(f"The database {url.drivername!r} is not supported. Write the URL like {EXAMPLES}.")


def _parse_sqlite(url: URL) -> URL:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigInvalid(f"The SQLite URL must name a file. Write it like {EXAMPLES}.")
    if url.query or url.host:
        raise ConfigInvalid("The SQLite URL takes a path and nothing else; an absolute path needs four slashes.")
    return URL.create("sqlite+aiosqlite", database=str(Path(url.database).expanduser().absolute()))


def get_file(url: URL) -> Path | None:
    """The file of a parsed SQLite URL, None for PostgreSQL."""
    return Path(url.database or "") if url.drivername.startswith("sqlite") else None


def build_existing_file_url(path: Path) -> URL:
    """Opens the file and never creates it: a pool that grows after a deletion would else start an empty database."""
    return URL.create("sqlite+aiosqlite", database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})


def describe_url(url: URL) -> str:
    """For messages: no user, no password, and no options, since libpq takes passwords there as well."""
    if url.drivername.startswith("sqlite"):
        return f"The database file {url.database}"
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"The PostgreSQL database {url.database or '(default)'} at {host}{port}"
