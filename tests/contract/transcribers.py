"""The transcribers that the contract is about, each ready to listen to SENTENCE."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from service.speech.base import Transcriber
from service.speech.openai import OpenAITranscriber
from service.speech.recorded import RecordedTranscriber
from service.speech.whisper import WhisperTranscriber
from tests.servers.faults import GOOD_MODEL
from tests.servers.transcriptions import run_transcription_server
from tests.speech.sounds import RECORDED

Opener = Callable[[], AbstractAsyncContextManager[Transcriber]]


@asynccontextmanager
async def open_whisper() -> AsyncIterator[Transcriber]:
    yield WhisperTranscriber(threads=1)  # more wait for each other on a busy machine


@asynccontextmanager
async def open_fake_whisper() -> AsyncIterator[Transcriber]:
    yield WhisperTranscriber(child="tests.speech.children.fake_whisper")


def open_openai(model: str) -> Opener:
    @asynccontextmanager
    async def open_transcriber() -> AsyncIterator[Transcriber]:
        async with run_transcription_server() as server:
            yield OpenAITranscriber(model, api_key=None, base_url=server.base_url, timeout_seconds=20, live_calls=False)

    return open_transcriber


@asynccontextmanager
async def open_recorded() -> AsyncIterator[Transcriber]:
    yield RecordedTranscriber(RECORDED)


OPENERS = [
    pytest.param(open_openai(GOOD_MODEL), id="openai"),
    pytest.param(open_openai("text-only"), id="openai-text-only"),
    pytest.param(open_recorded, id="recorded"),
    pytest.param(open_fake_whisper, id="whisper-fake-child"),
    pytest.param(open_whisper, id="whisper", marks=pytest.mark.slow),
]
