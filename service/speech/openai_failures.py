"""What a failed transcription call means and what to do about it; the siblings of the words are in llm/failures.py."""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.errors import SpeechError, SpeechOverloaded, SpeechRejected, SpeechUnavailable

if TYPE_CHECKING:
    import httpx

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")  # a server's own sentences may repeat what was said
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "credit_balance_too_low"}


def describe_host(url: str) -> str:
    """`host:port` of a URL, without the user name and password that it may carry."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "no host"


def is_loopback(url: str) -> bool:
    """Whether the URL is on this machine; names are not resolved."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def explain_status(status: int, response: httpx.Response, host: str, model: str, now: float) -> SpeechError:
    """The error of an HTTP answer that is none; `now` is Unix time in seconds, for a Retry-After that is a date."""
    words = _read_words(response)
    told = f" ({', '.join([f'status {status}', *words])})"
    if status == 402 or _NO_CREDIT & set(words):
        return SpeechRejected(f"The account at {host} has no credit left{told}. Add credit, or use another key.")
    if status in (401, 403):
        return SpeechRejected(
            f"{host} rejected the API key{told}. Set GRADER_TRANSCRIBER_API_KEY to a key that may use {model}."
        )
    if status == 404:
        return SpeechRejected(
            f"{host} has no model {model}, or no transcriptions under this address{told}. Check GRADER_TRANSCRIBER, "
            "and that GRADER_TRANSCRIBER_BASE_URL has its path (often /v1)."
        )
    if status == 413:
        return SpeechRejected(
            f"The recording is larger than {host} takes{told}. Lower GRADER_MAX_AUDIO_SECONDS, or transcribe on this "
            "machine with GRADER_TRANSCRIBER=whisper."
        )
    if status == 429:
        return SpeechOverloaded(f"{host} asks for fewer requests{told}. Send it later.", _read_retry(response, now))
    if status in (408, 409, 425) or status >= 500:
        return SpeechUnavailable(f"{host} failed{told}. It usually passes; transcribe again.")
    return SpeechRejected(
        f"{host} refused the recording or the request{told}. Check GRADER_TRANSCRIBER and GRADER_TRANSCRIBER_BASE_URL."
    )


def _read_words(response: httpx.Response) -> list[str]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return []
    content = body.get("error", body) if isinstance(body, dict) else None
    values = [content.get(name) for name in ("code", "type", "param")] if isinstance(content, dict) else []
    return list(dict.fromkeys(word for word in values if isinstance(word, str) and _IDENTIFIER.fullmatch(word)))


def _read_retry(response: httpx.Response, now: float) -> float | None:
    value = response.headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):  # not a date, or one beyond the year 9999
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
