"""Practice over real stores and files, with a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from service.config import Settings
from service.domain.practice import Attempt, Learner, NewAttempt
from service.llm.base import Request
from service.llm.scripted import Script
from service.wiring import Services
from service.wiring_practice import Practice, open_practice
from service.wiring_speech import Speech
from tests.api.support import open_scripted
from tests.factories import ANSWER_TEXT, make_reply_text

RUBRIC, QUESTION = "handling-difficult-customers", "de-escalate-angry-customer"
ADA, BOB = (Learner(id=digit * 64) for digit in "ab")


def reply(request: Request) -> str:
    return make_reply_text(request.task)


def raise_bug(bug: BaseException) -> None:
    raise AssertionError("nothing unexpected may happen in a test") from bug


@asynccontextmanager
async def run_services(folder: Path, script: Script = reply, **settings: Any) -> AsyncIterator[Services]:
    """Services with one attempt at each call, so that no test waits for a retry."""
    options: dict[str, Any] = {"attempts": 1, "shutdown_seconds": 0.2, **settings}
    async with open_scripted(script)(Settings(data_dir=folder, **options)) as services:
        yield services


@asynccontextmanager
async def run_practice(
    folder: Path,
    script: Script = reply,
    speech: Speech | None = None,
    report: Callable[[BaseException], None] = raise_bug,
    **settings: Any,
) -> AsyncIterator[Practice]:
    async with (
        run_services(folder, script, **settings) as services,
        open_practice(services, speech, report) as practice,
    ):
        yield practice


def make_new(answer: str = ANSWER_TEXT, **changes: Any) -> NewAttempt:
    return NewAttempt(**{"rubric": RUBRIC, "question": QUESTION, "answer": answer, **changes})


async def attempt(practice: Practice, learner: Learner = ADA, answer: str = ANSWER_TEXT, **changes: Any) -> Attempt:
    """An attempt whose grading ended."""
    started = await practice.start(learner, make_new(answer, **changes))
    return await practice.wait(learner, started.id)


async def list_grades(practice: Practice) -> list[str]:
    """All that the database has."""
    async with practice.attempts._database.begin_read() as connection:
        return list((await connection.execute(text("SELECT id FROM grades"))).scalars())
