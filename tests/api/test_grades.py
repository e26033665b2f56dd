"""POST, GET, list and DELETE of grades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from httpx import AsyncClient

from service.config import Settings
from service.domain.grade import GRADE
from service.llm.scripted import ScriptedBackend
from tests.api.support import BODY, QUESTION, RUBRIC, check_problem, open_with, reply_well, run_client
from tests.factories import ANSWER_TEXT


async def test_a_scored_grade_is_created_and_found_again(client: AsyncClient) -> None:
    created = await client.post("/v1/grades", json={**BODY, "candidate_ref": "c-1"})
    assert created.status_code == 201
    grade = GRADE.validate_json(created.content)
    assert grade.status == "scored"
    assert (grade.answer, grade.candidate_ref, grade.mode.value) == (ANSWER_TEXT, "c-1", "practice")
    assert created.headers["location"] == f"/v1/grades/{grade.id}"
    assert created.headers["cache-control"] == "no-store"
    assert "idempotency-replayed" not in created.headers
    found = await client.get(created.headers["location"])
    assert (found.status_code, found.json()) == (200, created.json())


async def test_an_unscored_grade_is_a_grade_too(client: AsyncClient) -> None:
    created = await client.post("/v1/grades", json={**BODY, "answer": "Not sure."})
    assert created.status_code == 201
    assert created.json()["status"] == "unscored"
    assert created.json()["reason"]["code"] == "answer_too_short"
    assert (await client.get(created.headers["location"])).json() == created.json()


async def test_versions_samples_and_free_questions_are_taken(client: AsyncClient) -> None:
    body = {
        **BODY,
        "rubric": f"{RUBRIC}@v1",
        "question": "What do you do when a customer shouts at you?",
        "prompt": "grade@v1",
        "samples": 2,
        "kind": "spoken",
        "model": "embedded",
    }
    grade = (await client.post("/v1/grades", json=body)).json()
    assert grade["provenance"]["samples"] == 2
    assert grade["question"]["id"] == "free-question"


async def test_the_candidate_reference_never_reaches_the_model(settings: Settings) -> None:
    backend = ScriptedBackend(reply_well)
    async with run_client(settings, open_with(lambda _: backend)) as client:
        await client.post("/v1/grades", json={**BODY, "candidate_ref": "SECRET-REFERENCE"})
    assert "SECRET-REFERENCE" not in str(backend.requests[0].messages)


async def test_pages_lead_to_the_end_and_newest_comes_first(client: AsyncClient) -> None:
    made = [(await client.post("/v1/grades", json={**BODY, "candidate_ref": f"c-{n % 2}"})).json() for n in range(5)]
    seen: list[Any] = []
    link = "/v1/grades?limit=2"
    for _ in range(3):
        page = await client.get(link)
        seen += page.json()["items"]
        link = page.headers.get("link", "").removeprefix("<").removesuffix('>; rel="next"')
        assert bool(link) == bool(page.json()["next_cursor"])
    assert (seen, link) == (made[::-1], "")


async def test_filters_stay_on_the_next_page(client: AsyncClient) -> None:
    for number in range(6):
        await client.post("/v1/grades", json={**BODY, "candidate_ref": f"c & {number % 2}"})
    first = await client.get("/v1/grades", params={"limit": 2, "candidate_ref": "c & 1"})
    link = first.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
    second = await client.get(link)
    assert [one["candidate_ref"] for one in second.json()["items"]] == ["c & 1"]
    assert second.json()["next_cursor"] is None


async def test_each_filter_filters(client: AsyncClient) -> None:
    scored = (await client.post("/v1/grades", json=BODY)).json()
    unscored = (await client.post("/v1/grades", json={**BODY, "answer": ""})).json()
    for query, expected in [
        ("status=scored", [scored]),
        ("status=unscored", [unscored]),
        (f"rubric={RUBRIC}&question={QUESTION}", [unscored, scored]),
        ("rubric=behavioural-interview", []),
        ("question=other", []),
        (f"needs_review={str(scored['needs_review']).lower()}&status=scored", [scored]),
    ]:
        assert (await client.get(f"/v1/grades?{query}")).json()["items"] == expected, query


async def test_a_misspelt_filter_does_not_list_everything(client: AsyncClient) -> None:
    problem = check_problem(await client.get("/v1/grades?canidate_ref=c-1"), 422, "request-invalid")
    assert problem["errors"] == [{"field": "canidate_ref", "message": "There is no such field."}]


async def test_a_foreign_cursor_is_refused(client: AsyncClient) -> None:
    check_problem(await client.get("/v1/grades?cursor=mine"), 400, "cursor-invalid")


async def test_delete_leaves_nothing(client: AsyncClient, tmp_path: Path) -> None:
    marker = "unmistakable-marker-words"
    body = {**BODY, "answer": f"{ANSWER_TEXT} {marker}"}
    created = await client.post("/v1/grades", json=body, headers={"Idempotency-Key": "k"})
    address = created.headers["location"]
    deleted = await client.delete(address)
    assert (deleted.status_code, deleted.content) == (204, b"")
    check_problem(await client.get(address), 404, "grade-unknown")
    check_problem(await client.delete(address), 404, "grade-unknown")
    assert (await client.get("/v1/grades")).json()["items"] == []
    assert not any(marker.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    again = await client.post("/v1/grades", json=body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"] != created.json()["id"]) == (201, True)
