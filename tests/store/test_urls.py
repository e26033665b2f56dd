from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import ConfigInvalid
from service.store.urls import describe_url, get_file, parse_url


@pytest.mark.parametrize("url", ["sqlite:////data/a.db", "sqlite+aiosqlite:////data/a.db"])
def test_sqlite_urls_name_a_file(url: str) -> None:
    assert get_file(parse_url(url)) == Path("/data/a.db")


def test_relative_path_becomes_absolute() -> None:
    assert get_file(parse_url("sqlite:///a.db")) == Path.cwd() / "a.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_postgres_urls_use_psycopg(scheme: str) -> None:
    url = parse_url(f"{scheme}://me:pa%40ss@host/db")
    assert url.drivername == "postgresql+psycopg"
    assert url.password == "pa@ss"
    assert get_file(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "grader.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:a.db",
        "sqlite:////a.db?mode=ro",
        "sqlite://data/a.db",
        "mysql://me:hunter2@host/db",
        "postgresql+asyncpg://me:hunter2@host/db",
        "postgresql://me:hunter2@host:port/db",
    ],
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_description_shows_no_user_and_no_password() -> None:
    shown = describe_url(parse_url("postgresql://me:hunter2@host:5433/db?password=hunter3&sslmode=require"))
    assert shown == "The PostgreSQL database db at host:5433"
    assert describe_url(parse_url("sqlite:////data/a.db")) == "The database file /data/a.db"
    assert describe_url(parse_url("postgresql://")) == "The PostgreSQL database (default) at the local socket"
