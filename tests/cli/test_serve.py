"""`serve`: what stops it from starting, and the way it starts and ends."""

from __future__ import annotations

import signal
import socket
import subprocess

import httpx
import pytest

from tests.cli.running import COMMAND, Run


def test_port_in_use_is_named(cli: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        cli("serve", "--port", port).check_sentence(1, f"Cannot listen on 127.0.0.1, port {port}: it is in use.")


def test_open_address_needs_a_key(cli: Run) -> None:
    cli("serve", "--host", "0.0.0.0").check_sentence(1, "there is no API key", "interview-grader keys create")


@pytest.mark.slow  # a whole server starts
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_server_says_where_it_is_and_stops_when_asked(environment: dict[str, str], stop: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[2]
    assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
    process.send_signal(stop)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err
