"""How the tests of recordings over HTTP send them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from httpx import AsyncClient, Response

from service.config import Settings
from tests.api.support import make_client, run_app
from tests.hearing import FakeTranscriber, make_wav

ADDRESS = "/v1/transcriptions"
WAV = {"Content-Type": "audio/wav"}
WAIT = {**WAV, "Prefer": "wait=20"}
UNKNOWN = f"{ADDRESS}/trn_{'0' * 32}"


def list_recordings(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "recordings").glob("trn_*"))


async def send(client: AsyncClient, content: bytes = b"", headers: dict[str, str] = WAIT, **params: Any) -> Response:
    return await client.post(ADDRESS, content=content or make_wav(), headers=headers, params=params)


@asynccontextmanager
async def run_paused(settings: Settings) -> AsyncIterator[tuple[FakeTranscriber, AsyncClient]]:
    """A client of a server that listens, and does not get further than half of the first recording."""
    ear = FakeTranscriber(pauses=True)
    async with run_app(settings, open_transcriber=ear.open) as app, make_client(app) as client:
        yield ear, client
