"""The stream of events."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from service.api.events import wants_events
from service.config import Settings
from service.errors import BackendOverloaded
from service.llm.base import Request
from tests.api.gate import Gate
from tests.api.raw import RawRequest
from tests.api.support import BODY, check_problem, make_client, open_scripted, parse_events, run_app, run_client

STREAM = {"Accept": "text/event-stream"}


async def test_progress_comes_in_order_and_the_grade_last(client: AsyncClient) -> None:
    response = await client.post("/v1/grades", json={**BODY, "samples": 2}, headers=STREAM)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parse_events(response.text)
    assert [number for number, _, _ in events] == [str(number) for number in range(1, len(events) + 1)]
    assert {name for _, name, _ in events[:-1]} == {"progress"}
    steps = [data["step"] for _, _, data in events[:-1]]
    assert (steps[0], steps[-2:]) == ("accepted", ["scored", "stored"])
    assert steps.count("asking") == 2
    checked = [(data["sample"], *data["criteria"]) for _, _, data in events[:-1] if data["step"] == "criterion"]
    grade = events[-1][2]
    assert events[-1][1] == "grade"
    assert sorted(checked) == sorted((n, one["id"]) for n in (1, 2) for one in grade["criteria"])
    assert (await client.get(f"/v1/grades/{grade['id']}")).json() == grade


async def test_an_answer_that_is_turned_away_streams_its_grade(client: AsyncClient) -> None:
    response = await client.post("/v1/grades", json={**BODY, "answer": ""}, headers=STREAM)
    (_, first, data), (_, last, grade) = parse_events(response.text)
    assert (first, data["step"], last, grade["status"]) == ("progress", "stored", "grade", "unscored")


async def test_a_replay_streams_the_earlier_grade(client: AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    grade = (await client.post("/v1/grades", json=BODY, headers=headers)).json()
    response = await client.post("/v1/grades", json=BODY, headers={**headers, **STREAM})
    assert parse_events(response.text) == [("1", "grade", grade)]


async def test_a_failure_on_the_way_is_a_problem_event(settings: Settings) -> None:
    async with run_client(settings, open_scripted([BackendOverloaded("Overloaded.", 3)])) as client:
        response = await client.post("/v1/grades", json=BODY, headers=STREAM)
    events = parse_events(response.text)
    assert response.status_code == 200
    assert [name for _, name, _ in events] == ["progress", "progress", "problem"]
    problem = events[-1][2]
    assert (problem["code"], problem["status"]) == ("backend-overloaded", 503)
    assert problem["request_id"] == response.headers["x-request-id"]


async def test_a_bug_on_the_way_is_a_problem_event_that_tells_nothing(settings: Settings) -> None:
    def fail(request: Request) -> str:
        raise ZeroDivisionError(request.task.answer.text)

    async with run_client(settings, open_scripted(fail)) as client:
        response = await client.post("/v1/grades", json=BODY, headers=STREAM)
    problem = parse_events(response.text)[-1][2]
    assert (problem["code"], problem["status"]) == ("internal-error", 500)
    assert BODY["answer"] not in response.text


@pytest.mark.parametrize(
    ("change", "headers", "status", "code"),
    [
        ({"samples": 0}, {}, 422, "request-invalid"),
        ({"rubric": "nope"}, {}, 422, "rubric-unknown"),
        ({}, {"Authorization": "Bearer nope"}, 401, "api-key-required"),
        ({"answer": "other"}, {"Idempotency-Key": "used"}, 422, "idempotency-key-reused"),
    ],
)
async def test_what_is_wrong_with_the_request_is_an_ordinary_problem(
    client: AsyncClient, change: dict[str, object], headers: dict[str, str], status: int, code: str
) -> None:
    await client.post("/v1/grades", json=BODY, headers={"Idempotency-Key": "used"})
    response = await client.post("/v1/grades", json={**BODY, **change}, headers={**headers, **STREAM})
    check_problem(response, status, code)


async def test_a_client_that_leaves_ends_the_grading(settings: Settings) -> None:
    gate = Gate()
    async with run_app(settings, open_scripted(gate)) as app, make_client(app) as client:
        request = RawRequest(app, accept="text/event-stream")
        await request.wait_for_body()
        await gate.asked.wait()
        request.leave()
        await request.task
        gate.opened.set()
        assert (await client.get("/v1/grades")).json()["items"] == []
        assert "grader_in_flight 0.0" in (await client.get("/metrics")).text


async def test_the_shutdown_ends_a_stream_with_a_problem(settings: Settings) -> None:
    gate = Gate()
    async with run_app(settings, open_scripted(gate)) as app:
        request = RawRequest(app, accept="text/event-stream")
        await gate.asked.wait()
        app.state.runtime.gradings.begin_shutdown()
        await request.task
    text = b"".join(message.get("body", b"") for message in request.messages).decode()
    assert parse_events(text)[-1][2]["code"] == "shutting-down"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/event-stream", True),
        ("Text/Event-Stream; q=0.9, */*", True),
        ("application/json, text/event-stream", False),
        ("text/html", False),
    ],
)
def test_events_are_sent_to_those_who_ask(accept: str, wanted: bool) -> None:
    assert wants_events(accept) is wanted
