"""A PostgreSQL server that a test may stop, with a database that is empty at the start of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.batches.crash.postgres import Postgres, run_postgres


@pytest.fixture(scope="module")
def crash_server() -> Iterator[Postgres]:
    with run_postgres() as server:
        yield server


@pytest.fixture
def crash_postgres(crash_server: Postgres, request: pytest.FixtureRequest) -> Postgres:
    crash_server.recreate(request.node.name)
    return crash_server
