"""What is refused before anything is graded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from service.config import Settings
from tests.api.support import BODY, check_problem, run_client

JSON = {"Content-Type": "application/json"}
MARKER = "the-candidates-own-words"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rubric": None}, "rubric"),
        ({"rubric": ""}, "rubric"),
        ({"rubric": "r" * 121}, "rubric"),
        ({"question": "q\0"}, "question"),
        ({"answer": 7}, "answer"),
        ({"answer": [MARKER]}, "answer"),
        ({"kind": MARKER}, "kind"),
        ({"mode": MARKER}, "mode"),
        ({"samples": 0}, "samples"),
        ({"samples": 10}, "samples"),
        ({"samples": "3"}, "samples"),
        ({"samples": True}, "samples"),
        ({"candidate_ref": "c" * 201}, "candidate_ref"),
        ({"candidate_ref": "c\0"}, "candidate_ref"),
        ({"anwser": MARKER}, "anwser"),
        ({"x" * 500: 1}, "x" * 80),
    ],
)
async def test_a_field_that_breaks_the_format_is_named(client: AsyncClient, change: dict[str, Any], field: str) -> None:
    response = await client.post("/v1/grades", json={**BODY, **change})
    problem = check_problem(response, 422, "request-invalid")
    assert [one["field"] for one in problem["errors"]] == [field]
    assert problem["errors"][0]["message"]
    assert MARKER not in response.text


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"rubric": "nope"}, "rubric-unknown", "rubric"),
        ({"rubric": "../../etc"}, "rubric-unknown", "rubric"),
        ({"question": "nope"}, "question-unknown", "question"),
        ({"prompt": "nope"}, "prompt-unknown", "prompt"),
        ({"model": "openai/dear"}, "model-unknown", "model"),
        ({"answer": f"{MARKER} \0"}, "answer-invalid", "answer"),
    ],
)
async def test_unknown_names_and_unstorable_answers_are_422(
    client: AsyncClient, change: dict[str, Any], code: str, field: str
) -> None:
    response = await client.post("/v1/grades", json={**BODY, **change})
    problem = check_problem(response, 422, code)
    assert problem["errors"] == [{"field": field, "message": problem["detail"]}]
    assert MARKER not in response.text


async def test_nul_is_refused_with_its_position(client: AsyncClient) -> None:
    problem = check_problem(await client.post("/v1/grades", json={**BODY, "answer": "ab\0"}), 422, "answer-invalid")
    assert "character 3" in problem["detail"]


@pytest.mark.parametrize("where", ['"answer": "\\ud800"', '"answer": "a", "\\ud800": 1', '"rubric": "\\udfff"'])
async def test_lone_surrogates_are_refused(client: AsyncClient, where: str) -> None:
    response = await client.post("/v1/grades", content="{" + where + "}", headers=JSON)
    check_problem(response, 422, "request-invalid")


@pytest.mark.parametrize(
    "content", [b"", b'{"a', b"\xff\xfe\x00", b"[" * 100_000, b'{"samples": NaN', b'"' + b"\xc3\x28" + b'"']
)
async def test_what_is_no_json_is_refused(client: AsyncClient, content: bytes) -> None:
    response = await client.post("/v1/grades", content=content, headers=JSON)
    assert response.status_code in (400, 422)
    assert response.json()["code"] in ("body-unreadable", "request-invalid")


@pytest.mark.parametrize("content", [b"[]", b"7", b"null", b'"text"', b'{"samples": ' + b"9" * 5000 + b"}"])
async def test_what_is_no_object_is_refused(client: AsyncClient, content: bytes) -> None:
    response = await client.post("/v1/grades", content=content, headers=JSON)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "audio/wav"])
async def test_other_content_types_are_refused(client: AsyncClient, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = await client.post("/v1/grades", content=b'{"rubric": "r"}', headers=headers)
    check_problem(response, 415, "content-type-unsupported")


async def test_json_with_a_charset_is_json(client: AsyncClient) -> None:
    response = await client.post(
        "/v1/grades", content=b"{}", headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    check_problem(response, 422, "request-invalid")


async def send_in_chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


@pytest.fixture
async def small_client(settings: Settings) -> AsyncIterator[AsyncClient]:
    async with run_client(settings.model_copy(update={"max_body_bytes": 1024})) as client:
        yield client


async def test_an_announced_large_body_is_refused_at_once(small_client: AsyncClient) -> None:
    response = await small_client.post("/v1/grades", json={**BODY, "answer": "a" * 2000})
    check_problem(response, 413, "body-too-large")
    assert response.headers["connection"] == "close"


async def test_a_large_body_in_chunks_is_refused_at_the_limit(small_client: AsyncClient) -> None:
    response = await small_client.post("/v1/grades", content=send_in_chunks(400, 5), headers=JSON)
    check_problem(response, 413, "body-too-large")


async def test_a_body_within_the_limit_is_read(small_client: AsyncClient) -> None:
    assert (await small_client.post("/v1/grades", json=BODY)).status_code == 201
    response = await small_client.post("/v1/grades", content=send_in_chunks(256, 4), headers=JSON)
    check_problem(response, 400, "body-unreadable")


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there", "é"])
async def test_an_odd_idempotency_key_is_refused(client: AsyncClient, key: str) -> None:
    response = await client.post("/v1/grades", json=BODY, headers={b"Idempotency-Key": key.encode()})
    problem = check_problem(response, 422, "request-invalid")
    assert problem["errors"][0]["field"] == "idempotency-key"
