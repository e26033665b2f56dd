"""Ten minutes in a second: an event loop whose time jumps to the next timer, and stores in memory."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from service.batches.chunk import ChunkRunner, ChunkTools
from service.batches.leases import Lease
from service.batches.plans import Planner
from service.domain.answer import AnswerKind
from service.domain.batch import ANSWERS_IN_CHUNK, Batch, BatchState, Counts, PauseReason
from service.domain.grade import AssetRef, Scored, Unscored
from service.domain.task import Mode
from service.errors import BackendError, BatchStateConflict, StoreError
from service.grading.call import Caller, CallPolicy
from service.llm.base import Reply, Request
from service.llm.scripted import ScriptedBackend
from service.store.answers import WaitingAnswer
from service.store.completion import AnswerKey
from service.wiring import now, open_library
from tests.batches.rig import NUMBER, RUBRIC, Replies, make_settings, make_text
from tests.store.batch_factory import make_batch

IN_FLIGHT = 16
LATENCY_SECONDS = 0.05


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: whoever would have waited finds the time passed."""

    jump: Callable[[float], None]

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits and no timer is set: nothing would ever go on")
        if not ready and timeout:
            self.jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time is that of its timers. Threads and sockets are not waited for: use neither."""

    def __init__(self) -> None:
        self.seconds = 0.0
        selector = _JumpingSelector()
        selector.jump = self._jump
        super().__init__(selector)

    def time(self) -> float:
        return self.seconds

    def _jump(self, seconds: float) -> None:
        self.seconds += seconds


def run_virtually(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())


def get_seconds() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class MemoryStore:
    """What a chunk needs of the stores of batches, answers and grades. `away` is raised while it says something."""

    batch: Batch
    count_of_answers: int
    away: Callable[[], StoreError | None] = lambda: None
    grades: dict[int, Scored | Unscored] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    tries: int = 0

    def _reach(self) -> None:
        self.tries += 1
        if error := self.away():
            raise error

    async def get(self, _: object) -> Batch:
        self._reach()
        return self.batch

    async def load_many(self, ids: Iterable[str]) -> dict[str, Batch]:
        self._reach()
        return dict.fromkeys(ids, self.batch)

    async def load_chunk(self, batch_id: str, chunk: int) -> tuple[WaitingAnswer, ...]:
        self._reach()
        first = chunk * ANSWERS_IN_CHUNK
        numbers = range(first, min(first + ANSWERS_IN_CHUNK, self.count_of_answers))
        question = self.question
        return tuple(
            WaitingAnswer(AnswerKey(batch_id, number), f"c{number}", question, make_text(number), AnswerKind.TYPED)
            for number in numbers
            if number not in self.grades and number not in self.failed
        )

    question: str = ""

    async def save_answer(self, grade: Scored | Unscored, key: AnswerKey) -> None:
        self._reach()
        assert key.number not in self.grades, "graded twice"
        self.grades[key.number] = grade

    async def fail(self, key: AnswerKey, code: str, _: str) -> None:
        self._reach()
        self.failed[key.number] = code

    async def count(self, _: str) -> Counts:
        return Counts(waiting=self.count_of_answers - len(self.grades), scored=len(self.grades))

    async def finish_if_done(self, *_: object) -> bool:
        self._reach()
        is_done = len(self.grades) + len(self.failed) == self.count_of_answers
        if is_done and self.batch.state is BatchState.RUNNING:
            self.batch = self.batch.model_copy(update={"state": BatchState.FINISHED})
            return True
        return False

    async def change_state(
        self, _: str, expected: Iterable[BatchState], new: BatchState, pause_reason: PauseReason, **__: Any
    ) -> Batch:
        self._reach()
        if self.batch.state not in expected:
            raise BatchStateConflict("Another answer said it first.")
        self.batch = self.batch.model_copy(update={"state": new, "pause_reason": pause_reason})
        return self.batch


@dataclass
class Scene:
    """A batch at work. `calls` are the times of all calls, `failures` those of the ones that failed."""

    store: MemoryStore
    runner: ChunkRunner
    calls: list[float]
    failures: list[float]

    async def run(self) -> None:
        """Until the batch is finished or stands still."""
        looking = asyncio.create_task(self.runner.watch.keep_looking())
        chunks = range(-(-self.store.count_of_answers // ANSWERS_IN_CHUNK))
        await asyncio.gather(*(self.runner.run("bat_1", chunk) for chunk in chunks))
        looking.cancel()


def make_scene(
    folder: Path, count: int, decide: Callable[[float], BackendError | None], call_seconds: float = LATENCY_SECONDS
) -> Scene:
    """`decide` says how a call of that moment fails, None: it does not. A call that fails takes `call_seconds`."""
    library = open_library(make_settings(folder, "http://127.0.0.1:9/v1"))
    rubric, prompt = library.rubrics.get(RUBRIC), library.prompts.get("grade@v1")
    replies = Replies(folder)
    calls, failures = list[float](), list[float]()

    async def reply(request: Request) -> Reply:
        calls.append(get_seconds())
        if error := decide(get_seconds()):
            await asyncio.sleep(call_seconds)
            failures.append(get_seconds())
            raise error
        await asyncio.sleep(LATENCY_SECONDS)
        return Reply(replies.make(int(NUMBER.findall(request.messages[1].text.encode())[-1])), "scripted")

    caller = Caller(ScriptedBackend(reply), CallPolicy(), IN_FLIGHT, draw_jitter=lambda: 0.5).for_bulk()
    spec = make_batch().spec.model_copy(
        update={
            "mode": Mode.PRACTICE,
            "rubric": AssetRef(id=rubric.id, version=rubric.version, hash=rubric.content_hash),
            "prompt": AssetRef(id=prompt.front.name, version=prompt.front.version, hash=prompt.content_hash),
        }
    )
    store = MemoryStore(make_batch(state=BatchState.RUNNING, spec=spec), count, question=rubric.questions[0].id)
    planner = Planner(library.rubrics, library.prompts, lambda _: caller)
    trail = SimpleNamespace(note=lambda *_: None)
    anything = cast(Any, store)
    tools = ChunkTools(anything, anything, anything, planner, lambda _: IN_FLIGHT, get_seconds, now, cast(Any, trail))
    lease = Lease(5.0, get_seconds)
    lease.renew(float("inf"))
    return Scene(store, ChunkRunner(tools, lease), calls, failures)
