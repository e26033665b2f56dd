"""Liveness, readiness, numbers, rubrics and prompts."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from service.config import Settings
from service.errors import BackendNotInstalled, BackendOverloaded, ConfigInvalid, GraderError
from service.llm.base import Backend, Reply, Request
from tests.api.support import BODY, RUBRIC, check_problem, make_client, open_scripted, open_with, reply_well, run_app
from tests.api.support import run_client as start


async def test_it_is_alive_and_ready(client: AsyncClient) -> None:
    for path in ("/healthz", "/readyz"):
        response = await client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("error", [ConfigInvalid("No such model."), BackendNotInstalled("Install it.")])
async def test_it_is_not_ready_without_a_model(settings: Settings, error: GraderError) -> None:
    def fail(_: str) -> Backend:
        raise error

    async with start(settings, open_with(fail)) as client:
        assert check_problem(await client.get("/readyz"), 503, error.code)["detail"] == str(error)
        assert (await client.get("/healthz")).status_code == 200


async def test_it_is_not_ready_without_its_database(settings: Settings) -> None:
    async with start(settings) as client:
        (settings.data_dir / "grader.db").unlink()
        check_problem(await client.get("/readyz"), 503, "store-unavailable")
        response = await client.get("/v1/grades")
        check_problem(response, 503, "store-unavailable")
        assert response.headers["retry-after"]


async def test_it_is_not_ready_when_it_stops(settings: Settings) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        app.state.runtime.gradings.begin_shutdown()
        check_problem(await client.get("/readyz"), 503, "shutting-down")
        check_problem(await client.post("/v1/grades", json=BODY), 503, "shutting-down")


async def test_numbers_count_what_happened(settings: Settings) -> None:
    outcomes = iter([None, None, BackendOverloaded("Overloaded.")])

    def reply(request: Request) -> Reply | BackendOverloaded:
        return next(outcomes) or Reply(reply_well(request), "served", tokens_in=10, tokens_out=3)

    async with start(settings, open_scripted(reply)) as client:
        await client.post("/v1/grades", json=BODY)
        for _ in range(2):
            await client.post("/v1/grades", json=BODY, headers={"Idempotency-Key": "k"})
        await client.post("/v1/grades", json={**BODY, "answer": ""})
        await client.post("/v1/grades", json=BODY)
        await client.request("MARKER", "/marker")
        text = (await client.get("/metrics")).text
    for line in (
        'grader_grades_total{backend="embedded",reason="",status="scored"} 2.0',
        'grader_grades_total{backend="embedded",reason="answer_empty",status="unscored"} 1.0',
        'grader_backend_errors_total{backend="embedded",code="backend-overloaded"} 1.0',
        'grader_grade_seconds_count{backend="embedded"} 3.0',
        'grader_tokens_total{backend="embedded",direction="input"} 20.0',
        'grader_tokens_total{backend="embedded",direction="output"} 6.0',
        "grader_in_flight 0.0",
        'grader_calls_in_flight{backend="embedded"} 0.0',
        'grader_waiting_calls{backend="embedded",class="bulk"} 0.0',
        'grader_http_requests_total{method="POST",route="/v1/grades",status="201"} 3.0',
        'grader_http_requests_total{method="POST",route="/v1/grades",status="200"} 1.0',
        'grader_http_requests_total{method="other",route="unmatched",status="404"} 1.0',
    ):
        assert line in text, line
    assert "marker" not in text.lower()


async def test_two_apps_count_apart(client: AsyncClient, settings: Settings) -> None:
    await client.post("/v1/grades", json=BODY)
    async with start(settings) as other:
        assert "grader_grades_total{" not in (await other.get("/metrics")).text


async def test_rubrics_are_listed_and_shown(client: AsyncClient) -> None:
    listed = (await client.get("/v1/rubrics")).json()["items"]
    summary = next(one for one in listed if one["id"] == RUBRIC)
    shown = await client.get(f"/v1/rubrics/{RUBRIC}@v{summary['version']}")
    assert summary.items() <= shown.json().items()
    assert shown.json() == (await client.get(f"/v1/rubrics/{RUBRIC}")).json()
    assert [level["level"] for level in shown.json()["criteria"][0]["levels"]] == [1, 2, 3, 4, 5]


async def test_questions_come_without_what_would_answer_them(client: AsyncClient) -> None:
    every = (await client.get("/v1/questions")).json()["items"]
    ours = (await client.get("/v1/questions", params={"rubric": RUBRIC})).json()["items"]
    assert len(every) > len(ours) == 28
    shown = (await client.get(f"/v1/rubrics/{RUBRIC}")).text + (await client.get("/v1/questions")).text
    for name in ("model_answer", "key_points", "follow_ups", "examples", '"example"'):
        assert name not in shown


async def test_prompts_are_listed_and_shown_whole(client: AsyncClient) -> None:
    listed = (await client.get("/v1/prompts")).json()["items"]
    assert {one["name"] for one in listed} >= {"grade", "grade-each"}
    shown = (await client.get("/v1/prompts/grade")).json()
    assert next(one for one in listed if one["name"] == "grade").items() <= shown.items()
    assert "{% block system %}" in shown["text"]
    assert shown["parameters"]["max_tokens"] > 0


@pytest.mark.parametrize("path", ["/v1/rubrics/a%00b", "/v1/prompts/..%2f..", "/v1/grades/a%00b"])
async def test_odd_names_are_not_found(client: AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code in (404, 422)
