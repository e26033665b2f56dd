"""A lane: one model's answers of all batches, of which so many at a time are being asked about."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from service.batches.breaker import INFINITY, Breaker
from service.grading.call import Caller

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Turn:
    """The right to ask once. It ends with one of `succeed`, `fail` and `give_up`; later ones do nothing.

    After `succeed` there is a grade to be stored; `close` says that it is, or never will be.
    """

    lane: Lane
    is_probe: bool
    is_over: bool = False
    is_storing: bool = False

    def succeed(self) -> None:
        if self._end():
            self.is_storing = True
            self.lane.storing += 1
            self.lane.settle(self.lane.breaker.succeed)

    def fail(self, asked_seconds: float | None = None) -> None:
        if self._end():
            self.lane.settle(lambda: self.lane.breaker.fail(self.is_probe, asked_seconds))

    def give_up(self) -> None:
        if self._end():
            self.lane.breaker.give_up(self.is_probe)
            self.lane.grant()

    def close(self) -> None:
        """At the end, however it came; may be called twice."""
        self.give_up()
        if self.is_storing:
            self.is_storing = False
            self.lane.storing -= 1
            self.lane.grant()

    def _end(self) -> bool:
        if self.is_over:
            return False
        self.is_over = True
        self.lane.free += 1
        return True


class Lane:
    """Turns of one model: first come, first served, at most `size` at a time, none while its backend is down.

    A turn ends when the model has replied, before the grade is stored: with both in one turn, 64 in flight at 50 ms
    kept the provider busy for two thirds of the time. But no more than twice `size` grades are asked for or being
    stored: after a crash, all of them are asked for again.
    """

    def __init__(self, caller: Caller, size: int, clock: Callable[[], float]) -> None:
        self.caller = caller
        self.breaker = Breaker(clock)
        self.free = size
        self.storing = 0
        self._size = size
        self._waiting: deque[tuple[asyncio.Future[Turn | None], object]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_alone(self) -> bool:
        """Whether at most one answer is being asked about and none waits."""
        return not self._waiting and self.free >= self._size - 1

    async def take(self, owner: object) -> Turn | None:
        """A turn, when there is one; None when the owner's were withdrawn."""
        future: asyncio.Future[Turn | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, owner))
        self.grant()
        return await future

    def withdraw(self, owner: object = None) -> None:
        """Sends away those who wait, all or one owner's."""
        kept = deque(waiter for waiter in self._waiting if owner is not None and waiter[1] is not owner)
        gone, self._waiting = [waiter for waiter in self._waiting if waiter not in kept], kept
        for future, _ in gone:
            if not future.done():
                future.set_result(None)

    def settle(self, tell_breaker: Callable[[], None]) -> None:
        """After a reply or a failure: says so when the backend is found down or back, and gives the next turns."""
        was_open, seconds = self.breaker.is_open, self.breaker.failing_seconds
        tell_breaker()
        if self.breaker.is_open != was_open:
            event = "backend_back" if was_open else "backend_down"
            log.warning(event, backend=self.caller.backend.name, failing_seconds=round(seconds, 1))
        self.grant()

    def grant(self) -> None:
        """Gives turns to those who wait, as far as there are any."""
        while self._waiting and self.free and self.storing - self.free < self._size:
            wait_seconds = self.breaker.get_wait_seconds()
            if wait_seconds:
                self._set_timer(wait_seconds)
                return
            future, _ = self._waiting.popleft()
            if not future.done():  # else cancelled
                self.free -= 1
                future.set_result(Turn(self, self.breaker.begin()))

    def _set_timer(self, seconds: float) -> None:
        if self._timer is None and seconds < INFINITY:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.grant()
