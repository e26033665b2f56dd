"""The server process: checks, listens, says so, and stops without losing an answer."""

from __future__ import annotations

import asyncio
import errno
import math
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn

from service.api.access import check_bind
from service.api.app import create_app
from service.api.logs import configure_logs
from service.api.runtime import Runtime
from service.collector import settle_collector
from service.config import Settings
from service.errors import ConfigInvalid
from service.wiring import open_stores
from service.wiring_speech import open_transcriber

MARGIN_SECONDS = 5  # for answering the gradings that were stopped
BACKLOG = 2048
SETTLE_SECONDS = 10.0  # by then the worker for batches is up, which starts beside the server in 1–3 s

log = structlog.stdlib.get_logger(__name__)


def run_server(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C; a second Ctrl-C quits at once.

    Raises ConfigInvalid (the port is in use, no API key for an address that others can reach, no such transcriber) or a
    StoreError.
    """
    check_bind(settings, asyncio.run(_check_settings(settings)))
    listener = listen(settings)
    configure_logs(settings)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds) + MARGIN_SECONDS,
    )
    runtime: Runtime = app.state.runtime
    with listener:
        Server(config, runtime, build_address(listener), is_quiet=settings.log_format == "json").run([listener])


class Server(uvicorn.Server):
    """uvicorn's server, which announces itself, and gives running gradings their time when it stops."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime, address: str, *, is_quiet: bool) -> None:
        super().__init__(config)
        self._runtime, self._address, self._is_quiet = runtime, address, is_quiet

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        asyncio.get_running_loop().call_later(SETTLE_SECONDS, settle_collector)
        log.info("listening", address=self._address, docs=f"{self._address}/docs")
        if not self._is_quiet:
            sys.stdout.write(f"Listening on {self._address} - documentation: {self._address}/docs - stop: Ctrl-C\n")
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._runtime.begin_shutdown()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        """As uvicorn's, but the signal is not raised again at the end: a server that stopped as asked exits with 0."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on; raises ConfigInvalid when the address cannot be had."""
    place = f"{settings.host}, port {settings.port}"
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except socket.gaierror:
        raise ConfigInvalid(
            f"The address {settings.host!r} is none. Set GRADER_HOST to an address of this machine."
        ) from None
    except OSError as failure:
        raise ConfigInvalid(f"Cannot listen on {place}: {explain_refusal(failure)}") from None
    # asyncio sets this only on sockets that name TCP; without it each reply waited 40 ms for the reader's ACK
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def build_address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def explain_refusal(failure: OSError) -> str:
    """Why the system does not let us listen, and what to do."""
    reasons = {
        errno.EADDRINUSE: "it is in use. Stop what uses it, or set GRADER_PORT to another port (0: any free one).",
        errno.EACCES: "this user may not. Use a port above 1023.",
        errno.EADDRNOTAVAIL: "this machine does not have the address. Set GRADER_HOST to one that it has.",
    }
    return reasons.get(failure.errno or 0, f"{errno.errorcode.get(failure.errno or 0, 'OSError')}.")


async def _check_settings(settings: Settings) -> bool:
    """Whether there are API keys. Raises ConfigInvalid for a transcriber that is none, before anything is served."""
    transcriber = open_transcriber(settings)
    if transcriber is not None:
        await transcriber.aclose()
    async with open_stores(settings) as stores:
        return await stores.keys.has_any()
