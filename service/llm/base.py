"""The protocol of backends: a request goes in, a reply or a BackendError comes out, and nothing is retried here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, Protocol

from service.domain.task import GradingTask


class StructuredOutput(StrEnum):
    """How a model is made to reply in JSON; declared per model, never guessed from its name."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What one model and its server can do.

    `token_limit_parameter` is how the server calls the limit of a reply; reasoning models refuse `temperature`. Prices
    are US dollars per million tokens; without them the cost of a call is unknown, which is not zero.
    """

    structured_output: StructuredOutput = StructuredOutput.JSON_SCHEMA
    token_limit_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105 -- a parameter's name
    sends_temperature: bool = True
    sends_seed: bool = True
    logprobs: bool = False
    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """`max_tokens` bounds the reply. `seed` differs per sample, so that samples differ and replay alike."""

    temperature: float
    max_tokens: int
    seed: int


@dataclass(frozen=True)
class Request:
    """One call. Models see `messages`; `task` is the same content as objects, for the backend that is no model."""

    messages: tuple[Message, ...]
    reply_schema: Mapping[str, Any]
    parameters: Parameters
    sample: int
    task: GradingTask

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that the model is sent, and the sample number."""
        content = json.dumps(self.describe(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    def describe(self) -> dict[str, Any]:
        """The request as plain data: messages, reply_schema, parameters, sample."""
        return {
            "messages": [{"role": message.role, "text": message.text} for message in self.messages],
            "reply_schema": dict(self.reply_schema),
            "parameters": {
                "temperature": self.parameters.temperature,
                "max_tokens": self.parameters.max_tokens,
                "seed": self.parameters.seed,
            },
            "sample": self.sample,
        }


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One token of the reply, with the log-probabilities (natural) of the likeliest tokens at its place."""

    token: str
    alternatives: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the backend answered. Token counts and cost (US dollars) are None where the server did not say."""

    text: str
    model_served: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    latency_seconds: float = 0.0
    token_choices: tuple[TokenChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """`model_served` is the model that answers; `detail` says what was checked."""

    model_served: str
    detail: str


class Backend(Protocol):
    """A backend. `name` is the whole value of GRADER_MODEL; `notice` is what a reader of a grade must know of it."""

    @property
    def name(self) -> str: ...

    @property
    def notice(self) -> str | None: ...

    async def complete(self, request: Request) -> Reply:
        """The reply to one request.

        Raises a BackendError; ReplyEmpty, ReplyRefused or ReplyTruncated when the reply holds no judgement.
        """
        ...

    async def check_health(self) -> Health:
        """Asks the server which models it has, without grading anything; raises a BackendError."""
        ...

    async def aclose(self) -> None: ...
