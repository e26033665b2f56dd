"""Fixtures of the API's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from service.config import Settings
from tests.api import evals
from tests.api.screening import run_pages
from tests.api.support import open_scripted, run_client
from tests.evaluation.making import reply_well


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One attempt, so that no test waits for a retry."""
    return Settings(data_dir=tmp_path, attempts=1, shutdown_seconds=0.2)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[AsyncClient]:
    """A client of an app without keys whose model replies well."""
    async with run_client(settings) as client:
        yield client


@pytest.fixture
def eval_settings(tmp_path: Path) -> Settings:
    """Settings with one small eval set."""
    return evals.make_settings(tmp_path)


@pytest.fixture
async def eval_client(eval_settings: Settings) -> AsyncIterator[AsyncClient]:
    """A client of an app with one small eval set, whose model's levels depend on the answer."""
    async with run_client(eval_settings, open_scripted(reply_well)) as client:
        yield client


@pytest.fixture
async def pages(settings: Settings) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """The screening pages: their app, and a browser's client of it."""
    async with run_pages(settings) as opened:
        yield opened
