from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

import httpx
import pytest
import respx

from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNoCredit,
    BackendOverloaded,
    BackendRequestRejected,
    BackendTimeout,
    BackendUnavailable,
    LiveCallRefused,
    ReplyEmpty,
    ReplyRefused,
    ReplyTruncated,
)
from service.llm.base import ModelProfile
from service.llm.openai import OpenAIBackend, Transport
from tests.factories import make_reply_text, make_request
from tests.servers.faults import GOOD_MODEL, Fault, make_completion
from tests.servers.provider import run_provider

TRANSPORTS: list[Transport] = ["aiohttp", "httpx"]
FAULTS: list[tuple[Fault, type[BackendError]]] = [
    (Fault.OVERLOADED, BackendOverloaded),
    (Fault.NO_CREDIT, BackendNoCredit),
    (Fault.SERVER_ERROR, BackendUnavailable),
    (Fault.DROPPED, BackendUnavailable),
    (Fault.HALF_BODY, BackendUnavailable),
    (Fault.NOT_JSON, BackendUnavailable),
    (Fault.WRONG_SHAPE, BackendUnavailable),
    (Fault.NULL_MESSAGE, ReplyEmpty),
    (Fault.ERROR_IN_200, BackendUnavailable),
    (Fault.REFUSAL, ReplyRefused),
    (Fault.FILTERED, ReplyRefused),
    (Fault.EMPTY, ReplyEmpty),
    (Fault.NO_CHOICES, ReplyEmpty),
    (Fault.TRUNCATED, ReplyTruncated),
    (Fault.KEY_REJECTED, BackendKeyRejected),
    (Fault.MODEL_MISSING, BackendModelMissing),
    (Fault.PARAMETER_REFUSED, BackendRequestRejected),
]


def make_backend(base_url: str | None, model: str = GOOD_MODEL, **changes: Any) -> OpenAIBackend:
    settings: dict[str, Any] = {"api_key": "k", "profile": ModelProfile(), "timeout_seconds": 10, **changes}
    return OpenAIBackend(model, base_url=base_url, **settings)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("fault", "kind"), FAULTS)
async def test_each_fault_is_its_error_and_is_not_retried(
    fault: Fault, kind: type[BackendError], transport: Transport
) -> None:
    async with run_provider(make_reply_text()) as provider:
        backend = make_backend(provider.base_url, model=fault.value, transport=transport)
        with pytest.raises(BackendError) as caught:
            await backend.complete(make_request())
        await backend.aclose()
    assert type(caught.value) is kind
    assert provider.calls == 1
    shown = "".join(traceback.format_exception(caught.value))  # what a log would show
    assert "ECHOED" not in shown
    assert "finish without interrupting" not in shown


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_overload_carries_retry_after(transport: Transport) -> None:
    async with run_provider() as provider:
        provider.faults.append(Fault.OVERLOADED)
        backend = make_backend(provider.base_url, transport=transport)
        with pytest.raises(BackendOverloaded) as caught:
            await backend.complete(make_request())
        assert caught.value.retry_after_seconds == 7
        assert (await backend.complete(make_request())).text  # the next call is fine
        await backend.aclose()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_slow_answer_is_a_timeout(transport: Transport) -> None:
    async with run_provider() as provider:
        backend = make_backend(provider.base_url, model=Fault.SLOW, timeout_seconds=0.1, transport=transport)
        with pytest.raises(BackendTimeout, match=r"within 0\.1 seconds"):
            await backend.complete(make_request())
        await backend.aclose()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_cancelling_frees_the_connection(transport: Transport) -> None:
    async with run_provider() as provider:
        backend = make_backend(provider.base_url, transport=transport, max_connections=1)
        await backend.complete(make_request())
        provider.faults.append(Fault.SLOW)
        call = asyncio.create_task(backend.complete(make_request()))
        while not provider.in_flight:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(2):
            assert (await backend.complete(make_request())).text
        await backend.aclose()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_connections_bound_the_calls_in_flight(transport: Transport) -> None:
    async with run_provider(latency_seconds=0.01) as provider:
        backend = make_backend(provider.base_url, transport=transport, max_connections=3)
        await asyncio.gather(*(backend.complete(make_request(seed=seed)) for seed in range(12)))
        await backend.aclose()
    assert provider.calls == 12
    assert provider.most_in_flight == 3


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nothing_listens(transport: Transport) -> None:
    async with run_provider() as provider:
        base_url = provider.base_url
    backend = make_backend(base_url, transport=transport)
    with pytest.raises(BackendUnavailable, match="No connection to 127"):
        await backend.complete(make_request())
    await backend.aclose()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_sends_the_request_as_built(transport: Transport) -> None:
    async with run_provider() as provider:
        backend = make_backend(provider.base_url, transport=transport, profile=ModelProfile(logprobs=True))
        reply = await backend.complete(make_request(seed=3))
        await backend.aclose()
    (body,) = provider.bodies
    assert body["seed"] == 3
    assert body["top_logprobs"] == 10
    assert body["response_format"]["json_schema"]["strict"] is True
    assert provider.keys == ["Bearer k"]
    assert reply.model_served == f"{GOOD_MODEL}-2026-01-01"
    assert (reply.tokens_in, reply.tokens_out) == (1000, 200)
    assert len(reply.token_choices) == 3


@pytest.mark.parametrize("fault", [Fault.FENCED, Fault.REASONING])
async def test_text_around_the_json_is_left_to_the_parser(fault: Fault) -> None:
    async with run_provider('{"level": 4}') as provider:
        backend = make_backend(provider.base_url, model=fault.value)
        reply = await backend.complete(make_request())
        await backend.aclose()
    assert '{"level": 4}' in reply.text
    assert reply.text != '{"level": 4}'


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_health_reads_the_list_of_models(transport: Transport) -> None:
    async with run_provider() as provider:
        backend = make_backend(provider.base_url, transport=transport)
        assert (await backend.check_health()).model_served == GOOD_MODEL
        await backend.aclose()
        other = make_backend(provider.base_url, model="gpt-none", transport=transport)
        with pytest.raises(BackendModelMissing, match="It has: good-model, other"):
            await other.check_health()
        await other.aclose()
    assert provider.calls == 0


async def test_live_calls_switched_off_refuse_before_any_connection() -> None:
    with respx.mock(assert_all_called=False) as router:
        route = router.route().respond(200)
        for base_url in (None, "https://models.example/v1"):
            backend = make_backend(base_url, live_calls=False, transport="httpx")
            with pytest.raises(LiveCallRefused, match="switched off"):
                await backend.complete(make_request())
            with pytest.raises(LiveCallRefused):
                await backend.check_health()
            await backend.aclose()
        assert not route.called


async def test_redirect_does_not_lead_off_this_machine() -> None:
    with respx.mock(assert_all_called=False) as router:
        router.post("http://localhost:9/v1/chat/completions").respond(
            307, headers={"Location": "https://evil.example/"}
        )
        away = router.route(host="evil.example").respond(200)
        backend = make_backend("http://localhost:9/v1", live_calls=False, transport="httpx")
        with pytest.raises(BackendRequestRejected, match="GRADER_BASE_URL"):
            await backend.complete(make_request())
        await backend.aclose()
        assert not away.called


async def test_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    backend = make_backend(None, transport="httpx")
    with respx.mock() as router:
        route = router.post("https://api.openai.com/v1/chat/completions").respond(200, content=make_completion("{}"))
        await backend.complete(make_request())
        await backend.aclose()
        assert route.calls.last.request.headers["Authorization"] == "Bearer k"


async def test_openai_itself_needs_a_key() -> None:
    with pytest.raises(BackendKeyRejected, match="Set GRADER_API_KEY"):
        await make_backend(None, api_key=None).complete(make_request())


@respx.mock
async def test_openai_says_no_credit_as_429_with_a_wait() -> None:
    respx.post("https://api.openai.com/v1/chat/completions").respond(
        429,
        headers={"Retry-After": "1"},
        json={"error": {"message": "You exceeded", "type": "insufficient_quota", "code": "insufficient_quota"}},
    )
    backend = make_backend(None, transport="httpx")
    with pytest.raises(BackendRequestRejected, match="no credit left") as caught:
        await backend.complete(make_request())
    await backend.aclose()
    assert not caught.value.retryable


@respx.mock
async def test_openai_refuses_a_parameter() -> None:
    error = {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }
    respx.post("https://api.openai.com/v1/chat/completions").respond(400, json={"error": error})
    backend = make_backend(None, transport="httpx")
    with pytest.raises(BackendRequestRejected, match=r"parameter max_tokens\)\. Declare in GRADER_MODEL_PROFILES"):
        await backend.complete(make_request())
    await backend.aclose()


@respx.mock
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("secret"), BackendUnavailable),
        (httpx.ReadError("secret"), BackendUnavailable),
        (httpx.RemoteProtocolError("secret"), BackendUnavailable),
        (httpx.ReadTimeout("secret"), BackendTimeout),
        (httpx.ConnectTimeout("secret"), BackendTimeout),
    ],
)
async def test_errors_of_the_connection(error: httpx.TransportError, kind: type[BackendError]) -> None:
    respx.post("https://api.openai.com/v1/chat/completions").mock(side_effect=error)
    backend = make_backend(None, transport="httpx")
    with pytest.raises(kind) as caught:
        await backend.complete(make_request())
    await backend.aclose()
    assert "secret" not in str(caught.value)


async def test_answers_do_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with run_provider() as provider:
        backend = make_backend(provider.base_url)
        await backend.complete(make_request())
        await backend.aclose()
    assert "finish without interrupting" not in caplog.text


async def test_client_can_be_used_again_after_closing() -> None:
    async with run_provider() as provider:
        backend = make_backend(provider.base_url)
        for _ in range(2):
            await backend.complete(make_request())
            await backend.aclose()
    assert provider.calls == 2


async def test_ollama_tag_counts_as_the_model() -> None:
    provider_models = {"data": [{"id": "qwen3:latest"}, "odd"]}
    with respx.mock() as router:
        router.get("http://localhost:11434/v1/models").respond(200, json=provider_models)
        backend = make_backend("http://localhost:11434/v1", model="qwen3", live_calls=False, transport="httpx")
        assert (await backend.check_health()).model_served == "qwen3:latest"
        await backend.aclose()
