"""A webhook receiver on loopback that answers as it is told to, over HTTP or TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Received:
    line: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Receiver:
    """Answers with the next of `statuses`, 200 when there is none; 0 says nothing at all."""

    statuses: deque[int] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)
    port: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def listen(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
            body = (await reader.readexactly(int(headers["content-length"]))).decode()
            self.received.append(Received(line, headers, body))
            self.heard.set()
            status = self.statuses.popleft() if self.statuses else 200
            if status == 0:
                await reader.read()  # until the sender gives up
            else:
                writer.write(f"HTTP/1.1 {status} X\r\nlocation: /other\r\ncontent-length: 2\r\n\r\nok".encode())
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
