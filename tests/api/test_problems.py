"""Every error has a status, and nothing leaks."""

from __future__ import annotations

import inspect

import pytest
from httpx import AsyncClient
from pydantic import TypeAdapter
from starlette.requests import Request

from service import errors
from service.api.pages import list_problems
from service.api.problems import KINDS, describe_error, find_kind
from service.api.responses import list_codes
from service.config import Settings
from service.errors import BackendOverloaded, GraderError
from service.llm.base import Backend
from tests.api.support import BODY, check_problem, open_scripted, open_with, run_client

ALL = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, GraderError)]
STATUSES = {
    "grader-error": 500,
    "input-invalid": 422,
    "answer-invalid": 422,
    "rubric-invalid": 500,
    "prompt-invalid": 500,
    "rubric-unknown": 422,
    "question-unknown": 422,
    "prompt-unknown": 422,
    "model-unknown": 422,
    "grade-unknown": 422,
    "key-unknown": 422,
    "eval-set-invalid": 422,
    "import-invalid": 422,
    "policy-invalid": 500,
    "run-invalid": 422,
    "eval-set-unknown": 422,
    "run-unknown": 422,
    "batch-invalid": 422,
    "review-invalid": 422,
    "results-hidden": 403,
    "batch-unknown": 404,
    "answer-unknown": 404,
    "upload-unknown": 422,
    "batch-state-conflict": 409,
    "already-graded": 409,
    "backend-no-credit": 502,
    "upload-not-writable": 507,
    "attempt-unknown": 404,
    "interview-unknown": 404,
    "dispute-unknown": 404,
    "practice-invalid": 422,
    "attempt-waiting": 409,
    "cursor-invalid": 400,
    "idempotency-key-reused": 422,
    "access-denied": 403,
    "api-key-required": 401,
    "scope-required": 403,
    "too-many-requests": 429,
    "config-invalid": 500,
    "backend-failed": 502,
    "backend-unavailable": 503,
    "backend-timeout": 504,
    "backend-overloaded": 503,
    "backend-key-rejected": 502,
    "backend-model-missing": 502,
    "backend-request-rejected": 502,
    "backend-not-installed": 502,
    "live-call-refused": 502,
    "recording-missing": 502,
    "recording-invalid": 502,
    "reply-unusable": 502,
    "reply-empty": 502,
    "reply-refused": 502,
    "reply-truncated": 502,
    "audio-invalid": 422,
    "audio-too-large": 413,
    "audio-too-long": 422,
    "speech-failed": 502,
    "speech-unavailable": 503,
    "speech-overloaded": 503,
    "speech-rejected": 502,
    "speech-not-installed": 503,
    "transcript-missing": 502,
    "speech-busy": 503,
    "recording-lost": 500,
    "kept-recordings-full": 409,
    "transcription-unknown": 422,
    "recording-unknown": 404,
    "transcription-state-conflict": 409,
    "run-incomplete": 502,
    "run-not-writable": 507,
    "run-busy": 409,
    "in-progress": 409,
    "shutting-down": 503,
    "store-failed": 500,
    "store-unavailable": 503,
    "store-read-only": 503,
    "store-full": 507,
}


def test_the_table_covers_every_error() -> None:
    assert {one.code for one in ALL} == set(STATUSES)
    inherited = {errors.ReplyEmpty, errors.ReplyRefused, errors.ReplyTruncated}  # these never leave grading
    assert set(ALL) - set(KINDS) == inherited


def raise_when_built(error: GraderError) -> Backend:
    raise error


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.code)
async def test_each_error_is_answered_with_its_status(settings: Settings, error: type[GraderError]) -> None:
    opener = open_with(lambda _: raise_when_built(error("What happened. What to do.")))
    async with run_client(settings, opener) as client:
        response = await client.post("/v1/grades", json=BODY)
    problem = check_problem(response, STATUSES[error.code], error.code)
    assert problem["detail"] == "What happened. What to do."
    assert problem["instance"] == "/v1/grades"
    assert ("retry-after" in response.headers) == error.retryable
    assert ("www-authenticate" in response.headers) == (response.status_code == 401)


@pytest.mark.parametrize(("asked", "told"), [(None, "5"), (0.2, "1"), (12.01, "13"), (30, "30")])
async def test_an_overloaded_model_says_when_to_come_back(settings: Settings, asked: float | None, told: str) -> None:
    async with run_client(settings, open_scripted([BackendOverloaded("Overloaded.", asked)])) as client:
        response = await client.post("/v1/grades", json=BODY)
    check_problem(response, 503, "backend-overloaded")
    assert response.headers["retry-after"] == told


async def test_nothing_is_stored_when_the_model_fails(settings: Settings) -> None:
    async with run_client(settings, open_scripted([errors.BackendUnavailable("No connection.")])) as client:
        check_problem(await client.post("/v1/grades", json=BODY), 503, "backend-unavailable")
        assert (await client.get("/v1/grades")).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/rubrics/nope", "rubric-unknown"),
        ("/v1/questions?rubric=nope", "rubric-unknown"),
        ("/v1/prompts/nope", "prompt-unknown"),
        ("/v1/grades/nope", "grade-unknown"),
        ("/v1/nope", "path-unknown"),
        ("/nope", "path-unknown"),
        ("/v1/grades/", "path-unknown"),
    ],
)
async def test_what_is_asked_for_and_not_there_is_404(client: AsyncClient, path: str, code: str) -> None:
    check_problem(await client.get(path), 404, code)


async def test_a_wrong_method_is_told_the_right_ones(client: AsyncClient) -> None:
    response = await client.put("/v1/grades")
    check_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, POST"


async def test_of_an_unexpected_failure_nothing_is_told(settings: Settings) -> None:
    def fail(_: str) -> Backend:
        TypeAdapter(int).validate_python("the candidate's words")
        raise AssertionError

    async with run_client(settings, open_with(fail)) as client:
        response = await client.post("/v1/grades", json=BODY)
        check_problem(response, 500, "internal-error")
        assert "candidate" not in response.text
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_type_of_a_problem_leads_to_its_explanation(client: AsyncClient) -> None:
    assert (await client.get("/problems/rubric-unknown")).headers["location"] == "/docs#problem-rubric-unknown"
    check_problem(await client.get("/problems/nope"), 404, "path-unknown")


def test_every_code_is_explained_once() -> None:
    codes = [code for _, code, _ in list_problems()]
    assert len(codes) == len(set(codes))
    # The first ones are named by addresses only.
    unknown = ["batch", "answer", "attempt", "interview", "dispute", "recording", "rubric", "question", "prompt"]
    unknown += ["model", "grade", "key", "eval-set", "run", "upload", "transcription", "path"]
    assert list_codes(404) == [f"{name}-unknown" for name in unknown]


def test_a_new_error_gets_its_parents_status() -> None:
    class Newer(errors.BackendTimeout):
        code = "newer"

    request = Request({"type": "http", "method": "POST", "path": "/\udc80", "headers": []})
    problem = describe_error(request, Newer("Late."))
    assert (find_kind(Newer).status, problem.status, problem.code, problem.instance) == (504, 504, "newer", "/?")
