"""The eval run that this server works on: begun by a request, going on without it, stopped with the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from service.api.handlers import report_unexpected
from service.errors import GraderError, RunBusy, ShuttingDown
from service.evaluation.folder import Finished
from service.evaluation.tally import RunListener, RunProgress
from service.wiring import Services
from service.wiring_evals import Evaluation, PreparedRun
from service.wiring_models import EMBEDDED

LIVE_TO_EVALS = 4  # of four calls in flight that the operator allows, an eval run makes one
LONGEST_PAUSE_SECONDS = 0.1
EVENT_SECONDS = 0.25  # a run may grade hundreds a second, and nobody reads that
MOST_REMEMBERED = 32  # ended runs whose failure can still be asked for

Work = Callable[[RunListener], Awaitable[Finished]]

log = structlog.stdlib.get_logger(__name__)


def build_evaluation(services: Services, model: str | None = None) -> Evaluation:
    """Runs by the server's own models, with a share of the calls in flight: live gradings must not wait for them."""
    settings = services.settings
    most = settings.max_concurrent_calls
    share = 1 if computes_here(model or settings.model) else max(1, most // LIVE_TO_EVALS)
    limited = settings.model_copy(update={"max_concurrent_calls": share})
    return Evaluation(limited, services.library, services.models)


def computes_here(model: str) -> bool:
    """Whether grading keeps this process busy, where another model would be waited for."""
    return model == EMBEDDED or model.startswith("replay/")


class EvalRun:
    """One attempt of this server at a run.

    With `pauses` it rests after each grade for as long as that took: grading in the event loop without a break made
    every turn of the loop 39 ms late, and a live request needs ten turns.
    """

    def __init__(self, run_id: str, work: Work, *, pauses: bool = False) -> None:
        self.id = run_id
        self.progress: RunProgress | None = None
        self._pauses = pauses
        self._rested = 0.0
        self._began = asyncio.Event()
        self.task = asyncio.create_task(self._run(work), name="eval-run")
        self.task.add_done_callback(self._finish)

    @property
    def is_going(self) -> bool:
        return not self.task.done()

    async def wait_for_start(self) -> None:
        """Returns when cases are being graded; raises what kept them from it, such as RunBusy or RunNotWritable."""
        await self._began.wait()
        failure = self.get_failure()
        if failure is not None and self.progress is None:
            raise failure

    async def follow(self) -> AsyncIterator[RunProgress]:
        """How far it is: now, and at most every `EVENT_SECONDS` when that changed, until the attempt ends."""
        told = None
        while True:
            is_last = not self.is_going
            if self.progress is not None and self.progress is not told:
                told = self.progress
                yield told
            if is_last:
                return
            await asyncio.wait({self.task}, timeout=EVENT_SECONDS)

    def get_failure(self) -> BaseException | None:
        """Why an ended attempt did not finish the run; None while it goes on."""
        if self.is_going:
            return None
        if self.task.cancelled():
            return ShuttingDown("The service stopped before this run was finished. Ask for the same run: it continues.")
        return self.task.exception()

    async def _run(self, work: Work) -> Finished:
        log.info("eval run begins", run=self.id)
        self._rested = time.monotonic()
        return await work(self._listen)

    async def _listen(self, progress: RunProgress) -> None:
        self.progress = progress
        self._began.set()
        if self._pauses:
            await asyncio.sleep(min(time.monotonic() - self._rested, LONGEST_PAUSE_SECONDS))
            self._rested = time.monotonic()

    def _finish(self, _: asyncio.Task[Finished]) -> None:
        self._began.set()
        failure = self.get_failure()
        done = self.progress.done if self.progress else None
        if failure is None:
            log.info("eval run finished", run=self.id, graded=done)
        elif isinstance(failure, GraderError):
            log.warning("eval run stopped", run=self.id, graded=done, code=failure.code, message=str(failure))
        else:
            report_unexpected(failure)


class EvalRuns:
    """The runs of a server: one at a time, since a second would only halve the pace of the first."""

    def __init__(self) -> None:
        self._attempts: dict[str, EvalRun] = {}
        self._is_stopping = False

    def find(self, run_id: str) -> EvalRun | None:
        """This server's last attempt at a run."""
        return self._attempts.get(run_id)

    def start(self, evaluation: Evaluation, prepared: PreparedRun) -> EvalRun:
        """The run, begun or continued, or the attempt that goes on; raises RunBusy for another one, ShuttingDown."""
        if self._is_stopping:
            raise ShuttingDown("The service is stopping. Ask again in a moment.")
        going = next((run for run in self._attempts.values() if run.is_going), None)
        if going is not None and going.id == prepared.plan.id:
            return going
        if going is not None:
            raise RunBusy(
                f"This server makes one eval run at a time, and {going.id} is going on. Ask again when it is finished; "
                f"GET /v1/evals/runs/{going.id} says how far it is."
            )
        run = EvalRun(
            prepared.plan.id, lambda listen: evaluation.run(prepared, listen), pauses=computes_here(prepared.plan.model)
        )
        self._remember(run)
        return run

    def begin_shutdown(self) -> None:
        """Stops the run at once: what is graded is on the disk, and asking for the same run continues it."""
        self._is_stopping = True
        for run in self._attempts.values():
            run.task.cancel()

    async def aclose(self) -> None:
        """Returns when no run goes on any more."""
        self.begin_shutdown()
        tasks = [run.task for run in self._attempts.values()]
        if tasks:
            await asyncio.wait(tasks)

    def _remember(self, run: EvalRun) -> None:
        self._attempts.pop(run.id, None)  # the newest stands last
        self._attempts[run.id] = run
        if len(self._attempts) > MOST_REMEMBERED:
            del self._attempts[next(iter(self._attempts))]
