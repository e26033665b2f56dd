"""What a failed call means and what to do about it, the same for every server that speaks HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.servers import Failure, parse_retry_after
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

_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
_FILTERED = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation"}
_PARAMETER_REFUSED = {"unsupported_parameter", "unsupported_value", "unknown_parameter", "invalid_value"}


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked for what; `host` never holds credentials."""

    host: str
    model: str


def explain_failure(failure: Failure, target: Target, now: float) -> BackendError:
    """The error to raise for a failure; `now` is Unix time in seconds, for a Retry-After that is a date."""
    if failure.words & _FILTERED:
        return ReplyRefused(f"The content filter of {target.host} refused the request {failure}.")
    if failure.lacks_credit:
        return BackendNoCredit(
            f"The account at {target.host} has no credit left {failure}. Add credit, or set GRADER_API_KEY to a "
            "key of another account."
        )
    if failure.status in (401, 403):
        return BackendKeyRejected(
            f"{target.host} rejected the API key {failure}. Set GRADER_API_KEY to a key that may use {target.model}."
        )
    if failure.status == 404:
        return BackendModelMissing(
            f"{target.host} has no model {target.model}, or no chat completions under this address {failure}. "
            "Check GRADER_MODEL, and that GRADER_BASE_URL has its path (often /v1)."
        )
    if failure.status == 429:
        return BackendOverloaded(
            f"{target.host} asks for fewer requests {failure}. Lower the number of calls in flight if this stays.",
            retry_after_seconds=parse_retry_after(failure.headers, now),
        )
    if failure.status in (408, 409, 425) or failure.status >= 500:
        return BackendUnavailable(f"{target.host} failed {failure}. It usually passes; ask again.")
    return _explain_rejection(failure, target)


def _explain_rejection(failure: Failure, target: Target) -> BackendError:
    if failure.status == 413 or failure.words & _TOO_LONG:
        return BackendRequestRejected(
            f"The prompt with this answer is longer than {target.model} at {target.host} reads {failure}. "
            "Use a model with a longer context, or a lower limit of the answer's length."
        )
    if failure.parameter or failure.words & _PARAMETER_REFUSED:
        return BackendRequestRejected(
            f"{target.host} refused a parameter of the request {failure}. Declare in GRADER_MODEL_PROFILES "
            f"what {target.model} takes: structured_output, token_limit_parameter, sends_temperature, sends_seed, "
            "logprobs."
        )
    return BackendRequestRejected(
        f"{target.host} refused the request {failure}. If it lacks a feature, declare in "
        f"GRADER_MODEL_PROFILES what {target.model} takes; else check GRADER_MODEL and GRADER_BASE_URL."
    )
