"""Batches on a real server process, with the real engine: also through a stop and a kill in the middle."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.batches import BATCHES, OCTETS, UPLOADS, write_csv, write_rows
from tests.api.support import RUBRIC
from tests.api.test_server import serve

TIMEOUT_SECONDS = 120


def submit_over_http(address: str, count: int) -> str:
    """The address of a batch on a server."""
    content = write_csv(write_rows(count))
    sent = httpx.post(f"{address}{UPLOADS}?name=a.csv", content=content, headers=OCTETS, timeout=TIMEOUT_SECONDS)
    body = {"upload": sent.json()["id"], "rubric": RUBRIC}
    created = httpx.post(address + BATCHES, json=body, timeout=TIMEOUT_SECONDS)
    assert created.status_code == 201, created.text
    return str(created.headers["location"])


def watch(address: str, *, until: int | None = None) -> dict[str, Any]:
    """The batch at its end, or its progress once so many answers are done."""
    with httpx.stream("GET", f"{address}/events", timeout=TIMEOUT_SECONDS) as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                data: dict[str, Any] = json.loads(line.removeprefix("data: "))
                if "state" in data or (until is not None and data.get("done", 0) >= until):
                    return data
                assert "code" not in data, data
    raise AssertionError("the stream ended before the batch did")


@pytest.mark.slow
def test_a_batch_on_a_real_server(tmp_path: Path) -> None:
    with serve(tmp_path) as (process, address):
        batch = address + submit_over_http(address, 120)
        found = watch(batch)
        assert (found["state"], found["progress"]["scored"], found["progress"]["failed"]) == ("finished", 120, 0)
        people = httpx.get(f"{batch}/people", timeout=TIMEOUT_SECONDS).json()
        assert people["matching"] == 120
        exported = httpx.get(f"{batch}/export?kind=jsonl", timeout=TIMEOUT_SECONDS).text.splitlines()
        assert [json.loads(line)["number"] for line in exported] == list(range(120))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_batch_goes_on_on_the_next_server(tmp_path: Path, how: signal.Signals) -> None:
    with serve(tmp_path) as (process, address):
        path = submit_over_http(address, 600)
        watch(address + path, until=1)
        process.send_signal(how)
        process.wait(60)
    with serve(tmp_path) as (_, address):
        found = watch(address + path)
        assert (found["state"], found["progress"]["scored"]) == ("finished", 600)
        exported = httpx.get(f"{address}{path}/export?kind=jsonl", timeout=TIMEOUT_SECONDS).text.splitlines()
        assert [json.loads(line)["number"] for line in exported] == list(range(600))
