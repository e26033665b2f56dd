"""What is read of a server's address and of its errors; tests/llm and tests/speech look at what is said of them."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from service.domain.servers import describe_host, parse_error_body, parse_retry_after

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"retry-after": formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Mon, 99 Zzz 2026 99:99:99 GMT"}, None),
    ],
)
def test_reads_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, NOW) == seconds


def test_host_is_named_without_credentials() -> None:
    assert describe_host("https://user:secret@models.example:8443/v1?key=secret") == "models.example:8443"
    assert describe_host("nonsense") == "no host"


@pytest.mark.parametrize(
    ("content", "body"),
    [(b'{"error": "slow_down"}', {"error": "slow_down"}), (b"<html>", None), (b"[" * 100_000, None), (b"", None)],
)
def test_body_that_is_no_json_is_none(content: bytes, body: object) -> None:
    assert parse_error_body(content) == body
