"""A browser's share of practising."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from httpx import AsyncClient, Response

from service.config import Settings
from tests.api.screening import OURS
from tests.api.support import QUESTION, RUBRIC, make_client, run_app
from tests.factories import ANSWER_TEXT

PAGE = f"/practice/{RUBRIC}/{QUESTION}"
ATTEMPTS = "/practice/attempts"


@asynccontextmanager
async def run_practice(settings: Settings) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """The app, whose model replies well, and a learner's browser."""
    settings = settings.model_copy(update={"batch_worker": False, "transcriber": "none"})
    async with run_app(settings) as app, make_client(app, headers={"Accept": "text/html"}) as client:
        yield app, client


async def find_token(client: AsyncClient, address: str = PAGE) -> str:
    """What the forms of the page carry; the cookie is in the client then."""
    match = re.search(r'<meta name="csrf" content="([^"]+)">', (await client.get(address)).text)
    assert match is not None
    return match[1]


async def post(client: AsyncClient, address: str, **fields: str) -> Response:
    """A form, as a page of ours sends it."""
    fields = {"csrf": await find_token(client), **fields}
    return await client.post(address, data=fields, headers=OURS)


async def hand_in(client: AsyncClient, answer: str = ANSWER_TEXT, **fields: str) -> str:
    """The address of the feedback."""
    sent = await post(client, ATTEMPTS, **{"rubric": RUBRIC, "question": QUESTION, "answer": answer, **fields})
    assert sent.status_code == 303, sent.text
    return str(sent.headers["location"])
