"""Turns: who goes first, who waits, and that no slot is lost; in virtual time."""

from __future__ import annotations

import asyncio
import math

import pytest

from service.errors import BackendOverloaded, BackendTimeout, BackendUnavailable
from service.grading.call import Caller, CallLog, CallPolicy
from service.grading.limits.limit import FIRST_WINDOW, Limit, LimitPolicy
from service.llm.base import Reply, Request
from service.llm.scripted import ScriptedBackend
from tests.grading.limits.simulation import REQUEST, AllowanceBackend, keep_asking
from tests.grading.limits.virtual import run_virtually
from tests.servers.allowance import Bucket, allow_in_phases


async def reply_after_a_second(request: Request) -> str:
    await asyncio.sleep(1.0)
    return "{}"


def make_caller(backend: object, policy: CallPolicy | None = None, **limits: float) -> Caller:
    limit = Limit(LimitPolicy(**{"max_concurrent": 16, "reserved_calls": 4, **limits}))  # type: ignore[arg-type]
    return Caller(backend, policy or CallPolicy(), 16, draw_jitter=lambda: 0.5, limit=limit)  # type: ignore[arg-type]


async def call(caller: Caller) -> Reply:
    async with caller.limit_time() as deadline:
        return await caller.call(REQUEST, CallLog(), deadline)


async def measure_wait(caller: Caller) -> float:
    started = asyncio.get_running_loop().time()
    await call(caller)
    return asyncio.get_running_loop().time() - started


def test_a_call_that_somebody_waits_for_waits_for_no_bulk_call() -> None:
    async def main() -> list[float]:
        caller = make_caller(ScriptedBackend(reply_after_a_second))
        bulk = asyncio.create_task(keep_asking(caller.for_bulk(), 20))
        await asyncio.sleep(10.5)
        state = caller.limit.describe()
        assert (state.in_flight, state.waiting, state.waiting_bulk) == (12, 0, 88)
        waits = await asyncio.gather(*(measure_wait(caller) for _ in range(4)))
        await bulk
        assert caller.limit.describe().in_flight == 0
        return list(waits)

    assert run_virtually(main()) == [pytest.approx(1.0)] * 4


def test_more_of_them_than_are_reserved_go_before_all_that_wait() -> None:
    async def main() -> float:
        caller = make_caller(ScriptedBackend(reply_after_a_second))
        bulk = asyncio.create_task(keep_asking(caller.for_bulk(), 20))
        await asyncio.sleep(10.5)
        waits = await asyncio.gather(*(measure_wait(caller) for _ in range(10)))
        await bulk
        return max(waits)

    assert run_virtually(main()) <= 1.51  # half a second until slots of bulk calls come free, and their own second


def test_at_a_slow_provider_it_goes_at_once() -> None:
    async def main() -> list[float]:
        caller = make_caller(AllowanceBackend(Bucket(allow_in_phases((60, 5)), 5)))
        bulk = asyncio.create_task(keep_asking(caller.for_bulk(), 40))
        await asyncio.sleep(25)
        waits = []
        for _ in range(5):
            await asyncio.sleep(1.0)
            waits.append(await measure_wait(caller))
        await bulk
        return waits

    assert sorted(run_virtually(main()))[:4] == [pytest.approx(0.05, abs=0.02)] * 4


def test_no_answer_dies_because_it_queued() -> None:
    """64 answers, 5 a second, a deadline of 2 s."""

    async def main() -> int:
        backend = AllowanceBackend(Bucket(allow_in_phases((600, 5)), 5))
        caller = make_caller(backend, CallPolicy(deadline_seconds=2.0), max_concurrent=64).for_bulk()
        await asyncio.gather(*(call(caller) for _ in range(64)))
        return backend.taken

    assert run_virtually(main()) == 64


def test_bulk_has_a_deadline_for_each_attempt() -> None:
    async def hang(request: Request) -> str:
        await asyncio.Event().wait()
        return "{}"

    async def main() -> int:
        backend = ScriptedBackend(hang)
        caller = make_caller(backend, CallPolicy(deadline_seconds=2.0, attempts=2)).for_bulk()
        with pytest.raises(BackendTimeout, match="within 2 s"):
            await call(caller)
        assert caller.limit.describe().in_flight == 0
        return len(backend.requests)

    assert run_virtually(main()) == 2


def test_bulk_begins_with_few_calls_and_doubles() -> None:
    async def main() -> list[int]:
        caller = make_caller(ScriptedBackend(reply_after_a_second))
        bulk = asyncio.create_task(keep_asking(caller.for_bulk(), 5))
        seen = []
        await asyncio.sleep(0.5)
        for _ in range(4):
            seen.append(caller.limit.describe().in_flight)
            await asyncio.sleep(1.0)
        await bulk
        return seen

    assert run_virtually(main()) == [FIRST_WINDOW, 2 * FIRST_WINDOW, 12, 12]


@pytest.mark.parametrize("is_bulk", [False, True])
def test_a_break_that_is_too_long_is_told_at_once_and_nothing_is_sent(is_bulk: bool) -> None:
    async def main() -> int:
        backend = ScriptedBackend(lambda _: BackendOverloaded("busy", 3_600))
        caller = make_caller(backend, max_concurrent=1, reserved_calls=0)
        caller = caller.for_bulk() if is_bulk else caller
        failures = await asyncio.gather(*(call(caller) for _ in range(10)), return_exceptions=True)
        assert all(isinstance(failure, BackendOverloaded) for failure in failures)
        with pytest.raises(BackendOverloaded, match="break; it lasts 3600 more seconds") as caught:
            await call(caller)
        assert caught.value.retry_after_seconds == pytest.approx(3_600)
        assert caller.limit.describe().waiting + caller.limit.describe().waiting_bulk == 0
        return len(backend.requests)

    assert run_virtually(main()) == 1


def test_a_break_that_is_short_is_waited_for() -> None:
    async def main() -> float:
        backend = ScriptedBackend([BackendOverloaded("busy", 7), "{}", "{}"])
        caller = make_caller(backend)
        first = asyncio.create_task(call(caller))
        await asyncio.sleep(0)
        await asyncio.sleep(1)
        started = asyncio.get_running_loop().time()
        await call(caller)
        await first
        return asyncio.get_running_loop().time() - started

    assert run_virtually(main()) >= 6.0


@pytest.mark.parametrize("at", [0.2, 1.0, 1.5])
def test_calls_that_are_given_up_leave_their_place_and_their_slot(at: float) -> None:
    async def main() -> None:
        caller = make_caller(ScriptedBackend(reply_after_a_second), max_concurrent=2, reserved_calls=0)
        tasks = [asyncio.create_task(call(caller)) for _ in range(6)]
        await asyncio.sleep(at)
        for task in tasks[:5]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        state = caller.limit.describe()
        assert (state.in_flight, state.waiting) == (0, 0)
        assert tasks[5].result().text == "{}"

    run_virtually(main())


def test_a_failure_that_is_no_refusal_gives_the_slot_back() -> None:
    async def main() -> None:
        caller = make_caller(ScriptedBackend([BackendUnavailable("down")] * 4), max_concurrent=1)
        with pytest.raises(BackendUnavailable):
            await call(caller)
        state = caller.limit.describe()
        assert (state.in_flight, state.calls_per_second) == (0, math.inf)

    run_virtually(main())


@pytest.mark.parametrize(("limits", "share", "calls"), [
    ({"requests_per_minute": 600}, 1.0, 650),
    ({"requests_per_minute": 600}, 0.5, 325),
    ({"tokens_per_minute": 60_000}, 1.0, 541),  # a reply costs 120, the first ones are reckoned at the longest
])  # fmt: skip
def test_the_operators_ceilings_hold(limits: dict[str, float], share: float, calls: int) -> None:
    async def main() -> int:
        backend = AllowanceBackend(Bucket(allow_in_phases((60, 1e9)), 1e9))
        caller = make_caller(backend, None, **limits)
        caller.limit.set_share(share)
        await keep_asking(caller.for_bulk(), 60)
        return backend.taken

    assert run_virtually(main()) == pytest.approx(calls, rel=0.05)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1])
async def test_a_share_is_a_part(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        make_caller(ScriptedBackend([])).limit.set_share(share)


async def test_bulk_can_wrap_the_backend_and_shares_the_limit() -> None:
    inner, outer = ScriptedBackend([]), ScriptedBackend(["{}"])
    caller = make_caller(inner)
    bulk = caller.for_bulk(lambda backend: outer if backend is inner else backend)
    assert bulk.limit is caller.limit
    assert (await call(bulk)).text == "{}"
    assert (len(inner.requests), len(outer.requests)) == (0, 1)
