"""One backend's limit, shared by everything in this process that calls it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from service.errors import BackendError, BackendOverloaded, BackendTimeout, BackendUnavailable
from service.grading.limits.ceiling import Ceiling
from service.grading.limits.line import Line, Turn
from service.grading.limits.rate import AdaptiveRate
from service.llm.base import Reply, Request

FIRST_WINDOW = 4  # bulk calls in flight before any reply came: 64 at once met a limit of 20 a second with 44 refusals
CHARACTERS_PER_TOKEN = 4
NEWEST_WEIGHT = 0.1  # of a reply's length in the running mean
CLOCK_SECONDS = 1e-4  # timers may be this much early


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """What the operator allows. `reserved_calls` of the slots, half of them at most, are never taken by bulk calls.

    A provider that asks for a longer break than `longest_wait_seconds` is not waited for.
    """

    max_concurrent: int
    reserved_calls: int = 0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    longest_wait_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class LimitState:
    """What a limit does now. `calls_per_second` is infinite while the provider has turned nothing away."""

    calls_per_second: float
    in_flight: int
    waiting: int
    waiting_bulk: int
    closed_seconds: float


class Limit:
    """Slots, the provider's rate and the operator's ceilings; a call enters, and leaves with its outcome."""

    def __init__(self, policy: LimitPolicy, share: float = 1.0) -> None:
        self.policy = policy
        self._most_bulk = policy.max_concurrent - min(policy.reserved_calls, policy.max_concurrent // 2)
        self._window = min(FIRST_WINDOW, self._most_bulk)
        self._in_flight = self._bulk_in_flight = 0
        self._line = Line()
        self._rate = AdaptiveRate()
        self._is_paced = False
        self._timer: asyncio.TimerHandle | None = None
        self._requests = Ceiling(policy.requests_per_minute, share) if policy.requests_per_minute else None
        self._tokens = Ceiling(policy.tokens_per_minute, share) if policy.tokens_per_minute else None
        self._reply_tokens: float | None = None

    def set_share(self, share: float) -> None:
        """This process's part of the ceilings: 1/n where n live workers share the provider's key."""
        if not 0 < share <= 1:
            raise ValueError("share must be above 0 and at most 1")
        for ceiling in (self._requests, self._tokens):
            if ceiling is not None:
                ceiling.set_share(share, _now())
        self._advance()

    def describe(self) -> LimitState:
        """What the limit does now; needs a running event loop."""
        return LimitState(
            self._rate.per_second,
            self._in_flight,
            self._line.count(is_bulk=False),
            self._line.count(is_bulk=True),
            max(0.0, self._rate.closed_until - _now()),
        )

    async def enter(self, request: Request, is_bulk: bool, is_retry: bool = False) -> Turn:
        """Waits for a turn; the caller must `leave` with it. A retry goes before those that never had a turn.

        Raises BackendOverloaded at once, and also while it waits, when the provider asks for too long a break.
        """
        now = _now()
        self._check_break(now)
        turn = Turn(is_bulk, self._estimate_tokens(request) if self._tokens is not None else 0)
        if self._is_next(turn) and self._find_start(turn, now) <= now:
            self._grant(turn, now)
        else:
            await self._wait(turn, is_retry)
        return turn

    def leave(self, turn: Turn, outcome: Reply | BackendError | None) -> None:
        """Gives the slot back and learns from what came: a reply, an error, or nothing (given up, or a bug)."""
        self._in_flight -= 1
        self._bulk_in_flight -= turn.is_bulk
        if isinstance(outcome, BackendError):
            self._learn_from_failure(turn, outcome)
        elif outcome is not None:
            self._window = min(self._window + 1, self._most_bulk)
            if self._tokens is not None:
                self._correct_tokens(turn, outcome)
        if self._line:
            self._advance()

    def _learn_from_failure(self, turn: Turn, error: BackendError) -> None:
        now = _now()
        if isinstance(error, BackendOverloaded):
            self._rate.note_overload(now, turn.sent_at, error.retry_after_seconds)
            if self._tokens is not None:
                self._tokens.spend(now, -turn.tokens)
            if self._rate.asked_until - now > self.policy.longest_wait_seconds:
                self._send_away(now)
        elif isinstance(error, BackendUnavailable | BackendTimeout):
            self._rate.note_fault(now)

    def _check_break(self, now: float) -> None:
        seconds = self._rate.asked_until - now
        if seconds > self.policy.longest_wait_seconds:
            raise _explain_break(seconds)

    def _send_away(self, now: float) -> None:
        for turn in self._line.clear():
            if turn.granted is not None and not turn.granted.done():
                turn.granted.set_exception(_explain_break(self._rate.asked_until - now))

    async def _wait(self, turn: Turn, is_retry: bool) -> None:
        turn.granted = asyncio.get_running_loop().create_future()
        self._line.add(turn, first=is_retry)
        self._advance()
        try:
            await turn.granted
        except asyncio.CancelledError:
            if turn.granted.cancelled():
                self._line.remove(turn)
                self._advance()
            elif turn.granted.exception() is None:  # its turn came in the same moment
                self.leave(turn, None)
            raise

    def _advance(self) -> None:
        """Lets in who may go, and sets the clock for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while (turn := self._line.peek(self._has_room(is_bulk=True))) is not None and self._has_room(turn.is_bulk):
            now = _now()
            start = self._find_start(turn, now)
            if start > now:
                self._is_paced = self._rate.find_start(now) > now
                self._timer = asyncio.get_running_loop().call_at(start, self._advance)
                return
            self._line.remove(turn)
            if turn.granted is not None and not turn.granted.done():
                self._grant(turn, now)
                turn.granted.set_result(None)

    def _is_next(self, turn: Turn) -> bool:
        waits = self._line if turn.is_bulk else self._line.count(is_bulk=False)
        return not waits and self._has_room(turn.is_bulk)

    def _has_room(self, is_bulk: bool) -> bool:
        has_slot = self._in_flight < self.policy.max_concurrent
        return has_slot and (not is_bulk or self._bulk_in_flight < self._window)

    def _find_start(self, turn: Turn, now: float) -> float:
        """When the call may go; a call that somebody waits for borrows the place of the one behind it."""
        start = self._rate.find_start(now, ahead=not turn.is_bulk)
        if self._requests is not None:
            start = max(start, self._requests.find_start(now, 1.0 if turn.is_bulk else 0.0))
        if self._tokens is not None:
            start = max(start, self._tokens.find_start(now, turn.tokens if turn.is_bulk else 0.0))
        return start if start > now + CLOCK_SECONDS else now

    def _grant(self, turn: Turn, now: float) -> None:
        turn.sent_at = now
        self._in_flight += 1
        self._bulk_in_flight += turn.is_bulk
        self._rate.note_sent(now, self._is_paced)
        self._is_paced = False
        if self._requests is not None:
            self._requests.spend(now, 1.0)
        if self._tokens is not None:
            self._tokens.spend(now, turn.tokens)

    def _estimate_tokens(self, request: Request) -> int:
        """Before the call: characters / 4, and the mean length of the replies so far, at first the longest allowed."""
        characters = sum(len(message.text) for message in request.messages)
        expected = self._reply_tokens if self._reply_tokens is not None else request.parameters.max_tokens
        return math.ceil(characters / CHARACTERS_PER_TOKEN + expected)

    def _correct_tokens(self, turn: Turn, reply: Reply) -> None:
        if self._tokens is None or reply.tokens_in is None or reply.tokens_out is None:
            return
        self._tokens.spend(_now(), reply.tokens_in + reply.tokens_out - turn.tokens)
        mean = self._reply_tokens if self._reply_tokens is not None else reply.tokens_out
        self._reply_tokens = mean + NEWEST_WEIGHT * (reply.tokens_out - mean)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _explain_break(seconds: float) -> BackendOverloaded:
    return BackendOverloaded(
        f"The provider asked for a break; it lasts {seconds:.0f} more seconds, and nothing is sent before. "
        "Try again then, or raise GRADER_LONGEST_WAIT_SECONDS to wait for it.",
        retry_after_seconds=seconds,
    )
