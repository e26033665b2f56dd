"""What the loopback provider sends: good completions, and each way of failing."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

GOOD_MODEL = "good-model"


class Fault(StrEnum):
    """What goes wrong; each value is also a model name that always goes wrong like this."""

    NONE = "none"
    SLOW = "slow"
    OVERLOADED = "overloaded"
    NO_CREDIT = "no-credit"
    SERVER_ERROR = "server-error"
    DROPPED = "dropped"
    HALF_BODY = "half-body"
    NOT_JSON = "not-json"
    WRONG_SHAPE = "wrong-shape"
    NULL_MESSAGE = "null-message"
    ERROR_IN_200 = "error-in-200"
    REFUSAL = "refusal"
    FILTERED = "filtered"
    EMPTY = "empty"
    NO_CHOICES = "no-choices"
    TRUNCATED = "truncated"
    FENCED = "fenced"
    REASONING = "reasoning"
    KEY_REJECTED = "key-rejected"
    MODEL_MISSING = "model-missing"
    PARAMETER_REFUSED = "parameter-refused"


FAULT_OF_MODEL = {fault.value: fault for fault in Fault}


class Answer(NamedTuple):
    """One HTTP answer. `cut` sends half of the body and hangs up."""

    status: int
    body: bytes
    headers: str = ""
    cut: bool = False


def make_completion(text: str | None, *, model: str = GOOD_MODEL, finish: str = "stop", **message: Any) -> bytes:
    """The JSON body of a chat completion; `message` adds fields such as `refusal`."""
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text, **message},
        "logprobs": make_logprobs(text or ""),
    }
    return encode(make_envelope([choice], model))


def make_envelope(choices: list[Any], model: str = GOOD_MODEL) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": f"{model}-2026-01-01",
        "choices": choices,
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
    }


def make_logprobs(text: str) -> dict[str, Any]:
    """Log-probabilities of the first three characters, as if each were a token."""
    tops = [[{"token": sign, "logprob": -0.1}, {"token": "?", "logprob": -2.5}] for sign in text[:3]]
    return {"content": [{"token": top[0]["token"], "logprob": -0.1, "top_logprobs": top} for top in tops]}


def make_error(code: str, *, param: str | None = None) -> bytes:
    """An error body that echoes a prompt, as real providers do: the echo must reach no message and no log."""
    return encode({"error": {"message": "You sent: ECHOED-CANDIDATE-TEXT", "type": "t", "code": code, "param": param}})


def encode(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def make_answer(fault: Fault, text: str) -> Answer:
    """What the server sends for a fault; `text` is the good reply."""
    answers: dict[Fault, Callable[[], Answer]] = {
        Fault.OVERLOADED: lambda: Answer(429, make_error("rate_limit_exceeded"), "Retry-After: 7\r\n"),
        Fault.NO_CREDIT: lambda: Answer(429, make_error("insufficient_quota")),
        Fault.SERVER_ERROR: lambda: Answer(500, make_error("server_error")),
        Fault.DROPPED: lambda: Answer(200, b"", cut=True),
        Fault.HALF_BODY: lambda: Answer(200, make_completion(text), cut=True),
        Fault.NOT_JSON: lambda: Answer(200, b"<html>Gateway ECHOED-CANDIDATE-TEXT</html>"),
        Fault.WRONG_SHAPE: lambda: Answer(200, encode({"id": "x", "choices": "ECHOED-CANDIDATE-TEXT"})),
        Fault.NULL_MESSAGE: lambda: Answer(200, encode(make_envelope([{"index": 0, "message": None}]))),
        Fault.ERROR_IN_200: lambda: Answer(200, make_error("upstream_error")),
        Fault.REFUSAL: lambda: Answer(200, make_completion(None, refusal="ECHOED-CANDIDATE-TEXT")),
        Fault.FILTERED: lambda: Answer(200, make_completion("", finish="content_filter")),
        Fault.EMPTY: lambda: Answer(200, make_completion("")),
        Fault.NO_CHOICES: lambda: Answer(200, encode(make_envelope([]))),
        Fault.TRUNCATED: lambda: Answer(200, make_completion(text[: len(text) // 2], finish="length")),
        Fault.FENCED: lambda: Answer(200, make_completion(f"Here it is:\n```json\n{text}\n```")),
        Fault.REASONING: lambda: Answer(200, make_completion(f"<think>\nHm, {{4}}?\n</think>\n\n{text}")),
        Fault.KEY_REJECTED: lambda: Answer(401, make_error("invalid_api_key")),
        Fault.MODEL_MISSING: lambda: Answer(404, make_error("model_not_found")),
        Fault.PARAMETER_REFUSED: lambda: Answer(400, make_error("unsupported_value", param="temperature")),
    }
    return answers[fault]() if fault in answers else Answer(200, make_completion(text))
