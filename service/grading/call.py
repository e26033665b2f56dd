"""Step 3: the one place where a backend is called, and the one retry policy."""

from __future__ import annotations

import asyncio
import math
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from tenacity import AsyncRetrying, RetryCallState

from service.domain.grade import Tokens
from service.errors import BackendError, BackendOverloaded, BackendTimeout, ReplyUnusable
from service.grading.limits.limit import Limit, LimitPolicy
from service.llm.base import Backend, Reply, Request

_SURROGATES = re.compile("[\ud800-\udfff]")


MAX_MODEL_CHARACTERS = 200
MAX_TOKENS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How often and how long. A provider that asks for a longer wait than `longest_wait_seconds` is not waited for."""

    attempts: int = 4
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 20.0
    deadline_seconds: float = 120.0


def choose_wait_seconds(error: BaseException, attempt: int, policy: CallPolicy, jitter: float) -> float | None:
    """Seconds to wait before the next attempt, or None when there must not be one. Pure.

    `attempt` counts from 1; `jitter` is drawn from 0–1. Exponential back-off with full jitter (Brooker, AWS
    Architecture Blog, 2015), so that 64 calls turned away together do not come back together.
    """
    if not isinstance(error, BackendError) or not error.retryable or attempt >= policy.attempts:
        return None
    if isinstance(error, BackendOverloaded) and error.retry_after_seconds is not None:
        asked = max(0.0, error.retry_after_seconds)
        return asked + jitter * policy.first_wait_seconds if asked <= policy.longest_wait_seconds else None
    return float(jitter * min(policy.longest_wait_seconds, policy.first_wait_seconds * 2**attempt))


class CallLog:
    """What the calls of one grading cost: counts every attempt, also those that failed."""

    def __init__(self) -> None:
        self.attempts = 0
        self.replies: list[Reply] = []
        self._unusable: list[ReplyUnusable] = []
        self._hidden: list[Reply] = []

    def reject(self, reply: Reply, keep: bool) -> None:
        """Marks a reply that broke the rules; it still cost tokens.

        Where it is not kept it does not show: in screening, a reply that was turned away for coaching would coach.
        """
        if not keep:
            self._hidden.append(reply)

    def add_unusable(self, failure: ReplyUnusable) -> None:
        """A reply without a judgement: a reasoning model that was cut off has cost as much as any."""
        self._unusable.append(failure)

    @property
    def raw_replies(self) -> tuple[str, ...]:
        return tuple(reply.text for reply in self.replies if not any(reply is hidden for hidden in self._hidden))

    @property
    def models_served(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(reply.model_served for reply in self.replies))

    @property
    def tokens(self) -> Tokens:
        return Tokens(
            input=_add_tokens(_read_count(reply.tokens_in) for reply in self._paid),
            output=_add_tokens(_read_count(reply.tokens_out) for reply in self._paid),
        )

    @property
    def cost_usd(self) -> float | None:
        """US dollars, None when any part is unknown: a partial sum would pass for the whole."""
        costs = [reply.cost_usd for reply in self._paid if reply.cost_usd is not None]
        return sum(costs) if len(costs) == len(self._paid) else None

    @property
    def _paid(self) -> tuple[Reply | ReplyUnusable, ...]:
        return *self.replies, *self._unusable


def _add_tokens(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _make_storable(reply: Reply) -> Reply:
    """The reply as it can be stored, printed and added up, whatever the server sent.

    A replacement character stands for each lone surrogate; the served model's name is printable and short; a count of
    tokens beyond any reply is none.
    """
    served = "".join(character for character in reply.model_served if character.isprintable())[:MAX_MODEL_CHARACTERS]
    return replace(
        reply,
        text=_SURROGATES.sub("\ufffd", reply.text),
        model_served=served or "unnamed",
        tokens_in=_read_count(reply.tokens_in),
        tokens_out=_read_count(reply.tokens_out),
    )


def _read_count(count: int | None) -> int | None:
    return count if count is not None and 0 <= count <= MAX_TOKENS else None


class Caller:
    """Calls one backend: within its limit, with retries and waits, nothing begun after the deadline.

    A Caller is for calls that somebody waits for; `for_bulk` gives the one for batches and eval runs.
    """

    def __init__(
        self,
        backend: Backend,
        policy: CallPolicy,
        max_concurrent: int,
        draw_jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        limit: Limit | None = None,
    ) -> None:
        self.backend = backend
        self.policy = policy
        self.limit = limit or Limit(LimitPolicy(max_concurrent, longest_wait_seconds=policy.longest_wait_seconds))
        self._draw_jitter = draw_jitter
        self._sleep = sleep
        self._is_bulk = False

    def for_bulk(self, wrap: Callable[[Backend], Backend] | None = None) -> Caller:
        """The same backend (or what `wrap` makes of it) behind the same limit, for calls that give way to people.

        Their wait for a turn has no end and does not count: the deadline bounds each attempt, from its start. With 64
        answers waiting for a provider that takes 5 a second, a deadline from the beginning failed the last ones.
        """
        backend = self.backend if wrap is None else wrap(self.backend)
        bulk = Caller(
            backend, self.policy, self.limit.policy.max_concurrent, self._draw_jitter, self._sleep, self.limit
        )
        bulk._is_bulk = True
        return bulk

    @asynccontextmanager
    async def limit_time(self) -> AsyncIterator[float]:
        """The deadline of one whole grading, in the event loop's time; raises BackendTimeout when it passes.

        Waiting for a turn counts: somebody waits for this grade. For bulk it does not, and there is no such deadline.
        """
        if self._is_bulk:
            yield math.inf
            return
        deadline = asyncio.get_running_loop().time() + self.policy.deadline_seconds
        try:
            async with asyncio.timeout_at(deadline):
                yield deadline
        except TimeoutError:
            raise self._explain_deadline() from None

    def _explain_deadline(self) -> BackendTimeout:
        return BackendTimeout(
            f"No usable reply from {self.backend.name} within {self.policy.deadline_seconds:g} s. "
            "Try again later, or raise GRADER_DEADLINE_SECONDS."
        )

    async def call(self, request: Request, log: CallLog, deadline: float) -> Reply:
        """The reply, after as many attempts as the policy allows; raises the last BackendError.

        The slot is free while a retry waits, so that one throttled answer does not hold up the others.
        """
        try:
            return await self._attempt(request, log)
        except BackendError as error:
            return await self._retry(error, request, log, deadline)

    async def _attempt(self, request: Request, log: CallLog, is_retry: bool = False) -> Reply:
        turn = await self.limit.enter(request, self._is_bulk, is_retry)
        outcome: Reply | BackendError | None = None
        try:
            log.attempts += 1
            outcome = reply = _make_storable(await self._complete(request))
        except BackendError as error:
            outcome = error
            if isinstance(error, ReplyUnusable):
                log.add_unusable(error)
            raise
        finally:
            self.limit.leave(turn, outcome)
        log.replies.append(reply)
        return reply

    async def _complete(self, request: Request) -> Reply:
        if not self._is_bulk:
            return await self.backend.complete(request)
        try:
            async with asyncio.timeout(self.policy.deadline_seconds):
                return await self.backend.complete(request)
        except TimeoutError:
            raise self._explain_deadline() from None

    async def _retry(self, first: BackendError, request: Request, log: CallLog, deadline: float) -> Reply:
        """What follows a failed first attempt, which the retry loop is told of as its own first attempt.

        The loop is not set up for calls that succeed at once: that alone costs 0.15 ms.
        """
        waits: dict[int, float | None] = {}

        def choose_wait(state: RetryCallState) -> float | None:
            error = state.outcome.exception() if state.outcome else None
            if error is None:
                return None
            if state.attempt_number not in waits:
                wait = choose_wait_seconds(error, state.attempt_number, self.policy, self._draw_jitter())
                too_late = wait is not None and asyncio.get_running_loop().time() + wait >= deadline
                waits[state.attempt_number] = None if too_late else wait
            return waits[state.attempt_number]

        retrying = AsyncRetrying(
            sleep=self._sleep,
            retry=lambda state: choose_wait(state) is not None,
            wait=lambda state: choose_wait(state) or 0.0,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if attempt.retry_state.attempt_number == 1:
                    raise first
                reply = await self._attempt(request, log, is_retry=True)
        return reply
