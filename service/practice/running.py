"""The gradings that run in this process: any number may watch one, and whoever leaves stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from service.errors import GraderError, ShuttingDown
from service.grading.job import Listener, Progress
from service.practice.events import EventKind, PracticeEvent, describe_progress

Work = Callable[[Listener], Awaitable[None]]
Report = Callable[[BaseException], None]

BUG = "The service failed while it graded your answer. The answer is kept; try again, and tell whoever runs this."
STOPPED = "The service stopped before your answer was graded. The answer is kept; it is graded when you come back."


class Grading:
    """One running grading, whose it is (`owner`), and all that was told of it so far."""

    def __init__(self, owner: str, work: Work, report: Report) -> None:
        self.owner = owner
        self._report = report
        self._events: list[PracticeEvent] = []
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._run(work), name="practice-grading")

    async def follow(self, after: int = 0) -> AsyncIterator[PracticeEvent]:
        """The events with numbers above `after`, those of before first, until the last one."""
        place = after
        while True:
            changed = self._changed
            while place < len(self._events):
                event = self._events[place]
                place += 1
                yield event
                if event.is_last:
                    return
            await changed.wait()

    async def _run(self, work: Work) -> None:
        try:
            await work(self._listen)
        except GraderError as error:
            self._tell(PracticeEvent(self._next, EventKind.FAILED, str(error), code=error.code))
        except asyncio.CancelledError:
            self._tell(PracticeEvent(self._next, EventKind.FAILED, STOPPED, code=ShuttingDown.code))
            raise
        except Exception as bug:  # noqa: BLE001 -- reported; those who watch must not wait for ever
            self._report(bug)
            self._tell(PracticeEvent(self._next, EventKind.FAILED, BUG, code=GraderError.code))
        else:
            self._tell(PracticeEvent(self._next, EventKind.DONE))

    async def _listen(self, progress: Progress) -> None:
        self._tell(describe_progress(self._next, progress))

    @property
    def _next(self) -> int:
        return len(self._events) + 1

    def _tell(self, event: PracticeEvent) -> None:
        self._events.append(event)
        self._changed.set()
        self._changed = asyncio.Event()  # those who waited have the old one


class Gradings:
    """All running gradings, by the id of the attempt."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._running: dict[str, Grading] = {}
        self._is_stopping = False

    def find(self, key: str) -> Grading | None:
        """The one that runs now."""
        grading = self._running.get(key)
        return grading if grading is not None and not grading.task.done() else None

    def start(self, key: str, owner: str, work: Work) -> Grading:
        """The grading with this key, started unless it runs. Raises ShuttingDown when the service stops."""
        if (running := self.find(key)) is not None:
            return running
        if self._is_stopping:
            raise ShuttingDown("The service is stopping. Your answer is kept; come back in a moment.")
        grading = self._running[key] = Grading(owner, work, self._report)
        grading.task.add_done_callback(lambda task: self._forget(key, task))
        return grading

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if key in self._running and self._running[key].task is task:  # else it was begun anew
            del self._running[key]

    async def aclose(self, patience_seconds: float) -> None:
        """Refuses new ones; those that run may finish for a while, then they are stopped."""
        self._is_stopping = True
        tasks = [one.task for one in self._running.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=patience_seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
