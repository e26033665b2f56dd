"""The one retry policy: which failures, how long, how many at once."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNotInstalled,
    BackendOverloaded,
    BackendRequestRejected,
    BackendTimeout,
    BackendUnavailable,
    LiveCallRefused,
    RecordingMissing,
    ReplyRefused,
    ReplyTruncated,
    StoreUnavailable,
)
from service.grading.call import Caller, CallLog, CallPolicy, choose_wait_seconds
from service.llm.base import Reply, Request
from service.llm.scripted import ScriptedBackend
from tests.factories import make_request
from tests.grading.limits.virtual import run_virtually

POLICY = CallPolicy(attempts=4, first_wait_seconds=0.5, longest_wait_seconds=20.0, deadline_seconds=60.0)
DOWN = BackendUnavailable("down")


@pytest.mark.parametrize(
    ("error", "attempt", "jitter", "wait"),
    [
        (DOWN, 1, 1.0, 1.0),
        (DOWN, 2, 1.0, 2.0),
        (DOWN, 3, 1.0, 4.0),
        (DOWN, 3, 0.5, 2.0),
        (DOWN, 3, 0.0, 0.0),
        (DOWN, 4, 1.0, None),  # four attempts were made
        (DOWN, 5, 1.0, None),
        (BackendTimeout("slow"), 1, 1.0, 1.0),
        (BackendOverloaded("busy"), 1, 1.0, 1.0),
        (BackendOverloaded("busy", 7), 1, 0.0, 7.0),
        (BackendOverloaded("busy", 7), 1, 1.0, 7.5),  # not all at the same moment
        (BackendOverloaded("busy", 0), 1, 0.0, 0.0),
        (BackendOverloaded("busy", -3), 1, 0.0, 0.0),
        (BackendOverloaded("busy", 20), 1, 0.0, 20.0),
        (BackendOverloaded("busy", 20.1), 1, 0.0, None),  # longer than anybody waits for
        (BackendOverloaded("busy", float("inf")), 1, 0.0, None),
        (BackendOverloaded("busy", float("nan")), 1, 0.0, 0.0),
        (BackendOverloaded("busy", 7), 4, 0.0, None),
        (BackendKeyRejected("key"), 1, 1.0, None),
        (BackendModelMissing("model"), 1, 1.0, None),
        (BackendRequestRejected("request"), 1, 1.0, None),
        (BackendNotInstalled("package"), 1, 1.0, None),
        (LiveCallRefused("off"), 1, 1.0, None),
        (RecordingMissing("none"), 1, 1.0, None),
        (ReplyRefused("no"), 1, 1.0, None),
        (ReplyTruncated("cut"), 1, 1.0, None),
        (StoreUnavailable("locked"), 1, 1.0, None),
        (ValueError("a bug"), 1, 1.0, None),
        (asyncio.CancelledError(), 1, 1.0, None),
    ],
)
def test_the_wait_is_chosen_by_table(error: BaseException, attempt: int, jitter: float, wait: float | None) -> None:
    assert choose_wait_seconds(error, attempt, POLICY, jitter) == wait


def test_the_wait_grows_to_its_longest() -> None:
    policy = CallPolicy(attempts=20)
    waits = [choose_wait_seconds(DOWN, attempt, policy, 1.0) for attempt in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 20, 20, 20, 20]


class Naps:
    """Notes how long would have been slept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


def make_caller(backend: ScriptedBackend, naps: Naps, policy: CallPolicy = POLICY, at_once: int = 4) -> Caller:
    return Caller(backend, policy, at_once, draw_jitter=lambda: 1.0, sleep=naps.sleep)


async def call(caller: Caller, log: CallLog | None = None, seconds: float = 60.0) -> Reply:
    deadline = asyncio.get_running_loop().time() + seconds
    return await caller.call(make_request(), log or CallLog(), deadline)


async def test_a_reply_is_asked_for_once() -> None:
    naps, log, backend = Naps(), CallLog(), ScriptedBackend(["{}"])
    assert (await call(make_caller(backend, naps), log)).text == "{}"
    assert (naps.seconds, log.attempts, len(backend.requests)) == ([], 1, 1)


def test_a_failure_that_passes_is_tried_again_with_growing_waits() -> None:
    naps, log = Naps(), CallLog()
    backend = ScriptedBackend([DOWN, BackendTimeout("slow"), BackendOverloaded("busy", 3), "{}"])
    assert run_virtually(call(make_caller(backend, naps), log)).text == "{}"  # the limit waits those 3 s, nap or not
    assert naps.seconds == [1.0, 2.0, 3.5]
    assert (log.attempts, log.raw_replies) == (4, ("{}",))
    assert len({request.digest for request in backend.requests}) == 1


async def test_the_last_failure_is_raised_when_attempts_run_out() -> None:
    naps, log = Naps(), CallLog()
    last = BackendUnavailable("the last one")
    with pytest.raises(BackendUnavailable) as caught:
        await call(make_caller(ScriptedBackend([DOWN, DOWN, DOWN, last]), naps), log)
    assert caught.value is last
    assert (len(naps.seconds), log.attempts, log.replies) == (3, 4, [])


@pytest.mark.parametrize(
    "failure",
    [BackendKeyRejected("key"), RecordingMissing("none"), ReplyRefused("no"), BackendOverloaded("busy", 3600)],
)
async def test_a_failure_that_lasts_is_not_tried_again(failure: BackendError) -> None:
    naps, backend = Naps(), ScriptedBackend([failure, "{}"])
    with pytest.raises(type(failure)):
        await call(make_caller(backend, naps))
    assert (naps.seconds, len(backend.requests)) == ([], 1)


async def test_nothing_is_begun_after_the_deadline() -> None:
    naps, backend = Naps(), ScriptedBackend([DOWN, DOWN, DOWN, "{}"])
    with pytest.raises(BackendUnavailable):
        await call(make_caller(backend, naps), seconds=1.9)  # the first wait is 1 s, the second would be 2 s
    assert naps.seconds == [1.0]


async def test_a_bug_in_a_backend_is_not_taken_for_a_failure_that_passes() -> None:
    def fail(request: Request) -> str:
        raise KeyError("choices")

    naps, backend = Naps(), ScriptedBackend(fail)
    with pytest.raises(KeyError):
        await call(make_caller(backend, naps))
    assert (naps.seconds, len(backend.requests)) == ([], 1)


async def test_the_whole_grading_has_a_deadline() -> None:
    caller = make_caller(ScriptedBackend([]), Naps(), CallPolicy(deadline_seconds=0.01))
    with pytest.raises(BackendTimeout, match=r"No usable reply from scripted within 0\.01 s"):
        async with caller.limit_time():
            await asyncio.Event().wait()


async def test_a_deadline_says_when_it_is() -> None:
    caller = make_caller(ScriptedBackend([]), Naps())
    async with caller.limit_time() as deadline:
        assert deadline == pytest.approx(asyncio.get_running_loop().time() + 60.0, abs=1.0)


class Gauge:
    """Counts how many calls are open at once; each stays open until the others had their turn."""

    def __init__(self) -> None:
        self.open = self.most = 0

    async def answer(self, request: Request) -> str:
        self.open += 1
        self.most = max(self.most, self.open)
        for _ in range(20):
            await asyncio.sleep(0)
        self.open -= 1
        return "{}"


@pytest.mark.parametrize("at_once", [1, 3, 50])
async def test_no_more_calls_are_open_than_allowed(at_once: int) -> None:
    gauge = Gauge()
    caller = make_caller(ScriptedBackend(gauge.answer), Naps(), at_once=at_once)
    await asyncio.gather(*(call(caller) for _ in range(20)))
    assert gauge.most == min(at_once, 20)


async def test_the_slot_is_free_while_a_retry_waits() -> None:
    async def let_another_in(seconds: float) -> None:
        assert (await call(caller)).text == "other"

    backend = ScriptedBackend([DOWN, "other", "mine"])
    caller = Caller(backend, POLICY, 1, draw_jitter=lambda: 1.0, sleep=let_another_in)
    assert (await call(caller)).text == "mine"


async def test_a_call_that_is_cancelled_is_not_tried_again() -> None:
    async def hang(request: Request) -> str:
        await asyncio.Event().wait()
        return "{}"

    naps, backend = Naps(), ScriptedBackend(hang)
    caller = make_caller(backend, naps, at_once=1)
    task = asyncio.create_task(call(caller))
    while not backend.requests:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (naps.seconds, len(backend.requests)) == ([], 1)


async def test_a_reply_with_half_a_character_can_be_stored_and_sent_back() -> None:
    reply = await call(make_caller(ScriptedBackend(["a\ud83d\x00b"]), Naps()))
    assert reply.text == "a\ufffd\x00b"


def make_reply(text: str = "{}", **fields: int | float) -> Reply:
    return Reply(text=text, model_served="m", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("replies", "tokens", "cost"),
    [
        ([], (0, 0), 0.0),
        ([make_reply(tokens_in=5, tokens_out=2, cost_usd=0.5)] * 2, (10, 4), 1.0),
        ([make_reply(tokens_in=5, tokens_out=2, cost_usd=0.5), make_reply()], (None, None), None),
        ([make_reply(tokens_in=0, tokens_out=0, cost_usd=0.0)], (0, 0), 0.0),
    ],
)
def test_an_unknown_cost_is_not_zero(replies: list[Reply], tokens: tuple[int | None, ...], cost: float | None) -> None:
    log = CallLog()
    log.replies += replies
    assert (log.tokens.input, log.tokens.output) == tokens
    assert log.cost_usd == cost


def test_a_rejected_reply_still_costs_and_shows_only_where_it_is_kept() -> None:
    log, first, second = CallLog(), make_reply("same", cost_usd=1.0), make_reply("same", cost_usd=1.0)
    log.replies += [first, second]
    log.reject(first, keep=True)
    assert list(log.raw_replies) == ["same", "same"]
    log.reject(second, keep=False)
    assert list(log.raw_replies) == ["same"]
    assert log.cost_usd == 2.0
