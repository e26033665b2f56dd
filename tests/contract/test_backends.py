"""What every backend does, real, recorded or scripted. A new backend is added in backends.py and has to pass."""

from __future__ import annotations

import asyncio
import copy
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.llm.base import Backend
from tests.contract.backends import OPENERS, REQUESTS, Opener


@pytest.fixture(params=OPENERS)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    opener: Opener = request.param
    async with opener(tmp_path) as backend:
        yield backend
        await backend.aclose()


async def test_reply_is_text_with_what_it_cost(backend: Backend) -> None:
    reply = await backend.complete(REQUESTS[0])
    assert isinstance(json.loads(reply.text), dict)
    assert reply.model_served
    for count in (reply.tokens_in, reply.tokens_out):
        assert count is None or (isinstance(count, int) and count >= 0)
    assert reply.cost_usd is None or reply.cost_usd >= 0
    assert math.isfinite(reply.latency_seconds)
    assert reply.latency_seconds >= 0


async def test_name_says_which_backend_and_notice_is_a_sentence(backend: Backend) -> None:
    assert backend.name
    assert backend.notice is None or backend.notice.endswith(".")


async def test_health_names_the_model(backend: Backend) -> None:
    health = await backend.check_health()
    assert health.model_served
    assert health.detail


async def test_request_is_not_changed(backend: Backend) -> None:
    before = copy.deepcopy(REQUESTS[1].describe())
    await backend.complete(REQUESTS[1])
    assert REQUESTS[1].describe() == before


async def test_many_calls_at_once(backend: Backend) -> None:
    replies = await asyncio.gather(*(backend.complete(request) for request in REQUESTS))
    assert all(isinstance(json.loads(reply.text), dict) for reply in replies)


async def test_cancelled_call_ends_and_the_next_one_works(backend: Backend) -> None:
    call = asyncio.create_task(backend.complete(REQUESTS[2]))
    await asyncio.sleep(0)
    call.cancel()
    done, _ = await asyncio.wait({call}, timeout=2)  # a backend that never waits may have answered already
    assert done
    assert call.cancelled() or call.result().text
    assert (await backend.complete(REQUESTS[3])).text


async def test_closes_twice_and_unused(backend: Backend) -> None:
    await backend.aclose()
    await backend.aclose()


async def test_closes_twice_after_use(backend: Backend) -> None:
    await backend.complete(REQUESTS[0])
    await backend.aclose()
    await backend.aclose()
