"""How fast a batch goes, as this process saw it: by its monotonic clock, or not at all."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 30.0
SHORTEST_SECONDS = 1.0  # over less, one commit of 50 answers would look like a pace
MOST_BATCHES = 256


class Pace:
    """Remembers how many answers of each batch were done when somebody looked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looks: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()

    def note(self, batch_id: str, done: int) -> float | None:
        """Answers a second over the last 30 s, or since the look before when that is longer ago.

        None at the first look, and for a second after it: one look has no pace.
        """
        now = self._clock()
        looks = self._looks.setdefault(batch_id, deque())
        self._looks.move_to_end(batch_id)
        if len(self._looks) > MOST_BATCHES:
            self._looks.popitem(last=False)
        if looks and done < looks[-1][1]:  # a retry: what had failed waits again
            looks.clear()
        while len(looks) > 1 and now - looks[1][0] >= WINDOW_SECONDS:
            looks.popleft()
        if not looks or now - looks[-1][0] >= SHORTEST_SECONDS:
            looks.append((now, done))
        seconds, before = now - looks[0][0], looks[0][1]
        return (done - before) / seconds if seconds >= SHORTEST_SECONDS else None

    def forget(self, batch_id: str) -> None:
        """The batch stands still: what was seen says nothing of how it goes on."""
        self._looks.pop(batch_id, None)
