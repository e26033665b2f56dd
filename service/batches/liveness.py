"""Whether anybody works: as seen by one who only looks, by its own monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

BEAT_SECONDS = 1.0  # how often a worker beats
SURE_SECONDS = 3.0  # three beats: a worker that gave none in this time is not there, or its machine stands still


class Liveness:
    """Remembers the beats that were seen at each look."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, int] = {}
        self._first_look: float | None = None
        self._last_beat: float | None = None

    def look(self, beats: Mapping[str, int]) -> bool | None:
        """Whether a worker is alive; None when it cannot be told yet, since the row of a killed one stays a while.

        Look twice, a beat or more apart, to know.
        """
        now = self._clock()
        if self._first_look is None or not beats:
            self._first_look = now
        elif any(self._beats.get(worker) != beat for worker, beat in beats.items()):
            self._last_beat = now
        self._beats = dict(beats)
        if not beats:
            return False
        if self._last_beat is not None and now - self._last_beat <= SURE_SECONDS:
            return True
        return None if now - self._first_look < SURE_SECONDS else False
