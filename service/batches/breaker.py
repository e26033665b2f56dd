"""A circuit breaker: a backend that is down is asked by one answer at a time, at growing intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`failures` in a row, each after its own retries, open it. Waits double from the first to the longest."""

    failures: int = 5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0


class Breaker:
    """Closed: everyone asks. Open: no one does until a wait is over, then one probe, whose outcome decides. Pure.

    `clock` is monotonic, in seconds. `successes` counts replies.
    """

    def __init__(self, clock: Callable[[], float], policy: BreakerPolicy | None = None) -> None:
        self._clock = clock
        self._policy = policy or BreakerPolicy()
        self._failures = 0
        self._wait_seconds = 0.0
        self._open_until: float | None = None
        self._is_probing = False
        self._failing_since: float | None = None
        self.successes = 0

    @property
    def failing_seconds(self) -> float:
        """How long nothing has succeeded, from the first failure since; 0 while all is well."""
        return 0.0 if self._failing_since is None else self._clock() - self._failing_since

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def get_wait_seconds(self) -> float:
        """0 when one may ask now; infinity while a probe is out."""
        if self._open_until is None:
            return 0.0
        return INFINITY if self._is_probing else max(0.0, self._open_until - self._clock())

    def begin(self) -> bool:
        """Someone asks now; whether as the probe."""
        self._is_probing = self.is_open
        return self._is_probing

    def succeed(self) -> None:
        """The backend replied."""
        self.successes += 1
        self._failing_since = None
        self._failures, self._wait_seconds, self._open_until, self._is_probing = 0, 0.0, None, False

    def fail(self, is_probe: bool, asked_seconds: float | None = None) -> None:
        """The backend did not reply; `asked_seconds` is how long it wants to be left alone."""
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = self._clock()
        if self.is_open and not is_probe:
            return  # sent before it opened: tells nothing new
        if not is_probe and self._failures < self._policy.failures:
            return
        doubled = max(self._policy.first_wait_seconds, 2 * self._wait_seconds)
        self._wait_seconds = min(self._policy.longest_wait_seconds, doubled)
        self._open_until = self._clock() + max(self._wait_seconds, asked_seconds or 0.0)
        self._is_probing = False

    def give_up(self, is_probe: bool) -> None:
        """An asking ended without having asked; another one may be the probe."""
        if is_probe:
            self._is_probing = False
