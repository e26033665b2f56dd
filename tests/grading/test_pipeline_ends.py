"""A grading that is cancelled, takes too long, or whose listener fails stores nothing and leaves no call behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from service.errors import (
    BackendTimeout,
)
from service.grading.call import CallPolicy
from service.grading.job import Progress, Step
from service.grading.pipeline import grade_answer
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from tests.factories import make_reply_text
from tests.grades import Shelf, make_grader, make_job

GOOD = make_reply_text()


async def hang(request: Request) -> str:
    await asyncio.Event().wait()
    return GOOD


async def reach_first_call(backend: ScriptedBackend, grading: Awaitable[object]) -> asyncio.Task[object]:
    task = asyncio.ensure_future(grading)
    while not backend.requests:
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("prompt", ["grade@v1", "grade-each@v1"])
async def test_a_grading_that_is_cancelled_stores_nothing(samples: int, prompt: str) -> None:
    shelf, backend = Shelf(), ScriptedBackend(hang)
    job = make_job(samples=samples, prompt=prompt)
    task = await reach_first_call(backend, grade_answer(job, make_grader(backend, shelf)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shelf.grades == []
    assert len(asyncio.all_tasks()) == 1, "no call is left behind"


async def test_a_grading_cancelled_before_it_began_leaves_nothing_behind() -> None:
    shelf, backend = Shelf(), ScriptedBackend(hang)
    task = asyncio.create_task(grade_answer(make_job(samples=3), make_grader(backend, shelf)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shelf.grades == []


async def test_a_model_that_never_replies_is_a_timeout_and_nothing_is_stored() -> None:
    shelf = Shelf()
    grader = make_grader(ScriptedBackend(hang), shelf, CallPolicy(deadline_seconds=0.02))
    with pytest.raises(BackendTimeout, match=r"within 0\.02 s"):
        await grade_answer(make_job(samples=3, prompt="grade-each@v1"), grader)
    assert shelf.grades == []
    assert len(asyncio.all_tasks()) == 1


async def test_a_listener_that_fails_ends_the_grading_with_its_error() -> None:
    async def fail(progress: Progress) -> None:
        if progress.step is Step.CRITERION:
            raise ConnectionResetError("the reader left")

    shelf = Shelf()
    with pytest.raises(ConnectionResetError):
        await grade_answer(make_job(), make_grader(ScriptedBackend([GOOD]), shelf), fail)
    assert shelf.grades == []
