"""Whose fault a failed call is: the backend's, which passes, or the answer's, which fails."""

from __future__ import annotations

from service.batches.lanes import Lane
from service.errors import BackendError, BackendOverloaded, GraderError

TRIES = 3  # each with the retries of the caller
ALONE_SECONDS = 60.0  # the last answer of a batch met a short failure of its server three times in a row, and failed


class Blame:
    """Counts the tries of each answer that failed while the backend was well.

    It was well when others succeeded since the answer was asked about. With no other left to compare with, its
    health check decides, after a minute without a reply; a backend that asks for fewer calls is never the answer's
    fault. So ten minutes without the backend fail nothing, and one answer that it chokes on holds up no batch for ever.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._tries: dict[int, int] = {}
        self._seen: dict[int, int] = {}  # answer -> successes of the lane when it was last blamed or first asked

    def begin(self, number: int) -> None:
        """The answer is asked about."""
        self._seen.setdefault(number, self._lane.breaker.successes)

    async def is_of_answer(self, number: int, error: GraderError) -> bool:
        """Whether the answer fails for good with this failure."""
        successes = self._lane.breaker.successes
        if successes > self._seen[number] or await self._is_alone_at_fault(error):
            self._tries[number] = self._tries.get(number, 0) + 1
        self._seen[number] = successes
        return self._tries.get(number, 0) >= TRIES

    async def _is_alone_at_fault(self, error: GraderError) -> bool:
        if isinstance(error, BackendOverloaded) or not self._lane.is_alone:
            return False
        if self._lane.breaker.failing_seconds < ALONE_SECONDS:
            return False
        try:
            await self._lane.caller.backend.check_health()
        except BackendError:
            return False
        return True
