"""How often a learner may ask for work: a cookie costs nothing, so the address they come from counts as well."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from starlette.requests import Request

from service.errors import TooManyRequests

WINDOW_SECONDS = 600.0
# Answers, recordings, interviews, disputes in ten minutes: one every 15 s, faster than anybody reads feedback.
MOST_OF_LEARNER = 40
MOST_OF_ADDRESS = 2_000  # a whole school may come from one address
SWEPT_AT = 10_000  # names kept before the idle ones are dropped


class WorkLimit:
    """Counts in this process; a restart begins anew."""

    def __init__(
        self,
        most_of_learner: int = MOST_OF_LEARNER,
        most_of_address: int = MOST_OF_ADDRESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_of_learner, self._most_of_address, self._clock = most_of_learner, most_of_address, clock
        self._asked: dict[str, deque[float]] = {}

    def take(self, learner: str, address: str) -> None:
        """Counts one piece of work. Raises TooManyRequests, which says when to come back; then nothing is counted."""
        now = self._clock()
        if len(self._asked) > SWEPT_AT:
            self._asked = {name: times for name, times in self._asked.items() if times[-1] > now - WINDOW_SECONDS}
        limits = ((f"learner {learner}", self._most_of_learner), (f"address {address}", self._most_of_address))
        recent = [self._find_recent(name, now) for name, _ in limits]
        for times, (_, most) in zip(recent, limits, strict=True):
            if len(times) >= most:
                _refuse(times[0] + WINDOW_SECONDS - now)
        for times, (name, _) in zip(recent, limits, strict=True):
            times.append(now)
            self._asked[name] = times

    def count_names(self) -> int:
        """How many learners and addresses are remembered."""
        return len(self._asked)

    def _find_recent(self, name: str, now: float) -> deque[float]:
        times = self._asked.get(name, deque())
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        return times


def name_address(request: Request) -> str:
    """Where a request comes from, for counting."""
    return request.client.host if request.client is not None else ""


def _refuse(seconds: float) -> None:
    minutes = max(1, round(seconds / 60))
    raise TooManyRequests(
        f"That was a lot in ten minutes. What you wrote stays on its page; go on in {minutes} "
        f"minute{'' if minutes == 1 else 's'}.",
        retry_after_seconds=max(1.0, seconds),
    )
