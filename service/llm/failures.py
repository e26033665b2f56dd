"""What a failed call means and what to do about it, the same for every server that speaks HTTP."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNoCredit,
    BackendOverloaded,
    BackendRequestRejected,
    BackendUnavailable,
    ReplyRefused,
)

# Providers echo the prompt, and with it the candidate's text, in the message of an error. Only words of this shape are
# repeated: invalid_api_key, messages[1].content, unsupported_value.
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "credit_balance_too_low"}
_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
_FILTERED = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation"}
_PARAMETER_REFUSED = {"unsupported_parameter", "unsupported_value", "unknown_parameter", "invalid_value"}


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP answer that is an error: status, the provider's own words for it, headers (lower-case names)."""

    status: int
    code: str | None = None
    kind: str | None = None
    parameter: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> set[str]:
        return {word.lower() for word in (self.code, self.kind) if word}


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked for what; `host` never holds credentials."""

    host: str
    model: str


def describe_host(url: str) -> str:
    """`host:port` of a URL, without the user name and password that it may carry."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "no host"


def read_failure(status: int, body: object, headers: Mapping[str, str]) -> Failure:
    """A Failure of an error body such as {"error": {"code": ..., "type": ..., "param": ...}}, or of anything else."""
    content = body.get("error", body) if isinstance(body, dict) else None
    error = content if isinstance(content, dict) else {}
    return Failure(
        status=status,
        code=_keep_identifier(error.get("code")),
        kind=_keep_identifier(error.get("type")),
        parameter=_keep_identifier(error.get("param")),
        headers={name.lower(): value for name, value in headers.items()},
    )


def explain_failure(failure: Failure, target: Target, now: float) -> BackendError:
    """The error to raise for a failure; `now` is Unix time in seconds, for a Retry-After that is a date."""
    if failure.words & _FILTERED:
        return ReplyRefused(f"The content filter of {target.host} refused the request{_quote(failure)}.")
    if failure.status == 402 or failure.words & _NO_CREDIT:
        # Some providers send this as 429. Waiting does not bring credit, and each retry keeps a candidate waiting.
        return BackendNoCredit(
            f"The account at {target.host} has no credit left{_quote(failure)}. Add credit, or set GRADER_API_KEY to a "
            "key of another account."
        )
    if failure.status in (401, 403):
        return BackendKeyRejected(
            f"{target.host} rejected the API key{_quote(failure)}. Set GRADER_API_KEY to a key that may use "
            f"{target.model}."
        )
    if failure.status == 404:
        return BackendModelMissing(
            f"{target.host} has no model {target.model}, or no chat completions under this address{_quote(failure)}. "
            "Check GRADER_MODEL, and that GRADER_BASE_URL has its path (often /v1)."
        )
    if failure.status == 429:
        return BackendOverloaded(
            f"{target.host} asks for fewer requests{_quote(failure)}. Lower the number of calls in flight if this "
            "stays.",
            retry_after_seconds=parse_retry_after(failure.headers, now),
        )
    if failure.status in (408, 409, 425) or failure.status >= 500:
        return BackendUnavailable(f"{target.host} failed{_quote(failure)}. It usually passes; ask again.")
    return _explain_rejection(failure, target)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, of `retry-after-ms` or of `retry-after` (seconds or an HTTP date); None when not said.

    Header names are lower-case; `now` is Unix time in seconds. A date in the past is 0.
    """
    milliseconds = _parse_number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _parse_number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):  # not a date, or one beyond the year 9999
        return None


def _explain_rejection(failure: Failure, target: Target) -> BackendError:
    if failure.status == 413 or failure.words & _TOO_LONG:
        return BackendRequestRejected(
            f"The prompt with this answer is longer than {target.model} at {target.host} reads{_quote(failure)}. "
            "Use a model with a longer context, or a lower limit of the answer's length."
        )
    if failure.parameter or failure.words & _PARAMETER_REFUSED:
        return BackendRequestRejected(
            f"{target.host} refused a parameter of the request{_quote(failure)}. Declare in GRADER_MODEL_PROFILES "
            f"what {target.model} takes: structured_output, token_limit_parameter, sends_temperature, sends_seed, "
            "logprobs."
        )
    return BackendRequestRejected(
        f"{target.host} refused the request{_quote(failure)}. If it lacks a feature, declare in "
        f"GRADER_MODEL_PROFILES what {target.model} takes; else check GRADER_MODEL and GRADER_BASE_URL."
    )


def _quote(failure: Failure) -> str:
    """` (status 400, unsupported_value, parameter temperature)`."""
    words = dict.fromkeys(word for word in (failure.code, failure.kind) if word)
    parameter = [f"parameter {failure.parameter}"] if failure.parameter else []
    return f" ({', '.join([f'status {failure.status}', *words, *parameter])})"


def _keep_identifier(value: object) -> str | None:
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def _parse_number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
