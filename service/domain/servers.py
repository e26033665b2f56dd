"""What a server's address and its errors tell; shared by the seams to models and to speech."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

# Servers echo the prompt or the transcript, and with it the candidate's words, in the message of an error. Only words
# of this shape are repeated: invalid_api_key, messages[1].content, unsupported_value.
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "credit_balance_too_low"}


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP answer that is an error: status, the server's own words for it, headers (lower-case names)."""

    status: int
    code: str | None = None
    kind: str | None = None
    parameter: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> set[str]:
        return {word.lower() for word in (self.code, self.kind) if word}

    @property
    def lacks_credit(self) -> bool:
        """Some say so with a 429. Waiting does not bring credit, and each retry keeps a candidate waiting."""
        return self.status == 402 or bool(self.words & _NO_CREDIT)

    def __str__(self) -> str:
        """`(status 400, unsupported_value, parameter temperature)`, to stand in a sentence."""
        words = dict.fromkeys(word for word in (self.code, self.kind) if word)
        parameter = [f"parameter {self.parameter}"] if self.parameter else []
        return f"({', '.join([f'status {self.status}', *words, *parameter])})"


def describe_host(url: str) -> str:
    """`host:port` of a URL, without the user name and password that it may carry."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "no host"


@lru_cache(maxsize=64)  # asked before every call of a model
def is_loopback(url: str) -> bool:
    """Whether the URL's host is 127.0.0.0/8, ::1 or localhost.

    Names are not resolved: a name that happens to point here today is not this machine.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def parse_error_body(content: bytes) -> object:
    """The JSON of an error's body, for `read_failure`; None where it is none."""
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body


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


def _keep_identifier(value: object) -> str | None:
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else None


def _parse_number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
