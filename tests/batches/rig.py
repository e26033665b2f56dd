"""A batch in a real database, workers in processes of their own, and a provider whose replies depend on the answer."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.config import Settings, load_settings
from service.domain.answer import Answer
from service.domain.batch import Batch, BatchSpec, BatchState, NewAnswer
from service.domain.grade import AssetRef
from service.domain.judgement import CriterionJudgement, FeedbackJudgement, ImprovementClaim, Judgement, StrengthClaim
from service.domain.task import Mode
from service.grading.job import Job
from service.grading.render import render_requests
from service.store.batches import BatchStore
from service.wiring import Services, now, open_library
from tests.factories import ANSWER_TEXT
from tests.servers import faults
from tests.servers.faults import Fault
from tests.servers.provider import AUTHORIZATION, Provider

RUBRIC = "handling-difficult-customers@v1"
NUMBER = re.compile(rb"Case number (\d+)\.")
PASSING = (Fault.SERVER_ERROR, Fault.DROPPED, Fault.HALF_BODY)
IN_FLIGHT = 16


def make_settings(folder: Path, base_url: str, database_url: str | None = None, **changes: Any) -> Settings:
    """Settings for tests, which no variable changes."""
    given: dict[str, Any] = {"model": "openai/good-model", "base_url": base_url, "data_dir": folder}
    given |= {"live_calls": False, "max_concurrent_calls": IN_FLIGHT, "database_url": database_url}
    return load_settings(_env_file=None, **(given | changes))


def make_batch_of(services: Services, batch_id: str = "bat_1", **changes: Any) -> Batch:
    """A batch that is being imported, graded by the settings' model."""
    rubric, prompt = services.library.rubrics.get(RUBRIC), services.library.prompts.get(services.settings.prompt)
    spec: dict[str, Any] = {
        "rubric": AssetRef(id=rubric.id, version=rubric.version, hash=rubric.content_hash),
        "prompt": AssetRef(id=prompt.front.name, version=prompt.front.version, hash=prompt.content_hash),
        "model": services.settings.model,
        "mode": Mode.PRACTICE,
    }
    fields: dict[str, Any] = {
        "id": batch_id, "name": "Autumn", "owner": "", "created_at": now(), "finished_at": None,
        "state": BatchState.IMPORTING, "pause_reason": None, "pause_message": None, "priority": 0, "round": 0,
        "file_name": "a.csv", "file_hash": batch_id, "answers": 0, "rejected": 0, "spec": BatchSpec(**(spec | changes)),
    }  # fmt: skip
    return Batch(**fields)


async def start_batch(services: Services, count: int, batch_id: str = "bat_1", **changes: Any) -> BatchStore:
    """A running batch of so many answers."""
    store = BatchStore(services.stores.database)
    await store.create(make_batch_of(services, batch_id, **changes), [])
    question = services.library.rubrics.get(RUBRIC).questions[0].id
    for first in range(0, count, 500):
        block = [
            NewAnswer(number=n, row=n + 2, candidate=f"c{n}", question=question, text=make_text(n))
            for n in range(first, min(first + 500, count))
        ]
        await store.add_rows(batch_id, block)
    await store.start(batch_id, count, 0)
    return store


def make_text(number: int) -> str:
    return f"{ANSWER_TEXT} Case number {number}."


class Replies:
    """A valid reply for each answer; its level is 1 + number % 5."""

    def __init__(self, folder: Path) -> None:
        library = open_library(make_settings(folder, "http://127.0.0.1:9/v1"))
        rubric = library.rubrics.get(RUBRIC)
        job = Job(
            rubric, rubric.questions[0], Answer(text=make_text(0)), Mode.PRACTICE, library.prompts.get("grade@v1")
        )
        self._criteria = render_requests(job)[0][0].task.criteria

    def __call__(self, body: bytes) -> str:
        found = NUMBER.findall(body)
        return self.make(int(found[-1]) if found else 0)

    def make(self, number: int) -> str:
        quote = ANSWER_TEXT.split(". ")[0]
        claims = {
            criterion.id: CriterionJudgement(
                quotes=(quote,),
                indicators_shown=(criterion.indicators[0].id,),
                rationale="The passage shows it.",
                level=1 + number % 5,
                advice=criterion.indicators[1].tip,
            )
            for criterion in self._criteria
        }
        first = self._criteria[0]
        improvement = ImprovementClaim(
            criterion=first.id,
            indicator=first.indicators[1].id,
            text=first.indicators[1].behaviour,
            example=first.indicators[1].examples[0],
        )
        feedback = FeedbackJudgement(
            summary="You describe what you did step by step.",
            strengths=(StrengthClaim(text="You let the customer finish.", quote=quote),),
            improvements=(improvement,),
            next_step="Practise saying what you checked afterwards.",
            follow_up_question="What would you have done if she had refused?",
        )
        return Judgement(criteria=claims, feedback=feedback).model_dump_json()


class FaultyProvider(Provider):
    """Fails a share of the calls in ways that pass; `failed` counts them.

    While `always` is a fault, every call meets it. A `key` that is set is the only one that is accepted.
    """

    def __init__(self, replies: Replies, fault_share: float, latency_seconds: float) -> None:
        super().__init__(replies, latency_seconds=latency_seconds, keeps_requests=False)
        self._share = fault_share
        self._draws = random.Random(4)
        self.failed = 0
        self.always: Fault | None = None
        self.key: str | None = None
        self._loop = asyncio.new_event_loop()
        self._port = 0

    def call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def call_off(self) -> None:
        """Hangs up on everybody; from now on nobody listens on the port."""
        self._port = int(self.base_url.rsplit(":", 1)[1].split("/")[0])
        self.call(self.stop())

    def come_back(self) -> None:
        self.call(self.start(self._port))

    def choose_answer(self, head: bytes, body: bytes) -> tuple[faults.Answer, float]:
        given = AUTHORIZATION.search(head)
        if self.key is None or (given and given[1].decode() == f"Bearer {self.key}"):
            return super().choose_answer(head, body)
        self.calls += 1
        self.failed += 1
        return faults.make_answer(Fault.KEY_REJECTED, ""), 0.0

    def _choose_fault(self, body: bytes) -> Fault:
        if self.always is not None:
            self.failed += 1
            return self.always
        if self.faults or self._draws.random() >= self._share:
            return super()._choose_fault(body)
        self.failed += 1
        return self._draws.choice(PASSING)


@contextmanager
def run_faulty_provider(
    folder: Path, fault_share: float = 0.0, latency_seconds: float = 0.05
) -> Iterator[FaultyProvider]:
    """The provider on an event loop in a thread: tests block theirs."""
    provider = FaultyProvider(Replies(folder), fault_share, latency_seconds)
    loop = provider._loop
    thread = threading.Thread(target=loop.run_forever, name="provider", daemon=True)
    thread.start()
    provider.call(provider.start())
    try:
        yield provider
    finally:
        provider.call(provider.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class WorkerProcess:
    """`python -m tests.batches.crash.worker`, to be killed, frozen and started again.

    `changes` are further settings of the process, `variables` its environment.
    """

    def __init__(
        self, settings: Settings, log: Path, variables: Mapping[str, str] | None = None, **changes: Any
    ) -> None:
        url = settings.database_url
        given = {
            "folder": str(settings.data_dir),
            "base_url": settings.base_url,
            "database_url": url.get_secret_value() if url else None,
            "changes": changes,
        }
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.batches.crash.worker", json.dumps(given)],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(variables or {})},
                stdout=out,
                stderr=out,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()


def wait_until(condition: Any, seconds: float, what: str) -> None:
    """Returns when the condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:g} s: {what}"
        time.sleep(0.02)
