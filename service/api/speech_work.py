"""The recordings of a running server, and what its numbers and its log say of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from service.api.handlers import report_unexpected
from service.api.metrics import Metrics
from service.config import Settings
from service.domain.transcription import Transcription
from service.errors import GraderError
from service.speech.base import Transcriber
from service.wiring import Services
from service.wiring_speech import Speech, open_speech, open_transcriber

OpenTranscriber = Callable[[Settings], Transcriber | None]

log = structlog.stdlib.get_logger(__name__)


class SpeechWork:
    """One app's speech, open between its start-up and its shutdown."""

    def __init__(self, metrics: Metrics, open_transcriber: OpenTranscriber = open_transcriber) -> None:
        self._metrics, self._open_transcriber = metrics, open_transcriber
        self._opened: Speech | None = None
        self._stack = AsyncExitStack()

    async def open(self, services: Services) -> None:
        """Opens the facade; what an earlier process left unfinished goes on in the background."""
        opening = open_speech(services, report, self._count, self._open_transcriber)
        self._opened = await self._stack.enter_async_context(opening)

    @property
    def speech(self) -> Speech:
        if self._opened is None:
            raise RuntimeError("The app answers requests only between its start-up and its shutdown.")
        return self._opened

    def begin_shutdown(self) -> None:
        """No recording is begun any more; what is being listened to may finish for a while."""
        if self._opened is not None:
            self._opened.begin_shutdown()

    async def aclose(self) -> None:
        """Returns when nothing is listened to any more; what was stopped goes on after the restart."""
        await self._stack.aclose()

    def _count(self, transcription: Transcription) -> None:
        self._metrics.count_transcription(transcription)
        if transcription.failure is not None:
            log.warning("transcription failed", id=transcription.id, code=transcription.failure.code)


def report(failure: BaseException) -> None:
    """Logs what went wrong in the background."""
    if isinstance(failure, GraderError):
        log.warning("recordings cannot be worked on", code=failure.code, message=str(failure))
    else:
        report_unexpected(failure)
