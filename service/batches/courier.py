"""Delivers webhook messages, again and again until somebody takes them or the schedule ends."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from service import __version__
from service.batches.addresses import Resolve, Target, find_addresses, read_target, resolve_name
from service.batches.webhooks import build_headers
from service.errors import BatchInvalid, StoreError
from service.store.deliveries import Delivery, DeliveryStore, Due

# Seconds to wait before each attempt, after Standard Webhooks. Data, so that it can be read at a glance: 17.6 hours.
SCHEDULE_SECONDS = (0.0, 5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0)
JITTER = 0.1  # of a wait, either way: a receiver that comes back is not hit by all at once
TIMEOUT_SECONDS = 15.0  # for the whole attempt; httpx alone would wait 15 s for each byte
CONNECT_SECONDS = 5.0  # a name's second address is tried when the first swallows what it is sent
CLAIM_SECONDS = 60.0  # longer than an attempt; a server that dies in one leaves it to others for as long
LOOK_SECONDS = 30.0  # how often to look for messages that another process has stored
AT_ONCE = 8
GONE = 410
USER_AGENT = f"interview-grader/{__version__}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `error` is a plain sentence without the address, which may hold a token; None: delivered.

    `is_final`: further attempts are useless.
    """

    error: str | None = None
    is_final: bool = False


class Courier:
    """Sends what is due. One runs in each server; a delivery goes to the one that claims it first.

    `key` is that of GRADER_WEBHOOK_SECRET. Proxies of the environment are not used: they would resolve the name anew.
    """

    def __init__(
        self,
        deliveries: DeliveryStore,
        key: bytes,
        clock: Callable[[], datetime],
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve_name,
        tls: ssl.SSLContext | None = None,
        draw: Callable[[], float] = random.random,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._deliveries, self._key, self._clock = deliveries, key, clock
        self._allow_private, self._resolve, self._draw = allow_private, resolve, draw
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(
            verify=tls or ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # the rest is bounded as a whole, in _send
            # No connection is kept: it would outlive the check of its address.
            limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0),
        )
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to deliver in the background, first what a crash or a stop has left."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="webhook-courier")

    async def aclose(self) -> None:
        """Stops; what was not delivered stays stored. An attempt under way is repeated later with the same id."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._client.aclose()

    async def look(self) -> None:
        """There may be a new message: it is sent soon, in the background."""
        self._news.set()

    async def send_due(self) -> int:
        """Makes one attempt for each delivery that is due; how many this courier got to make. Raises a StoreError."""
        due = await self._deliveries.list_due(self._clock())
        width = asyncio.Semaphore(AT_ONCE)

        async def attempt(one: Due) -> bool:
            async with width:
                return await self._attempt(one)

        ended = await asyncio.gather(*map(attempt, due), return_exceptions=True)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        return ended.count(True)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                if await self.send_due():
                    continue  # there may be more than one page of them
                wait = await self._find_wait()
            except StoreError:  # the database restarts; messages wait in it
                wait = LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait)

    async def _find_wait(self) -> float:
        """Seconds until the next attempt is due, at most LOOK_SECONDS."""
        moment = await self._deliveries.find_next()
        if moment is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.05, (moment - self._clock()).total_seconds()))

    async def _attempt(self, due: Due) -> bool:
        delivery, until = due.delivery, self._clock() + timedelta(seconds=CLAIM_SECONDS)
        if not await self._deliveries.claim(delivery, until):
            return False
        outcome = await self._send(due)
        now = self._clock()
        await self._deliveries.settle(
            delivery,
            until,
            next_attempt_at=self._find_next(delivery, outcome, now),
            delivered_at=now if outcome.error is None else None,
            error=outcome.error,
        )
        return True

    def _find_next(self, delivery: Delivery, outcome: Outcome, now: datetime) -> datetime | None:
        made = delivery.attempts + 1
        if outcome.error is None or outcome.is_final or made >= len(SCHEDULE_SECONDS):
            return None
        jitter = 1 + JITTER * (2 * self._draw() - 1)
        return now + timedelta(seconds=SCHEDULE_SECONDS[made] * jitter)

    async def _send(self, due: Due) -> Outcome:
        if due.url is None:
            return Outcome("The batch names no address any more.", is_final=True)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                target = read_target(due.url, allow_private=self._allow_private)
                addresses = await find_addresses(target, allow_private=self._allow_private, resolve=self._resolve)
                return await self._send_to_first(target, addresses, due.delivery)
        except BatchInvalid as refused:
            return Outcome(str(refused))  # not final: the name may stand for another address, a setting may change
        except TimeoutError:
            return Outcome(f"No answer within {self._timeout_seconds:g} s.")
        except (OSError, UnicodeError):  # an empty label, as in a..b, is a UnicodeError
            return Outcome("The name of the webhook's host is not known.")
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            return Outcome(f"The message could not be sent ({type(failure).__name__}).")

    async def _send_to_first(self, target: Target, addresses: Sequence[str], delivery: Delivery) -> Outcome:
        """To the first address that can be connected to."""
        for address in addresses[:-1]:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._post(target, address, delivery)
        return await self._post(target, addresses[-1], delivery)

    async def _post(self, target: Target, address: str, delivery: Delivery) -> Outcome:
        """Connects to the checked address; the name stays in the Host header and in the check of the certificate."""
        headers = {
            "host": target.authority,
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            **build_headers(self._key, delivery, self._clock()),
        }
        request = self._client.build_request(
            "POST",
            target.point_at(address),
            content=delivery.body.encode(),
            headers=headers,
            extensions={"sni_hostname": target.host},
        )
        response = await self._client.send(request, stream=True)  # the body is nobody's business, and may be endless
        await response.aclose()
        if response.is_success:
            return Outcome()
        return Outcome(f"The receiver answered with status {response.status_code}.", response.status_code == GONE)
