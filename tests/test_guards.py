"""The guards of conftest.py bite."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx
import pytest

from tests.conftest import NetworkRefused, is_local

ELSEWHERE = "192.0.2.1"  # TEST-NET-1: nobody has this address
NAME = "models.example"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: socket.create_connection((ELSEWHERE, 80), timeout=1),
        lambda: socket.create_connection((NAME, 80), timeout=1),
        lambda: socket.socket().connect((ELSEWHERE, 80)),
        lambda: socket.socket().connect_ex((ELSEWHERE, 80)),
        lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 80)),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"hello", (ELSEWHERE, 53)),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"hello", 0, (ELSEWHERE, 53)),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendmsg([b"hello"], [], 0, (ELSEWHERE, 53)),
        lambda: socket.getaddrinfo(NAME, 80),
        lambda: socket.gethostbyname(NAME),
        lambda: httpx.get(f"http://{ELSEWHERE}/", trust_env=False),
        lambda: httpx.get(f"https://{NAME}/", trust_env=False),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_no_test_leaves_the_machine(attempt: Callable[[], object]) -> None:
    with pytest.raises(NetworkRefused):
        attempt()


async def connect_socket(host: str) -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, 80))


async def open_stream(host: str) -> None:
    await asyncio.open_connection(host, 80)


async def ask_httpx(host: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"http://{host}/")


async def ask_aiohttp(host: str) -> None:
    async with aiohttp.ClientSession() as session:
        await session.get(f"http://{host}/")


async def ask_aiohttp_on_the_default_resolver(host: str) -> None:
    connector = aiohttp.TCPConnector(resolver=aiohttp.resolver.DefaultResolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        await session.get(f"http://{host}/")


@pytest.mark.parametrize("host", [ELSEWHERE, NAME])
@pytest.mark.parametrize(
    "attempt", [connect_socket, open_stream, ask_httpx, ask_aiohttp, ask_aiohttp_on_the_default_resolver]
)
async def test_no_event_loop_leaves_the_machine(attempt: Callable[[str], Awaitable[None]], host: str) -> None:
    refused = False
    try:
        await attempt(host)
    except* NetworkRefused:  # httpx tries addresses in a task group
        refused = True
    assert refused


def test_aiohttp_resolves_names_through_the_guarded_functions() -> None:
    assert aiohttp.resolver.DefaultResolver is aiohttp.ThreadedResolver, "c-ares opens its own sockets: guard it too"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", b"localhost", None, "", "0.0.0.0"])
def test_this_machine_is_local(host: object) -> None:
    assert is_local(host)


async def test_loopback_still_works() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_unix_sockets_still_work(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        caller.connect(str(tmp_path / "s"))


def test_nothing_of_the_developers_machine_leaks_in() -> None:
    ours = {name: value for name, value in os.environ.items() if name.startswith(("GRADER_", "OPENAI_"))}
    assert ours == {"GRADER_LIVE_CALLS": "false"}
    assert list(Path.cwd().iterdir()) == []
