"""The gradings that run now: who waits for them, who left, and how they end when the server stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from service.api.metrics import Metrics
from service.api.tracebacks import format_traceback
from service.domain.grade import Scored, Unscored
from service.errors import BackendError, GraderError, ShuttingDown
from service.grading.job import Listener, Progress, Step

Work = Callable[[Listener], Awaitable[Scored | Unscored]]

log = structlog.stdlib.get_logger(__name__)


class Grading:
    """One running grading. With `is_kept` it finishes and is stored also when nobody waits for it any more."""

    def __init__(self, work: Work, backend: str, is_kept: bool, metrics: Metrics) -> None:
        self._work, self._backend, self._is_kept, self._metrics = work, backend, is_kept, metrics
        self._events: asyncio.Queue[Progress | None] = asyncio.Queue()  # a grading has a bounded number of them
        self._has_left = False
        self.is_replay = True  # until it stores a grade: an earlier one is only read
        self.task = asyncio.create_task(self._run(), name="grading")
        self.task.add_done_callback(self._finish)

    async def follow(self) -> AsyncIterator[Progress]:
        """What happens, until the grading ends."""
        while (progress := await self._events.get()) is not None:
            yield progress

    def get_failure(self) -> BaseException | None:
        """Why an ended grading gave no grade; a cancelled one was stopped with the server."""
        if self.task.cancelled():
            return ShuttingDown("The service stopped before this answer was graded. Nothing was stored; send it again.")
        return self.task.exception()

    def get_grade(self) -> Scored | Unscored:
        """The grade of an ended grading; raises its failure."""
        failure = self.get_failure()
        if failure is not None:
            raise failure
        return self.task.result()

    def leave(self) -> None:
        """The client is gone: a grading that nobody can ask for again is stopped, since each call of a model costs."""
        self._has_left = True
        if not self._is_kept:
            self.task.cancel()

    async def _run(self) -> Scored | Unscored:
        started = time.perf_counter()
        with self._metrics.in_flight.track_inprogress():
            try:
                grade = await self._work(self._listen)
            except BackendError as error:
                self._metrics.count_backend_error(error, self._backend)
                raise
        if not self.is_replay:
            self._metrics.count_grade(grade, time.perf_counter() - started)
        return grade

    async def _listen(self, progress: Progress) -> None:
        if progress.step is Step.STORED:
            self.is_replay = False
        self._events.put_nowait(progress)

    def _finish(self, task: asyncio.Task[Scored | Unscored]) -> None:
        self._events.put_nowait(None)
        failure = None if task.cancelled() else task.exception()
        if failure is None or not self._has_left:
            return
        shown = str(failure) if isinstance(failure, GraderError) else format_traceback(failure)
        log.warning("grading failed after its client left", failure=type(failure).__name__, message=shown)


class Gradings:
    """All gradings of a server."""

    def __init__(self, metrics: Metrics, shutdown_seconds: float) -> None:
        self._metrics = metrics
        self._shutdown_seconds = shutdown_seconds
        self._running: set[asyncio.Task[Scored | Unscored]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_stopping(self) -> bool:
        return self._timer is not None

    def start(self, work: Work, backend: str, *, is_kept: bool) -> Grading:
        """Starts grading; raises ShuttingDown when the server stops."""
        if self.is_stopping:
            raise ShuttingDown("The service is stopping. Ask again in a moment.")
        grading = Grading(work, backend, is_kept, self._metrics)
        self._running.add(grading.task)
        grading.task.add_done_callback(self._running.discard)
        return grading

    def begin_shutdown(self) -> None:
        """No new gradings; those that run may finish for `shutdown_seconds`, then they are stopped."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._shutdown_seconds, self._stop_all)

    async def aclose(self) -> None:
        """Returns when no grading runs any more."""
        self.begin_shutdown()
        if self._running:
            await asyncio.wait(self._running)
        if self._timer is not None:
            self._timer.cancel()

    def _stop_all(self) -> None:
        for task in self._running:
            task.cancel()
