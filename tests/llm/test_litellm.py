from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

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
from service.llm.litellm import LiteLLMBackend
from tests.factories import make_reply_text, make_request
from tests.servers.faults import GOOD_MODEL, Fault, make_completion
from tests.servers.provider import Provider, run_provider

FAULTS: list[tuple[Fault, type[BackendError]]] = [
    (Fault.OVERLOADED, BackendOverloaded),
    (Fault.NO_CREDIT, BackendNoCredit),
    (Fault.SERVER_ERROR, BackendUnavailable),
    (Fault.DROPPED, BackendUnavailable),
    (Fault.HALF_BODY, BackendUnavailable),
    (Fault.NOT_JSON, BackendUnavailable),
    (Fault.WRONG_SHAPE, BackendUnavailable),
    (Fault.NULL_MESSAGE, BackendUnavailable),  # litellm fails on it before we can see that a reply came
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


def make_backend(base_url: str | None, model: str = f"openai/{GOOD_MODEL}", **changes: Any) -> LiteLLMBackend:
    settings: dict[str, Any] = {"api_key": "k", "profile": ModelProfile(), "timeout_seconds": 10, **changes}
    return LiteLLMBackend(model, base_url=base_url, **settings)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with run_provider(make_reply_text()) as provider:
        yield provider


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
async def test_each_fault_is_its_error_and_is_not_retried(
    provider: Provider,
    fault: Fault,
    kind: type[BackendError],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    backend = make_backend(provider.base_url, f"openai/{fault.value}")
    with pytest.raises(BackendError) as caught:
        await backend.complete(make_request())
    await backend.aclose()
    assert type(caught.value) is kind
    assert provider.calls == 1
    printed = capfd.readouterr()
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + printed.out + printed.err
    assert "ECHOED" not in shown
    assert "finish without interrupting" not in shown


async def test_overload_carries_retry_after(provider: Provider) -> None:
    backend = make_backend(provider.base_url, f"openai/{Fault.OVERLOADED}")
    with pytest.raises(BackendOverloaded) as caught:
        await backend.complete(make_request())
    await backend.aclose()
    assert caught.value.retry_after_seconds == 7


async def test_slow_answer_is_a_timeout(provider: Provider) -> None:
    backend = make_backend(provider.base_url, f"openai/{Fault.SLOW}", timeout_seconds=0.1)
    with pytest.raises(BackendTimeout, match=r"within 0\.1 seconds"):
        await backend.complete(make_request())
    await backend.aclose()


async def test_sends_the_request_as_built(provider: Provider) -> None:
    backend = make_backend(provider.base_url, profile=ModelProfile(logprobs=True))
    reply = await backend.complete(make_request(seed=3))
    await backend.aclose()
    (body,) = provider.bodies
    assert (body["seed"], body["temperature"], body["max_tokens"], body["top_logprobs"]) == (3, 0.0, 500, 10)
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["messages"][1]["content"] == make_request().messages[1].text
    assert provider.keys == ["Bearer k"]
    assert reply.text == make_reply_text()
    assert (reply.tokens_in, reply.tokens_out) == (1000, 200)
    assert len(reply.token_choices) == 3


async def test_cost_is_the_profiles_else_litellms_else_unknown(provider: Provider) -> None:
    priced = ModelProfile(input_usd_per_million=1.0, output_usd_per_million=10.0)
    for model, profile, cost in [
        (GOOD_MODEL, priced, 0.003),
        ("gpt-4o-mini", priced, 0.003),
        ("gpt-4o-mini", ModelProfile(), 0.00027),  # litellm's price list: 0.15 and 0.60 dollars per million
        (GOOD_MODEL, ModelProfile(), None),
    ]:
        backend = make_backend(provider.base_url, f"openai/{model}", profile=profile)
        reply = await backend.complete(make_request())
        await backend.aclose()
        assert reply.cost_usd == (None if cost is None else pytest.approx(cost)), model


async def test_closing_one_leaves_the_other_at_work(provider: Provider) -> None:
    first, second = make_backend(provider.base_url), make_backend(provider.base_url)
    await asyncio.gather(first.complete(make_request()), second.complete(make_request()))
    await first.aclose()
    assert (await second.complete(make_request())).text
    await second.aclose()
    assert (await second.complete(make_request())).text  # a closed one opens again
    await second.aclose()


async def test_httpx_transport_can_be_chosen() -> None:
    with respx.mock() as router:
        router.post("http://localhost:9/v1/chat/completions").respond(200, content=make_completion("{}"))
        backend = make_backend("http://localhost:9/v1", uses_aiohttp=False, live_calls=False)
        assert (await backend.complete(make_request())).text == "{}"
        await backend.aclose()


@pytest.mark.parametrize(
    ("base_url", "model"),
    [
        (None, "openai/gpt-x"),
        ("https://models.example/v1", "openai/gpt-x"),
        ("http://localhost:9", "bedrock/some-model"),  # goes to AWS whatever base_url says
    ],
)
async def test_live_calls_switched_off_refuse_before_any_connection(base_url: str | None, model: str) -> None:
    backend = make_backend(base_url, model, live_calls=False)
    with pytest.raises(LiveCallRefused, match="switched off"):
        await backend.complete(make_request())
    with pytest.raises(LiveCallRefused):
        await backend.check_health()
    await backend.aclose()


async def test_health_names_unknown_provider_and_missing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(BackendModelMissing, match="no provider nonsense"):
        await make_backend(None, "nonsense/x").check_health()
    keyless = make_backend(None, "anthropic/claude-sonnet-4-5", api_key=None)
    with pytest.raises(BackendKeyRejected, match="GRADER_API_KEY, or ANTHROPIC_API_KEY"):
        await keyless.check_health()
    backend = make_backend(None, "anthropic/claude-sonnet-4-5")
    assert (await backend.check_health()).model_served == "anthropic/claude-sonnet-4-5"
    await backend.aclose()


async def test_unknown_provider_is_not_called() -> None:
    backend = make_backend(None, "nonsense/x")
    with pytest.raises(BackendRequestRejected):
        await backend.complete(make_request())
    await backend.aclose()


async def test_unsupported_parameter_is_refused_not_dropped() -> None:
    backend = make_backend(None, "anthropic/claude-sonnet-4-5")  # Anthropic has no seed
    with pytest.raises(BackendRequestRejected, match="GRADER_MODEL_PROFILES"):
        await backend.complete(make_request())
    await backend.aclose()
