"""Chat completions, as OpenAI defined them and others copied them: the body to send, and what came back as a Reply."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from service.domain.servers import read_failure
from service.errors import (
    BackendUnavailable,
    ReplyEmpty,
    ReplyRefused,
    ReplyTruncated,
    ReplyUnusable,
)
from service.llm.base import ModelProfile, Reply, Request, StructuredOutput, TokenChoice
from service.llm.failures import Target, explain_failure

SCHEMA_NAME = "judgement"
TOP_LOGPROBS = 10  # levels are one token each: 1 to 5 and "not_observed" fit, with room for variants such as " 4"


def build_body(request: Request, model: str, profile: ModelProfile) -> dict[str, Any]:
    """The JSON body of the call: only what the profile declares that the model takes."""
    parameters = request.parameters
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.text} for message in request.messages],
        profile.token_limit_parameter: parameters.max_tokens,
    }
    if profile.sends_temperature:
        body["temperature"] = parameters.temperature
    if profile.sends_seed:
        body["seed"] = parameters.seed
    if profile.logprobs:
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    response_format = build_response_format(request.reply_schema, profile.structured_output)
    if response_format is not None:
        body["response_format"] = response_format
    return body


def build_response_format(schema: Mapping[str, Any], output: StructuredOutput) -> dict[str, Any] | None:
    """None for a model that is asked for JSON in the prompt only."""
    if output is StructuredOutput.JSON_SCHEMA:
        return {
            "type": "json_schema",
            "json_schema": {"name": SCHEMA_NAME, "strict": True, "schema": dict(schema)},
        }
    return {"type": "json_object"} if output is StructuredOutput.JSON_OBJECT else None


def parse_body(content: bytes, target: Target) -> dict[str, Any]:
    """The JSON object in a body with status 200.

    Raises BackendUnavailable when it is none: a gateway's error page or a body cut short is the server's failure, it
    usually passes, and it says nothing about the answer that was to be graded.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):  # not UTF-8, not JSON, cut short; nested beyond reading
        body = None
    if not isinstance(body, dict):
        raise BackendUnavailable(
            f"{target.host} sent something that is not a chat completion. Ask again; if it stays, check that "
            "GRADER_BASE_URL points at an OpenAI-compatible server and has its path (often /v1)."
        )
    return body


def read_completion(
    completion: Mapping[str, Any], target: Target, profile: ModelProfile, latency_seconds: float
) -> Reply:
    """The Reply in a completion.

    Raises BackendUnavailable when it is no completion at all (`choices` missing or not a list), the error of the body
    when a router sent an error with status 200, ReplyTruncated, ReplyRefused, ReplyEmpty (no choices, no text), and
    ReplyUnusable when the text is not text.
    """
    usage = completion.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens_in, tokens_out = _read_count(usage.get("prompt_tokens")), _read_count(usage.get("completion_tokens"))
    cost_usd = compute_cost(tokens_in, tokens_out, profile)
    try:
        choice = _read_choice(completion, target)
        text = _read_text(choice, target)
    except ReplyUnusable as unusable:  # a reasoning model that is cut off has written, and costs, the most
        unusable.tokens_in, unusable.tokens_out, unusable.cost_usd = tokens_in, tokens_out, cost_usd
        raise
    served = completion.get("model")
    return Reply(
        text=replace_surrogates(text),
        model_served=served if isinstance(served, str) and served else target.model,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=cost_usd,
        latency_seconds=latency_seconds,
        token_choices=read_token_choices(choice.get("logprobs")) if profile.logprobs else (),
    )


def compute_cost(tokens_in: int | None, tokens_out: int | None, profile: ModelProfile) -> float | None:
    """US dollars; None when a price or a count is unknown."""
    prices = profile.input_usd_per_million, profile.output_usd_per_million
    if tokens_in is None or tokens_out is None or prices[0] is None or prices[1] is None:
        return None
    return (tokens_in * prices[0] + tokens_out * prices[1]) / 1_000_000


def read_token_choices(logprobs: object) -> tuple[TokenChoice, ...]:
    """The tokens with their likeliest alternatives; empty when the server sent none or in another form."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    tokens = content if isinstance(content, list) else []
    choices = []
    for token in tokens:
        try:
            tops = {str(top["token"]): float(top["logprob"]) for top in token.get("top_logprobs") or ()}
            choices.append(TokenChoice(str(token["token"]), {str(token["token"]): float(token["logprob"]), **tops}))
        except (AttributeError, KeyError, TypeError, ValueError):  # half a list would shift every token after it
            return ()
    return tuple(choices)


def replace_surrogates(text: str) -> str:
    """The text with lone surrogates replaced: a reply goes back to the model in a repair round, as UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _read_choice(completion: Mapping[str, Any], target: Target) -> dict[str, Any]:
    choices = completion.get("choices")
    if not isinstance(choices, list):
        if isinstance(completion.get("error"), dict):
            raise explain_failure(_read_hidden_failure(completion), target, time.time())
        raise BackendUnavailable(
            f"{target.host} sent JSON that is not a chat completion. Ask again; if it stays, check that "
            "GRADER_BASE_URL points at an OpenAI-compatible server."
        )
    if not choices:
        raise ReplyEmpty(f"{target.model} sent no reply.")
    return choices[0] if isinstance(choices[0], dict) else {}


def _read_text(choice: Mapping[str, Any], target: Target) -> str:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    _check_finish(choice, message, target)
    text = message.get("content")
    if text is None or text == "":
        raise ReplyEmpty(f"{target.model} sent an empty reply. A larger limit of the reply's length may help.")
    if not isinstance(text, str):
        raise ReplyUnusable(f"{target.model} at {target.host} sent a reply that is not text.")
    return text


def _read_hidden_failure(completion: Mapping[str, Any]) -> Any:
    """Routers such as OpenRouter put the status of the upstream's failure into the body of a 200."""
    code = completion["error"].get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    return read_failure(status, dict(completion), {})


def _check_finish(choice: Mapping[str, Any], message: Mapping[str, Any], target: Target) -> None:
    finish = choice.get("finish_reason")
    if finish == "length":
        raise ReplyTruncated(
            f"{target.model} stopped at the limit of the reply's length. Raise it; a reasoning model also spends it "
            "on reasoning."
        )
    if finish == "content_filter" or message.get("refusal"):
        raise ReplyRefused(f"{target.model} refused to judge this answer.")


def _read_count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
