"""What one running app holds, and how a route gets at it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from service.api.batch_work import BatchWork, OpenWorker
from service.api.eval_reports import EvalReports
from service.api.eval_runs import EvalRuns
from service.api.gradings import Gradings
from service.api.metrics import Metrics
from service.api.practice_work import PracticeWork
from service.api.sessions import Sessions
from service.api.speech_work import OpenTranscriber, SpeechWork
from service.config import Settings
from service.wiring import Services
from service.wiring_batches import Batches
from service.wiring_practice import Practice
from service.wiring_speech import Speech, open_transcriber

OpenServices = Callable[[Settings], AbstractAsyncContextManager[Services]]


@dataclass
class Runtime:
    """One app's settings, numbers, running gradings and evals; its services once it has started."""

    settings: Settings
    metrics: Metrics
    gradings: Gradings
    batch_work: BatchWork
    speech_work: SpeechWork
    practice_work: PracticeWork
    eval_runs: EvalRuns = field(default_factory=EvalRuns)
    eval_reports: EvalReports = field(default_factory=EvalReports)
    sessions: Sessions = field(default_factory=Sessions)
    opened: Services | None = field(default=None)

    @classmethod
    def build(
        cls,
        settings: Settings,
        open_worker: OpenWorker | None = None,
        open_transcriber: OpenTranscriber = open_transcriber,
    ) -> Runtime:
        metrics = Metrics()
        gradings = Gradings(metrics, settings.shutdown_seconds)
        speech_work = SpeechWork(metrics, open_transcriber)
        return cls(settings, metrics, gradings, BatchWork(settings, open_worker), speech_work, PracticeWork(metrics))

    def begin_shutdown(self) -> None:
        """No new work; gradings may finish for a while, an eval run and batches stop at once and can be continued."""
        self.batch_work.begin_shutdown()
        self.speech_work.begin_shutdown()
        self.eval_runs.begin_shutdown()
        self.gradings.begin_shutdown()

    @property
    def services(self) -> Services:
        if self.opened is None:
            raise RuntimeError("The app answers requests only between its start-up and its shutdown.")
        return self.opened

    @property
    def practice(self) -> Practice:
        return self.practice_work.practice

    @property
    def speech(self) -> Speech:
        return self.speech_work.speech

    @property
    def batches(self) -> Batches:
        return self.batch_work.batches


async def get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def get_services(request: Request) -> Services:
    return (await get_runtime(request)).services


WithRuntime = Annotated[Runtime, Depends(get_runtime)]
WithServices = Annotated[Services, Depends(get_services)]
