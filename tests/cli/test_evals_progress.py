"""Progress: what is known is told, at a pace that a log bears."""

from __future__ import annotations

from typing import Any

import pytest

import service.cli.progress as shown
from service.cli.evals_progress import describe_pace, show_progress
from service.cli.progress import describe_time
from service.evaluation.tally import RunProgress


def make_progress(**changes: Any) -> RunProgress:
    fields: dict[str, Any] = {
        "total": 300, "done": 120, "earlier": 20, "scored": 118, "unscored": {}, "failed": 0, "tokens_in": 120_000,
        "tokens_out": 20_000, "cost_usd": 0.125, "seconds": 10.0,
    }  # fmt: skip
    return RunProgress(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "10.0/s, 0:00:18 left, 120,000 tokens in, 20,000 out, $0.12"),
        ({"tokens_in": None, "cost_usd": None, "failed": 2}, "10.0/s, 0:00:18 left, 2 failed"),
        ({"done": 20, "cost_usd": 0.0, "tokens_in": 0}, ""),
    ],
)
def test_pace_tells_what_is_known(changes: dict[str, Any], text: str) -> None:
    assert describe_pace(make_progress(**changes)) == text


def test_time_is_readable() -> None:
    assert [describe_time(seconds) for seconds in (0.4, 125, 36_061)] == ["0:00:00", "0:02:05", "10:01:01"]


async def test_pipe_gets_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("service.cli.progress.time.monotonic", lambda: now[0])
    with show_progress(quiet=False) as listen:
        for seconds in (1.0, 5.0, 10.5, 12.0, 21.0):
            now[0] = 100 + seconds
            await listen(make_progress())
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["120 of 300 done; 10.0/s, 0:00:18 left, 120,000 tokens in, 20,000 out, $0.12"] * 2


async def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "LINE_EVERY_SECONDS", 0.0)
    with show_progress(quiet=True) as listen:
        await listen(make_progress())
    assert capsys.readouterr().err == ""
