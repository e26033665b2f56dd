from __future__ import annotations

import pytest

from service.domain.servers import Failure, is_loopback, read_failure
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNoCredit,
    BackendOverloaded,
    BackendRequestRejected,
    BackendUnavailable,
    LiveCallRefused,
    ReplyRefused,
)
from service.llm.failures import Target, explain_failure
from service.llm.live import require_loopback

NOW = 1_800_000_000.0
TARGET = Target(host="models.example:8000", model="m-1")
SECRET = "my manager Alice Jones told me to shout at customers"


@pytest.mark.parametrize(
    ("failure", "kind", "advice"),
    [
        (Failure(401, "invalid_api_key"), BackendKeyRejected, "Set GRADER_API_KEY"),
        (Failure(403), BackendKeyRejected, "Set GRADER_API_KEY"),
        (Failure(404, "model_not_found"), BackendModelMissing, "Check GRADER_MODEL"),
        (Failure(400, "unsupported_value", parameter="temperature"), BackendRequestRejected, "GRADER_MODEL_PROFILES"),
        (Failure(422), BackendRequestRejected, "GRADER_MODEL_PROFILES"),
        (Failure(400, "context_length_exceeded", parameter="messages"), BackendRequestRejected, "longer context"),
        (Failure(413), BackendRequestRejected, "longer context"),
        (Failure(400, "content_filter"), ReplyRefused, "content filter"),
        (Failure(429, "rate_limit_exceeded"), BackendOverloaded, "fewer requests"),
        (Failure(429, "insufficient_quota"), BackendNoCredit, "Add credit"),
        (Failure(429, None, "insufficient_quota"), BackendNoCredit, "Add credit"),
        (Failure(402), BackendNoCredit, "Add credit"),
        (Failure(408), BackendUnavailable, "ask again"),
        (Failure(409), BackendUnavailable, "ask again"),
        (Failure(500), BackendUnavailable, "ask again"),
        (Failure(529, "overloaded_error"), BackendUnavailable, "ask again"),
        (Failure(307), BackendRequestRejected, "GRADER_BASE_URL"),
    ],
)
def test_explains_what_to_do(failure: Failure, kind: type[BackendError], advice: str) -> None:
    error = explain_failure(failure, TARGET, NOW)
    assert type(error) is kind
    assert advice in str(error)
    assert "m-1" in str(error) or "models.example:8000" in str(error)


def test_no_credit_is_not_retried_although_it_is_a_429() -> None:
    assert not explain_failure(Failure(429, "insufficient_quota"), TARGET, NOW).retryable
    assert explain_failure(Failure(429, "rate_limit_exceeded"), TARGET, NOW).retryable


def test_overloaded_carries_the_wait() -> None:
    failure = read_failure(429, {"error": {"code": "slow_down"}}, {"Retry-After": "12"})
    error = explain_failure(failure, TARGET, NOW)
    assert isinstance(error, BackendOverloaded)
    assert error.retry_after_seconds == 12


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": SECRET, "code": SECRET, "type": SECRET, "param": SECRET}},
        {"error": SECRET},
        {"message": SECRET, "code": 7, "type": ["x"], "param": {"a": 1}},
        [SECRET],
        SECRET,
        None,
    ],
)
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_prose_of_the_provider_is_never_repeated(status: int, body: object) -> None:
    assert "Alice" not in str(explain_failure(read_failure(status, body, {}), TARGET, NOW))


def test_identifiers_of_the_provider_are_repeated() -> None:
    body = {"error": {"code": "unsupported_value", "type": "invalid_request_error", "param": "messages[1].content"}}
    message = str(explain_failure(read_failure(400, body, {}), TARGET, NOW))
    assert "(status 400, unsupported_value, invalid_request_error, parameter messages[1].content)" in message


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/v1", "http://127.8.9.1", "http://localhost:11434/v1", "http://LOCALHOST", "http://[::1]:80"],
)
def test_loopback_is_allowed(url: str) -> None:
    assert is_loopback(url)
    require_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://127.0.0.1@evil.example/v1",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.1",
        "file:///etc/passwd",
        "",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(LiveCallRefused, match="switched off"):
        require_loopback(url)
