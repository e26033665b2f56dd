"""Gradings that outlive their clients, and the end of all of them."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from service.api.gradings import Gradings
from service.api.metrics import Metrics
from service.domain.grade import Scored, Unscored
from service.errors import BackendUnavailable, ShuttingDown
from service.grading.job import Listener


@pytest.mark.parametrize("failure", [BackendUnavailable("No connection."), ZeroDivisionError("the candidate's words")])
async def test_a_failure_after_the_client_left_is_logged(failure: Exception) -> None:
    async def fail(_: Listener) -> Scored | Unscored:
        raise failure

    with capture_logs() as logs:
        grading = Gradings(Metrics(), 1).start(fail, "embedded", is_kept=True)
        grading.leave()
        await asyncio.wait([grading.task])
    (line,) = logs
    assert line["failure"] == type(failure).__name__
    assert "candidate" not in line["message"]


async def test_closing_waits_for_what_runs_and_stops_what_takes_too_long() -> None:
    async def hang(_: Listener) -> Scored | Unscored:
        await asyncio.Event().wait()
        raise AssertionError

    gradings = Gradings(Metrics(), 0.05)
    grading = gradings.start(hang, "embedded", is_kept=True)
    await gradings.aclose()
    with pytest.raises(ShuttingDown, match="send it again"):
        grading.get_grade()
    with pytest.raises(ShuttingDown):
        gradings.start(hang, "embedded", is_kept=True)
