"""The app with a scripted model, and a client for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from service.api.app import create_app
from service.api.batch_work import OpenWorker
from service.api.runtime import OpenServices
from service.api.speech_work import OpenTranscriber
from service.config import Settings
from service.llm.base import Backend, Request
from service.llm.scripted import Script, ScriptedBackend
from service.store.keys import Scope
from service.wiring import Services, open_library, open_stores
from service.wiring_models import Models
from service.wiring_speech import open_transcriber
from tests.factories import ANSWER_TEXT, make_reply_text

RUBRIC = "handling-difficult-customers"
QUESTION = "de-escalate-angry-customer"
LOCAL = "http://127.0.0.1"
BODY = {"rubric": RUBRIC, "question": QUESTION, "answer": ANSWER_TEXT}


def reply_well(request: Request) -> str:
    return make_reply_text(request.task)


def open_with(build: Callable[[str], Backend]) -> OpenServices:
    """Opens real stores and files, and takes its backends from `build`."""

    @asynccontextmanager
    async def open_services(settings: Settings) -> AsyncIterator[Services]:
        async with open_stores(settings) as stores:
            yield Services(settings, open_library(settings), Models(settings, lambda name, _: build(name)), stores)

    return open_services


def open_scripted(script: Script = reply_well) -> OpenServices:
    return open_with(lambda name: ScriptedBackend(script, name=name))


@asynccontextmanager
async def run_app(
    settings: Settings,
    open_services: OpenServices | None = None,
    open_worker: OpenWorker | None = None,
    open_transcriber: OpenTranscriber = open_transcriber,
) -> AsyncIterator[FastAPI]:
    app = create_app(settings, open_services or open_scripted(), open_worker, open_transcriber)
    async with LifespanManager(app, startup_timeout=30, shutdown_timeout=30):
        yield app


@asynccontextmanager
async def run_client(settings: Settings, open_services: OpenServices | None = None) -> AsyncIterator[AsyncClient]:
    """A client of a started app; a 500 is an answer here, not an exception."""
    async with run_app(settings, open_services) as app, make_client(app) as client:
        yield client


def make_client(app: FastAPI, **options: Any) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url=LOCAL, **options)


async def make_key(app: FastAPI, *scopes: Scope) -> str:
    """The secret of a new API key."""
    _, secret = await app.state.runtime.services.stores.keys.create("test", scopes)
    return str(secret)


def check_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a response, which must have this status and code."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert (problem["code"], problem["status"], problem["type"]) == (code, status, f"/problems/{code}")
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem


def parse_events(text: str) -> list[tuple[str, str, Any]]:
    """Id, event and data of each event; comments (pings) are left out."""
    events = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            events.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return events
