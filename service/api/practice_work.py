"""What practising needs of a running server: its facade, open between start-up and shutdown, and a limit on work."""

from __future__ import annotations

from contextlib import AsyncExitStack

from service.api.metrics import Metrics
from service.api.practice_limits import WorkLimit
from service.api.speech_work import report
from service.wiring import Services
from service.wiring_practice import Practice, open_practice
from service.wiring_speech import Speech


class PracticeWork:
    """One app's practice."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.limit = WorkLimit()
        self._opened: Practice | None = None
        self._stack = AsyncExitStack()

    async def open(self, services: Services, speech: Speech) -> None:
        """Opens the facade."""
        self._opened = await self._stack.enter_async_context(open_practice(services, speech, report, self._metrics))

    @property
    def practice(self) -> Practice:
        if self._opened is None:
            raise RuntimeError("The app answers requests only between its start-up and its shutdown.")
        return self._opened

    async def aclose(self) -> None:
        """Returns when nothing is graded any more; what was stopped is graded when its learner comes back."""
        await self._stack.aclose()
