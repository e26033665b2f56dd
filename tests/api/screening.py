"""An app with a batch whose results no grading made, and a browser's share of talking to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient, Response

from service.config import Settings
from service.domain.batch import BatchState
from service.wiring import Services
from tests.api.support import RUBRIC, make_client, run_app
from tests.store.results_factory import set_result

QUESTIONS = ("de-escalate-angry-customer", "say-no-to-customer")
WORDS = (
    "I listened first, said what I had understood, and then called the workshop myself to learn what had gone wrong."
)
HEADER = "candidate,question,answer"
OURS = {"Sec-Fetch-Site": "same-origin"}


def make_file(people: int = 3, question: str = QUESTIONS[0]) -> bytes:
    """A CSV file with one answer of each of so many people, `c0` first."""
    rows = [f'c{number},{question},"{WORDS} That was case {number} of that year."' for number in range(people)]
    return "\n".join([HEADER, *rows]).encode()


@asynccontextmanager
async def run_pages(settings: Settings) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """The app and a browser in it; nothing is graded."""
    settings = settings.model_copy(update={"batch_worker": False})
    async with run_app(settings) as app, make_client(app, headers={"Accept": "text/html"}) as client:
        yield app, client


async def find_token(client: AsyncClient, address: str = "/screening") -> str:
    """What the forms of the page carry."""
    match = re.search(r'<meta name="csrf" content="([^"]+)">', (await client.get(address)).text)
    assert match is not None
    return match[1]


async def send_file(client: AsyncClient, content: bytes | None = None, name: str = "answers.csv") -> str:
    """The id of the upload."""
    headers = {**OURS, "X-CSRF-Token": await find_token(client), "Content-Type": "application/octet-stream"}
    sent = await client.post(
        "/screening/uploads", params={"name": name}, content=content or make_file(), headers=headers
    )
    assert sent.status_code == 201, sent.text
    return str(sent.json()["id"])


async def post(client: AsyncClient, address: str, **fields: str) -> Response:
    """A form, as a page of ours sends it."""
    fields = {"csrf": await find_token(client), **fields}
    return await client.post(address, data=fields, headers=OURS)


async def start_batch(client: AsyncClient, content: bytes | None = None, **fields: str) -> str:
    """The id of a batch that runs and that nobody grades."""
    upload = await send_file(client, content)
    started = await post(client, "/screening/new", upload=upload, rubric=RUBRIC, **fields)
    assert started.status_code == 303, started.text
    return started.headers["location"].rpartition("/")[2]


async def finish_batch(app: FastAPI, batch_id: str, overalls: Mapping[int, float | None], **values: Any) -> None:
    """Gives answers results; None is an answer without a score."""
    services: Services = app.state.runtime.services
    rubric = services.library.rubrics.get(RUBRIC)
    criteria = rubric.get_criteria(rubric.get_question(QUESTIONS[0]))
    for number, overall in overalls.items():
        if overall is None:
            await set_result(services.stores.database, number, batch_id, state="unscored", needs_review=True)
        else:
            levels = {one.id: round(overall) for one in criteria}
            band = rubric.get_band(overall).name
            await set_result(
                services.stores.database, number, batch_id, overall=overall, band=band, levels=levels, **values
            )
    store = app.state.runtime.batches.store
    await store.change_state(batch_id, [BatchState.RUNNING], BatchState.FINISHED)


def read_people(html: str) -> list[str]:
    """The people of a ranking's page, in its order."""
    return re.findall(r'class="open" href="[^"]+">([^<]+)</a>', html)
