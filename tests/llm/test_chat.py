from __future__ import annotations

import json
from typing import Any

import pytest

from service.errors import (
    BackendError,
    BackendModelMissing,
    BackendOverloaded,
    BackendUnavailable,
    ReplyEmpty,
    ReplyRefused,
    ReplyTruncated,
    ReplyUnusable,
)
from service.llm.base import ModelProfile, Reply, StructuredOutput
from service.llm.chat import build_body, parse_body, read_completion, read_token_choices
from service.llm.failures import Target
from tests.factories import make_request

TARGET = Target(host="models.example", model="m-1")


def make_completion(message: Any, **changes: Any) -> dict[str, Any]:
    choice = {"finish_reason": "stop", "message": message}
    return {"model": "m-1-0401", "choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}, **changes}


def read(completion: dict[str, Any], profile: ModelProfile | None = None) -> Reply:
    return read_completion(completion, TARGET, profile or ModelProfile(), 0.5)


def test_body_holds_what_the_default_profile_declares() -> None:
    request = make_request(temperature=0.2, max_tokens=300, seed=9)
    body = build_body(request, "m-1", ModelProfile())
    assert body["model"] == "m-1"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.2, 9, 300)
    schema = body["response_format"]["json_schema"]
    assert (schema["name"], schema["strict"], schema["schema"]) == ("judgement", True, request.reply_schema)
    assert "logprobs" not in body
    json.dumps(body)


def test_body_leaves_out_what_a_reasoning_model_refuses() -> None:
    profile = ModelProfile(
        structured_output=StructuredOutput.PLAIN,
        token_limit_parameter="max_completion_tokens",
        sends_temperature=False,
        sends_seed=False,
    )
    body = build_body(make_request(), "m-1", profile)
    assert set(body) == {"model", "messages", "max_completion_tokens"}


def test_body_asks_for_json_mode_and_logprobs() -> None:
    body = build_body(
        make_request(), "m-1", ModelProfile(structured_output=StructuredOutput.JSON_OBJECT, logprobs=True)
    )
    assert body["response_format"] == {"type": "json_object"}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 10)


def test_reads_text_model_tokens_and_latency() -> None:
    reply = read(make_completion({"content": "{}"}))
    assert reply == Reply("{}", "m-1-0401", tokens_in=10, tokens_out=5, latency_seconds=0.5)


def test_cost_is_known_only_with_prices_and_counts() -> None:
    priced = ModelProfile(input_usd_per_million=2.0, output_usd_per_million=8.0)
    assert read(make_completion({"content": "x"}), priced).cost_usd == pytest.approx(60e-6)
    assert read(make_completion({"content": "x"}, usage=None), priced).cost_usd is None
    assert read(make_completion({"content": "x"}), ModelProfile(input_usd_per_million=2.0)).cost_usd is None
    free = ModelProfile(input_usd_per_million=0.0, output_usd_per_million=0.0)
    assert read(make_completion({"content": "x"}), free).cost_usd == 0.0


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": "10"}, {"prompt_tokens": True, "completion_tokens": -1}])
def test_odd_usage_is_unknown_usage(usage: Any) -> None:
    reply = read(make_completion({"content": "x"}, usage=usage))
    assert (reply.tokens_in, reply.tokens_out) == (None, None)


def test_requested_model_stands_in_when_none_is_said() -> None:
    assert read(make_completion({"content": "x"}, model=None)).model_served == "m-1"


@pytest.mark.parametrize(
    ("completion", "kind"),
    [
        ({}, BackendUnavailable),
        ({"choices": None}, BackendUnavailable),
        ({"choices": "SECRET"}, BackendUnavailable),
        ({"choices": []}, ReplyEmpty),
        ({"choices": ["SECRET"]}, ReplyEmpty),
        (make_completion(None), ReplyEmpty),
        (make_completion("SECRET"), ReplyEmpty),
        (make_completion({"content": ""}), ReplyEmpty),
        (make_completion({"content": None}), ReplyEmpty),
        (make_completion({"content": [{"type": "text", "text": "SECRET"}]}), ReplyUnusable),
        (make_completion({"content": None, "refusal": "SECRET"}), ReplyRefused),
        ({"choices": [{"finish_reason": "content_filter", "message": {"content": "SECRET"}}]}, ReplyRefused),
        ({"choices": [{"finish_reason": "length", "message": {"content": "SECRET"}}]}, ReplyTruncated),
        ({"error": {"code": 429, "message": "SECRET"}}, BackendOverloaded),
        ({"error": {"code": 404, "message": "SECRET"}}, BackendModelMissing),
        ({"error": {"code": "odd", "message": "SECRET"}}, BackendUnavailable),
    ],
)
def test_what_is_no_reply_is_an_error(completion: dict[str, Any], kind: type[BackendError]) -> None:
    with pytest.raises(BackendError) as caught:
        read(completion)
    assert type(caught.value) is kind
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"choices": []},
        {"choices": [{"finish_reason": "length", "message": {"content": "SECRET"}}]},
        {"choices": [{"finish_reason": "content_filter", "message": {"content": "SECRET"}}]},
        {"choices": [{"finish_reason": "stop", "message": {"content": ""}}]},
        {"choices": [{"finish_reason": "stop", "message": {"content": ["SECRET"]}}]},
    ],
)
def test_unusable_reply_tells_what_it_cost(changes: dict[str, Any]) -> None:
    """A reasoning model that is cut off has used up its whole limit."""
    profile = ModelProfile(input_usd_per_million=1.0, output_usd_per_million=2.0)
    with pytest.raises(ReplyUnusable) as caught:
        read(make_completion(None, **changes), profile)
    assert (caught.value.tokens_in, caught.value.tokens_out, caught.value.cost_usd) == (10, 5, 20 / 1e6)
    with pytest.raises(ReplyUnusable) as caught:
        read(make_completion(None, **changes, usage=None), profile)
    assert (caught.value.tokens_in, caught.value.tokens_out, caught.value.cost_usd) == (None, None, None)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b'{"choices": [', b"[]", b"null", b"\xff\xfe{}", b"[" * 100_000], ids=range(7)
)
def test_body_that_is_no_json_object_is_the_servers_failure(content: bytes) -> None:
    with pytest.raises(BackendUnavailable, match="GRADER_BASE_URL"):
        parse_body(content, TARGET)


def test_lone_surrogates_of_a_reply_are_replaced_and_pairs_kept() -> None:
    text = json.loads('"caf\\u00e9 \\ud83d\\ude00 \\ud800"')
    assert read(make_completion({"content": text})).text == "café 😀 \ufffd"


def test_reads_token_choices_only_when_declared() -> None:
    token = {"token": "4", "logprob": -0.1, "top_logprobs": [{"token": "5", "logprob": -2.5}]}
    completion = make_completion({"content": "4"})
    completion["choices"][0]["logprobs"] = {"content": [token]}
    assert read(completion).token_choices == ()
    (choice,) = read(completion, ModelProfile(logprobs=True)).token_choices
    assert choice.token == "4"
    assert choice.alternatives == {"4": -0.1, "5": -2.5}


@pytest.mark.parametrize(
    "logprobs", [None, [], {}, {"content": None}, {"content": ["x"]}, {"content": [{"token": "4"}]}]
)
def test_odd_logprobs_are_none(logprobs: object) -> None:
    assert read_token_choices(logprobs) == ()
