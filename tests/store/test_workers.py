"""Workers on both databases: living, silent, gone."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from service.errors import StoreUnavailable
from service.store.database import Database
from service.store.workers import WorkerRow, WorkerStore
from tests.store.grades_factory import START

ROW = WorkerRow("host-0", START, "host", 1)


async def test_a_worker_beats_until_it_is_removed(database: Database) -> None:
    store = WorkerStore(database)
    assert not await store.beat("host-0")
    await store.register(ROW)
    assert await store.beat("host-0")
    assert await store.list_beats() == {"host-0": 1}
    await store.register(ROW)  # its next process
    assert await store.list_beats() == {"host-0": 2}
    await store.remove("host-0")
    assert await store.list_beats() == {}
    assert not await store.beat("host-0")


async def test_only_a_silent_worker_is_declared_dead_and_by_one_other(database: Database) -> None:
    store = WorkerStore(database)
    await store.register(ROW)
    await store.beat("host-0")
    assert not await store.remove_silent("host-0", 0)
    assert await store.beat("host-0")
    assert [await store.remove_silent("host-0", 2) for _ in range(2)] == [True, False]
    assert not await store.beat("host-0")


FROZEN_IN_A_PIPELINE = """
import sys
import psycopg
from service.store.engines import build_postgres_arguments
from service.store.urls import parse_url
url = parse_url(sys.argv[1])
arguments = build_postgres_arguments(url)
with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), **arguments) as connection:
    with connection.pipeline(), connection.cursor() as cursor:
        cursor.execute("UPDATE workers SET beat = beat + 1")
        connection.pgconn.send_flush_request()
        connection.pgconn.flush()
        print("frozen", flush=True)
        sys.stdin.read()
"""


async def test_what_a_frozen_worker_has_locked_is_free_when_it_is_declared_dead(new_postgres_url: str) -> None:
    database = await Database.open(new_postgres_url, lock_timeout_seconds=1)
    store = WorkerStore(database)
    command = [sys.executable, "-c", FROZEN_IN_A_PIPELINE, new_postgres_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as frozen:
        try:
            await store.register(WorkerRow("frozen-0", START, socket.gethostname(), frozen.pid))
            assert frozen.stdout is not None
            assert frozen.stdout.readline() == b"frozen\n"
            with pytest.raises(StoreUnavailable):
                await store.beat("frozen-0")
            assert await store.remove_silent("frozen-0", 0)
            assert await store.list_beats() == {}
        finally:
            frozen.kill()
            await database.aclose()
