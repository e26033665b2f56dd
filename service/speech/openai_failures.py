"""What a failed transcription call means and what to do about it; the sibling for models is llm/failures.py."""

from __future__ import annotations

from service.domain.servers import Failure, parse_retry_after
from service.errors import SpeechError, SpeechOverloaded, SpeechRejected, SpeechUnavailable


def explain_failure(failure: Failure, host: str, model: str, now: float) -> SpeechError:
    """The error to raise for a failure; `now` is Unix time in seconds, for a Retry-After that is a date."""
    status = failure.status
    if failure.lacks_credit:
        return SpeechRejected(f"The account at {host} has no credit left {failure}. Add credit, or use another key.")
    if status in (401, 403):
        return SpeechRejected(
            f"{host} rejected the API key {failure}. Set GRADER_TRANSCRIBER_API_KEY to a key that may use {model}."
        )
    if status == 404:
        return SpeechRejected(
            f"{host} has no model {model}, or no transcriptions under this address {failure}. Check "
            "GRADER_TRANSCRIBER, and that GRADER_TRANSCRIBER_BASE_URL has its path (often /v1)."
        )
    if status == 413:
        return SpeechRejected(
            f"The recording is larger than {host} takes {failure}. Lower GRADER_MAX_AUDIO_SECONDS, or transcribe on "
            "this machine with GRADER_TRANSCRIBER=whisper."
        )
    if status == 429:
        wait_seconds = parse_retry_after(failure.headers, now)
        return SpeechOverloaded(f"{host} asks for fewer requests {failure}. Send it later.", wait_seconds)
    if status in (408, 409, 425) or status >= 500:
        return SpeechUnavailable(f"{host} failed {failure}. It usually passes; transcribe again.")
    return SpeechRejected(
        f"{host} refused the recording or the request {failure}. Check GRADER_TRANSCRIBER and "
        "GRADER_TRANSCRIBER_BASE_URL."
    )
