"""A real server process: listens, stops without losing an answer, refuses what cannot work."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from threading import Event
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from service.api.server import build_address, explain_refusal, listen, run_server
from service.config import Settings
from service.errors import ConfigInvalid
from tests.api.support import BODY, parse_events
from tests.factories import make_reply_text
from tests.servers.faults import Fault
from tests.servers.provider import Provider, run_provider_in_thread

ROOT = Path(__file__).parents[2]
SERVE = (
    "from service.api.server import run_server; from service.config import load_settings; run_server(load_settings())"
)


@contextmanager
def serve(folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server on a free port, and its address once it listens."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "GRADER_PORT": "0",
        "GRADER_DATA_DIR": str(folder),
        **{f"GRADER_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-W", "error", "-c", SERVE]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            match = re.search(r"Listening on (\S+) ", process.stdout.readline())
            assert match is not None, (folder / "log").read_text()
            yield process, match[1]
        finally:
            process.kill()


def post(address: str, body: dict[str, str] = BODY, **headers: str) -> httpx.Response:
    return httpx.post(f"{address}/v1/grades", json=body, headers=headers, timeout=30)


def wait_until_in_flight(address: str, count: int) -> None:
    while f"grader_in_flight {count}.0" not in httpx.get(f"{address}/metrics", timeout=60).text:
        sleep(0.02)


def wait_until_closed(address: str) -> None:
    """Returns when no connection is taken any more: the signal to stop has been heard."""
    host, port = address.removeprefix("http://").split(":")
    with suppress(ConnectionRefusedError):
        while True:
            socket.create_connection((host, int(port))).close()
            sleep(0.02)


def test_it_serves_tells_whose_fault_it_was_and_stops_when_told(tmp_path: Path) -> None:
    faulty = f"openai/{Fault.KEY_REJECTED.value}"
    with run_provider_in_thread() as provider:
        settings = {"base_url": provider.base_url, "allowed_models": faulty}
        with serve(tmp_path, **settings) as (process, address):
            assert address.startswith("http://127.0.0.1:")
            assert httpx.get(f"{address}/docs").status_code == 200
            assert post(address).status_code == 201
            failed = post(address, {**BODY, "model": faulty})
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert (failed.status_code, failed.json()["code"]) == (502, "backend-key-rejected")
    log = (tmp_path / "log").read_text()
    assert address in log
    assert "Traceback" not in log


def test_replies_over_one_connection_do_not_wait_for_acknowledgements(tmp_path: Path) -> None:
    with serve(tmp_path) as (_, address), httpx.Client() as client:
        seconds = [client.get(f"{address}/healthz").raise_for_status().elapsed.total_seconds() for _ in range(20)]
    assert median(seconds) < 0.03  # 0.003; 0.044 with Nagle's algorithm and an ACK that waits for more


@contextmanager
def stop_while_grading(folder: Path, provider: Provider, patience_seconds: float) -> Iterator[list[Future[Any]]]:
    """What a plain request and a stream get from a server that is told to stop while it grades both."""
    settings = {"model": "openai/good-model", "base_url": provider.base_url, "shutdown_seconds": str(patience_seconds)}
    with serve(folder, **settings) as (process, address), ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(post, address), pool.submit(post, address, accept="text/event-stream")]
        wait_until_in_flight(address, 2)
        process.send_signal(signal.SIGTERM)
        wait_until_closed(address)
        yield answers
        assert process.wait(20) == 0


def test_a_running_grade_finishes(tmp_path: Path) -> None:
    released = Event()

    def reply(_: bytes) -> str:
        released.wait(60)
        return make_reply_text()

    with run_provider_in_thread(reply) as provider, stop_while_grading(tmp_path, provider, 20) as (plain, stream):
        released.set()
        assert plain.result().status_code == 201
        assert parse_events(stream.result().text)[-1][1] == "grade"


def test_a_grade_that_takes_longer_is_told(tmp_path: Path) -> None:
    with (
        run_provider_in_thread(latency_seconds=60) as provider,
        stop_while_grading(tmp_path, provider, 0.1) as (plain, stream),
    ):
        assert (plain.result().status_code, plain.result().json()["code"]) == (503, "shutting-down")
        _, kind, problem = parse_events(stream.result().text)[-1]
        assert (kind, problem["code"]) == ("problem", "shutting-down")


@pytest.mark.slow  # 5 s
def test_a_second_interrupt_quits_at_once(tmp_path: Path) -> None:
    with run_provider_in_thread(latency_seconds=60) as provider:
        settings = {"model": "openai/good-model", "base_url": provider.base_url, "shutdown_seconds": "60"}
        with serve(tmp_path, **settings) as (process, address), ThreadPoolExecutor(1) as pool:
            lost = pool.submit(post, address)
            wait_until_in_flight(address, 1)
            started = monotonic()
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGINT)
            process.wait(10)
            assert monotonic() - started < 10
            assert lost.exception() is not None or lost.result().status_code == 500  # whoever forces it, loses it


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, port=taken.getsockname()[1])
        with pytest.raises(ConfigInvalid, match="it is in use") as caught:
            run_server(settings)
    assert "\n" not in str(caught.value)


def test_an_open_door_is_refused_before_anything_listens(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="keys create"):
        run_server(Settings(data_dir=tmp_path, host="0.0.0.0", port=0))


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EADDRNOTAVAIL, "does not have the address"),
        (errno.EACCES, "above 1023"),
        (errno.ENOBUFS, "ENOBUFS"),
    ],
)
def test_other_refusals_of_the_system_are_explained(number: int, told: str) -> None:
    assert told in explain_refusal(OSError(number, "refused"))


def test_addresses_are_written_as_urls() -> None:
    with listen(Settings(host="127.0.0.1", port=0)) as listener:
        assert build_address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
