"""The same request is graded once."""

from __future__ import annotations

import asyncio

from httpx import AsyncClient

from service.config import Settings
from service.errors import BackendUnavailable
from service.store.keys import Scope
from tests.api.gate import Gate
from tests.api.raw import RawRequest
from tests.api.support import BODY, check_problem, make_client, make_key, open_scripted, reply_well, run_app, run_client

KEY = {"Idempotency-Key": "key one"}


async def test_the_same_request_gets_the_same_grade(client: AsyncClient) -> None:
    first = await client.post("/v1/grades", json=BODY, headers=KEY)
    second = await client.post("/v1/grades", json=BODY, headers=KEY)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]


async def test_the_same_key_with_another_body_is_refused(client: AsyncClient) -> None:
    await client.post("/v1/grades", json=BODY, headers=KEY)
    response = await client.post("/v1/grades", json={**BODY, "mode": "screening"}, headers=KEY)
    check_problem(response, 422, "idempotency-key-reused")


async def test_concurrent_duplicates_make_one_grade(settings: Settings) -> None:
    gate = Gate()
    async with run_client(settings, open_scripted(gate)) as client:
        first = asyncio.create_task(client.post("/v1/grades", json=BODY, headers=KEY))
        await gate.asked.wait()
        for response in await asyncio.gather(*(client.post("/v1/grades", json=BODY, headers=KEY) for _ in range(5))):
            check_problem(response, 409, "in-progress")
            assert int(response.headers["retry-after"]) > 0
        gate.opened.set()
        assert (await first).status_code == 201
        assert (await client.post("/v1/grades", json=BODY, headers=KEY)).json() == (await first).json()
        assert gate.calls == 1


async def test_a_failure_gives_the_key_back(settings: Settings) -> None:
    outcomes = iter([BackendUnavailable("No connection."), None])
    async with run_client(settings, open_scripted(lambda request: next(outcomes) or reply_well(request))) as client:
        check_problem(await client.post("/v1/grades", json=BODY, headers=KEY), 503, "backend-unavailable")
        assert (await client.post("/v1/grades", json=BODY, headers=KEY)).status_code == 201


async def test_two_callers_may_use_the_same_key(settings: Settings) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        ids = set()
        for _ in range(2):
            secret = await make_key(app, Scope.GRADES_WRITE)
            headers = {**KEY, "Authorization": f"Bearer {secret}"}
            response = await client.post("/v1/grades", json=BODY, headers=headers)
            assert response.status_code == 201
            ids.add(response.json()["id"])
        assert len(ids) == 2


async def test_without_a_key_a_client_that_leaves_ends_the_grading(settings: Settings) -> None:
    gate = Gate()
    async with run_app(settings, open_scripted(gate)) as app, make_client(app) as client:
        request = RawRequest(app)
        await gate.asked.wait()
        request.leave()
        await request.task
        gate.opened.set()
        assert request.messages[0]["status"] == 499
        assert (await client.get("/v1/grades")).json()["items"] == []
        assert "grader_in_flight 0.0" in (await client.get("/metrics")).text


async def test_with_a_key_the_grading_finishes_without_its_client(settings: Settings) -> None:
    gate = Gate()
    async with run_app(settings, open_scripted(gate)) as app, make_client(app) as client:
        request = RawRequest(app, idempotency_key=KEY["Idempotency-Key"])
        await gate.asked.wait()
        request.leave()
        await request.task
        gate.opened.set()
        while not (items := (await client.get("/v1/grades")).json()["items"]):
            await asyncio.sleep(0.01)
        again = await client.post("/v1/grades", json=BODY, headers=KEY)
        assert (again.status_code, again.json()) == (200, items[0])
        assert gate.calls == 1
