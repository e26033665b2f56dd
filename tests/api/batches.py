"""Batches through the API: a small file, and a worker without an engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient, Response

from service.config import Settings
from service.domain.batch import BatchState
from service.errors import AlreadyGraded, BackendError
from service.grading.build import Stamp
from service.grading.pipeline import Grader, grade_answer
from service.llm.base import Request
from service.llm.scripted import Script
from service.store.answers import AnswerStore, WaitingAnswer
from service.store.batches import BatchStore
from service.wiring import Services, now
from tests.api.support import QUESTION, RUBRIC, make_client, open_scripted, parse_events, run_app
from tests.factories import ANSWER_TEXT, make_judgement

UPLOADS, BATCHES = "/v1/uploads", "/v1/batches"
OCTETS = {"Content-Type": "application/octet-stream"}
HEADER = "candidate,question,answer"
BODY: dict[str, dict[str, Any]] = {  # by the end of the path: what gets past the checks of the format
    "batches": {"upload": f"upl_{'0' * 32}", "rubric": RUBRIC},
    "estimate": {"upload": f"upl_{'0' * 32}", "rubric": RUBRIC},
    f"bat_{'0' * 32}": {"priority": 1},
    "reviews": {"levels": {}},
    "decision": {"decision": "hold", "reason": "r"},
}


def reply_for_screening(request: Request) -> str:
    """A valid judgement without coaching, whose level depends on the answer."""
    level = 1 + sum(request.task.answer.text.encode()) % 5
    content = make_judgement(request.task, level=level).model_dump(mode="json")
    for criterion in content["criteria"].values():
        criterion["advice"] = ""
    content["feedback"] |= {"improvements": [], "next_step": ""}
    return json.dumps(content)


def write_rows(count: int, *, first: int = 0) -> list[str]:
    """Rows of as many people, whose answers differ."""
    return [f"c{number:03},{QUESTION},{ANSWER_TEXT} That was case {number}." for number in range(first, first + count)]


def write_csv(rows: Iterable[str], header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


class Holding:
    """A script that replies when it is let through; `asked` is set at the first request."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, request: Request) -> str:
        self.asked.set()
        await self.opened.wait()
        return reply_for_screening(request)


@dataclass
class PlainWorker:
    """Grades what waits, whenever it is woken: the real one without its engine, leases and sweeps."""

    services: Services
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self.woken.set()

    async def run(self) -> None:
        store, answers = BatchStore(self.services.stores.database), AnswerStore(self.services.stores.database)
        while True:
            self.woken.clear()
            for batch in await store.list_in_state(BatchState.RUNNING):
                for chunk in await store.list_waiting_chunks(batch.id):
                    for answer in await answers.load_chunk(batch.id, chunk):
                        if (await store.get(batch.id)).state is BatchState.RUNNING:
                            await self._grade(answer, batch.spec, answers)
                await store.finish_if_done(batch.id, now())
            await self.woken.wait()

    async def _grade(self, answer: WaitingAnswer, spec: Any, answers: AnswerStore) -> None:
        from service.wiring_batch_orders import _build_jobs

        library, key = self.services.library, answer.key
        rubric = library.rubrics.get(f"{spec.rubric.id}@v{spec.rubric.version}")
        prompt = library.prompts.get(f"{spec.prompt.id}@v{spec.prompt.version}")
        save = partial(self.services.stores.grades.save_answer, key=key)
        grader = Grader(self.services.models.get_caller(spec.model), save, lambda: Stamp(key.grade_id, now()))
        with suppress(AlreadyGraded):
            try:
                await grade_answer(_build_jobs(spec, rubric, prompt)(answer), grader)  # type: ignore[arg-type]
            except BackendError as error:
                await answers.fail(key, error.code, str(error))


@asynccontextmanager
async def open_plain_worker(services: Services) -> AsyncIterator[PlainWorker]:
    worker = PlainWorker(services)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def run_batches(
    settings: Settings, script: Script = reply_for_screening
) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """A started app that works on batches, and a client of it; watchers look often."""
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(run_app(settings, open_scripted(script), open_plain_worker))
        app.state.runtime.batch_work.watches.poll_seconds = 0.01
        yield app, await stack.enter_async_context(make_client(app))


async def upload(client: AsyncClient, content: bytes, name: str = "answers.csv") -> str:
    """The id of an upload."""
    response = await client.post(UPLOADS, params={"name": name}, content=content, headers=OCTETS)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def post_batch(client: AsyncClient, upload_id: str, key: str | None = None, **body: Any) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(BATCHES, json={"upload": upload_id, "rubric": RUBRIC, **body}, headers=headers)


async def submit(client: AsyncClient, count: int = 3, **body: Any) -> str:
    """The address of a batch that has begun."""
    response = await post_batch(client, await upload(client, write_csv(write_rows(count))), **body)
    assert response.status_code == 201, response.text
    return str(response.headers["location"])


async def follow(client: AsyncClient, address: str) -> list[tuple[str, str, Any]]:
    """The events of a batch, until it ends."""
    response = await client.get(f"{address}/events")
    assert response.headers["content-type"].startswith("text/event-stream"), response.text
    return parse_events(response.text)


async def finish(client: AsyncClient, count: int = 3, **body: Any) -> str:
    """The address of a batch that is finished."""
    address = await submit(client, count, **body)
    assert (await follow(client, address))[-1][1] == "finished"
    return address
