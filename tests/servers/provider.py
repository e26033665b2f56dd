"""A loopback OpenAI-compatible server that misbehaves on demand.

Raw asyncio, so that it is not what a benchmark measures. Run it alone with
`python -m tests.servers.provider --port 0 --latency-seconds 0.05 --reply FILE`; it prints its base URL first.

A request fails as asked by the next entry of `faults`, else by its model name: model `overloaded` always gets a 429.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from tests.servers.faults import FAULT_OF_MODEL, GOOD_MODEL, Answer, Fault, encode, make_answer, make_completion

MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')  # quotes inside the prompt are escaped: they cannot match
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
AUTHORIZATION = re.compile(rb"\r\nauthorization:[ \t]*([^\r]*)", re.IGNORECASE)
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


class Provider:
    """The server. Counts `calls`, `in_flight` and `most_in_flight`; keeps request bodies when asked to.

    `reply` is the text of every good answer, or makes it from the request's body.
    """

    def __init__(
        self,
        reply: str | Callable[[bytes], str] = '{"level": 4}',
        *,
        latency_seconds: float = 0.0,
        keeps_requests: bool = True,
    ) -> None:
        self.latency_seconds = latency_seconds
        self.slow_seconds = 5.0
        self.faults: deque[Fault] = deque()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.calls = self.in_flight = self.most_in_flight = 0
        self.connections: set[Connection] = set()
        self._reply = reply
        self._keeps_requests = keeps_requests
        self._good = Answer(200, make_completion(reply)) if isinstance(reply, str) else None
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self), "127.0.0.1", port, backlog=1024
        )

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self.connections):
            connection.hang_up()
        await self._server.wait_closed()

    def choose_answer(self, head: bytes, body: bytes) -> tuple[Answer, float]:
        """The answer to a request, and after how many seconds."""
        if head.startswith(b"GET"):
            return self._list_models(), 0.0
        self.calls += 1
        if self._keeps_requests:
            self.bodies.append(json.loads(body))
            key = AUTHORIZATION.search(head)
            self.keys.append(key[1].decode() if key else "")
        fault = self._choose_fault(body)
        if fault is Fault.NONE and self._good is not None:
            return self._good, self.latency_seconds
        text = self._reply if isinstance(self._reply, str) else self._reply(body)
        return make_answer(fault, text), self.slow_seconds if fault is Fault.SLOW else self.latency_seconds

    def _choose_fault(self, body: bytes) -> Fault:
        if self.faults:
            return self.faults.popleft()
        model = MODEL.search(body)
        name = model[1].decode() if model else ""
        return FAULT_OF_MODEL.get(name, Fault.NONE)

    def _list_models(self) -> Answer:
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "tests"} for name in (GOOD_MODEL, "other")]
        return Answer(200, encode({"object": "list", "data": models}))


class Connection(asyncio.Protocol):
    """One keep-alive connection: a request is a head, a blank line and content-length bytes."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._pending: set[asyncio.TimerHandle] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._provider.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._provider.connections.discard(self)
        for handle in self._pending:  # the client gave up: the call is no longer in flight
            handle.cancel()
            self._provider.in_flight -= 1
        self._pending.clear()

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = LENGTH.search(head)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < total:
                return
            body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
            self._schedule(*self._provider.choose_answer(head, body))

    def _schedule(self, answer: Answer, seconds: float) -> None:
        provider = self._provider
        provider.in_flight += 1
        provider.most_in_flight = max(provider.most_in_flight, provider.in_flight)

        def send() -> None:
            self._pending.discard(handle)
            provider.in_flight -= 1
            self._send(answer)

        handle = asyncio.get_running_loop().call_later(seconds, send)
        self._pending.add(handle)

    def _send(self, answer: Answer) -> None:
        assert self._transport is not None
        if answer.cut and not answer.body:
            self._transport.abort()
            return
        head = (
            f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Error')}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(answer.body)}\r\n{answer.headers}\r\n"
        )
        body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
        self._transport.write(head.encode() + body)
        if answer.cut:
            self._transport.close()


@contextlib.asynccontextmanager
async def run_provider(
    reply: str | Callable[[bytes], str] = '{"level": 4}', *, latency_seconds: float = 0.0, port: int = 0
) -> AsyncIterator[Provider]:
    """A provider in this event loop."""
    provider = Provider(reply, latency_seconds=latency_seconds)
    await provider.start(port)
    try:
        yield provider
    finally:
        await provider.stop()


@contextlib.contextmanager
def run_provider_in_thread(
    reply: str | Callable[[bytes], str] = '{"level": 4}', *, latency_seconds: float = 0.0
) -> Iterator[Provider]:
    """A provider with an event loop of its own, for tests that block theirs."""
    provider = Provider(reply, latency_seconds=latency_seconds)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="provider", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(provider.start(), loop).result(10)
    try:
        yield provider
    finally:
        asyncio.run_coroutine_threadsafe(provider.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def serve(port: int, latency_seconds: float, reply: str) -> None:
    """Serves until interrupted; the counts are printed at the end."""
    provider = Provider(reply, latency_seconds=latency_seconds, keeps_requests=False)
    await provider.start(port)
    print(provider.base_url, flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await provider.stop()
    print(json.dumps({"calls": provider.calls, "most_in_flight": provider.most_in_flight}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-seconds", type=float, default=0.05)
    parser.add_argument("--reply", type=Path, help="file with the text of every reply")
    options = parser.parse_args()
    reply = options.reply.read_text(encoding="utf-8") if options.reply else '{"level": 4}'
    asyncio.run(serve(options.port, options.latency_seconds, reply))


if __name__ == "__main__":
    main()
