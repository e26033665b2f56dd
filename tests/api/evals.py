"""A small eval set, and runs over it through the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from httpx import AsyncClient

from service.config import Settings
from service.llm.base import Request
from tests.api.gate import Gate
from tests.api.support import parse_events
from tests.evaluation.making import make_case, reply_well, write_assets, write_set

SET = "small-set"
CASES = 12
RUNS = "/v1/evals/runs"
BODY = {"set": SET}


def make_settings(folder: Path, cases: int | list[dict[str, Any]] = CASES, **changes: Any) -> Settings:
    """Settings with one eval set of a small rubric; its other prompts and rubrics are the shipped ones."""
    write_set(folder / "assets" / "evals" / SET, cases)
    fields = {"data_dir": folder / "data", "attempts": 1, "shutdown_seconds": 0.2, **changes}
    return Settings(assets_dir=write_assets(folder / "assets"), **fields)


def make_hostile_cases() -> list[dict[str, Any]]:
    """Cases whose answers would do harm in a page."""
    attack = "I let her finish without interrupting <script>alert(1)</script><img src=x onerror=alert(2)> and sent it."
    return [make_case(number, answer=f"{attack} That was case {number}.") for number in range(CASES)]


class GateAfter:
    """A script that replies well so many times; then it waits to be let through."""

    def __init__(self, count: int) -> None:
        self.gate = Gate()
        self.calls = 0
        self._count = count

    async def __call__(self, request: Request) -> str:
        self.calls += 1
        if self.calls > self._count:
            await self.gate(request)
        return reply_well(request)


async def start(client: AsyncClient, **body: Any) -> str:
    """The address of a run that has begun."""
    response = await client.post(RUNS, json={**BODY, **body})
    assert response.status_code == 202, response.text
    return str(response.headers["location"])


async def follow(client: AsyncClient, address: str) -> list[tuple[str, str, Any]]:
    """The events of a run, until it ends."""
    response = await client.get(f"{address}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    return parse_events(response.text)


async def finish(client: AsyncClient, **body: Any) -> str:
    """The id of a run that is finished."""
    address = await start(client, **body)
    _, last, run = (await follow(client, address))[-1]
    assert (last, run["status"]) == ("finished", "finished"), json.dumps(run)
    return str(run["id"])
