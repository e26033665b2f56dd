"""A server that listens, with an ear that tests hold up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from service.config import Settings
from tests.api.support import make_client, run_app
from tests.hearing import FakeTranscriber


@pytest.fixture
def ear() -> FakeTranscriber:
    return FakeTranscriber()


@pytest.fixture
async def app(settings: Settings, ear: FakeTranscriber) -> AsyncIterator[FastAPI]:
    async with run_app(settings, open_transcriber=ear.open) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with make_client(app) as client:
        yield client
