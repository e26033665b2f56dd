"""What the logs say, and what they never say."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import TypeAdapter

from service.api.logs import choose_request_id, configure_logs
from service.api.tracebacks import format_traceback
from service.config import Settings
from service.errors import BackendRequestRejected, StoreFull
from service.llm.base import Request
from service.wiring import open_services
from tests.api.support import BODY, check_problem, make_client, make_key, open_scripted, open_with, run_app, run_client
from tests.servers.faults import Fault
from tests.servers.provider import run_provider

MARKER = "MARKER-of-the-candidate"


@pytest.fixture
def restored_logs() -> Iterator[None]:
    """Undoes configure_logs."""
    names = ["", "service", "uvicorn", "uvicorn.error", "LiteLLM", "litellm", "openai", "httpx", "httpcore"]
    loggers = [logging.getLogger(name) for name in [*names, "LiteLLM Router", "LiteLLM Proxy"]]
    before = [(one, one.level, list(one.handlers), list(one.filters)) for one in loggers]
    yield
    for logger, level, handlers, filters in before:
        logger.setLevel(level)
        logger.handlers[:], logger.filters[:] = handlers, filters
    structlog.reset_defaults()


@pytest.fixture
def lines(restored_logs: None, settings: Settings) -> io.StringIO:
    """Everything that is logged, at the level that says most."""
    stream = io.StringIO()
    configure_logs(settings.model_copy(update={"log_format": "json", "log_level": "debug"}), stream)
    return stream


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


async def test_a_request_is_one_line(settings: Settings, lines: io.StringIO) -> None:
    async with run_client(settings) as client:
        response = await client.get("/v1/grades?candidate_ref=MARKER", headers={"X-Request-ID": "my-request-1"})
        await client.get("/v1/grades/MARKER")
    assert response.headers["x-request-id"] == "my-request-1"
    requests = [one for one in read(lines) if one["event"] == "request"]
    assert [(one["method"], one["route"], one["status"], one.get("problem")) for one in requests] == [
        ("GET", "/v1/grades", 200, None),
        ("GET", "/v1/grades/{grade_id}", 404, "grade-unknown"),
    ]
    assert requests[0]["request_id"] == "my-request-1"
    assert requests[0]["ms"] > 0
    assert "MARKER" not in lines.getvalue()


@pytest.mark.parametrize("asked", [None, "", "short", "with space", "x" * 129, "line\nbreak", "a=1;DROP"])
def test_an_odd_request_id_is_replaced(asked: str | None) -> None:
    assert choose_request_id(asked) != asked
    assert len(choose_request_id(asked)) == 32


async def test_no_log_holds_candidate_text(settings: Settings, lines: io.StringIO) -> None:
    def fail(request: Request) -> str:
        TypeAdapter(int).validate_python(request.task.answer.text)
        raise AssertionError

    body = {**BODY, "answer": f"I said {MARKER} and then I apologised to them.", "candidate_ref": MARKER}
    for script in (fail, [BackendRequestRejected("It was refused.")], [f'{{"{MARKER}": 1}}', MARKER]):
        async with run_client(settings, open_scripted(script)) as client:
            for headers in ({}, {"Accept": "text/event-stream"}, {"Idempotency-Key": MARKER}):
                await client.post("/v1/grades", json=body, headers=headers)
            await client.post("/v1/grades", json={**body, MARKER: 1, "samples": MARKER})
            await client.post("/v1/grades", content=MARKER, headers={"Content-Type": "application/json"})
            await client.get("/v1/grades", params={"candidate_ref": MARKER, "cursor": MARKER})
            await client.get(f"/{MARKER}")
            await client.get("/v1/rubrics/x", headers={"Authorization": f"Bearer {MARKER}", "X-Request-ID": "12345678"})
    assert MARKER not in lines.getvalue()
    logged = read(lines)
    assert any(one["event"] == "unexpected failure" and "ValidationError" in one["traceback"] for one in logged)
    assert any(one.get("code") == "backend-request-rejected" for one in logged)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.PARAMETER_REFUSED, Fault.ERROR_IN_200, Fault.REFUSAL])
async def test_no_log_holds_what_a_provider_says(settings: Settings, lines: io.StringIO, fault: Fault) -> None:
    async with run_provider() as provider:
        changes = {"model": f"openai/{fault.value}", "base_url": provider.base_url}
        async with run_client(settings.model_copy(update=changes), open_services) as client:
            response = await client.post("/v1/grades", json={**BODY, "answer": f"{MARKER} {BODY['answer']}"})
    assert response.status_code in (201, 502, 503)
    assert MARKER not in lines.getvalue()
    assert "Traceback" not in lines.getvalue()


async def test_a_key_is_never_logged(settings: Settings, lines: io.StringIO) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        secret = await make_key(app)
        check_problem(await client.get("/v1/grades", headers={"X-API-Key": secret}), 403, "scope-required")
    assert secret not in lines.getvalue()


def test_vendors_say_nothing_below_a_warning(lines: io.StringIO) -> None:
    logging.getLogger("openai").error("the body was %s", MARKER)
    logging.getLogger("aiosqlite").debug("INSERT %s", MARKER)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=ValueError(MARKER))
    logging.getLogger("somebody").error("failed", exc_info=ValueError(MARKER))
    (line,) = read(lines)
    assert line["traceback"] == "builtins.ValueError: (message withheld)"


def test_a_console_line_is_readable(restored_logs: None, settings: Settings) -> None:
    stream = io.StringIO()
    configure_logs(settings, stream)
    structlog.stdlib.get_logger("service.x").info("listening", address="http://127.0.0.1")
    assert "listening" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_traceback_shows_places_and_kinds_and_no_words() -> None:
    def fail() -> None:
        try:
            int(MARKER)
        except ValueError as error:
            raise StoreFull("No space left.") from error

    with pytest.raises(StoreFull) as caught:
        fail()
    text = format_traceback(ExceptionGroup(MARKER, [caught.value]))
    assert MARKER not in text
    assert "test_logs.py" in format_traceback(caught.value)
    assert "builtins.ValueError: (message withheld)\nThen:\n" in format_traceback(caught.value)
    assert "service.errors.StoreFull: No space left." in text


def test_importing_the_app_opens_nothing(tmp_path: Path) -> None:
    from service.api.app import create_app

    create_app(Settings(data_dir=tmp_path / "data"), open_with(lambda _: pytest.fail("built")))
    assert not (tmp_path / "data").exists()
