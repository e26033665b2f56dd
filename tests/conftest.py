"""What holds for every test: no network but loopback, no settings from outside, an empty working folder."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.reuse import keep_what_is_read

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("search", deadline=None, max_examples=2_000)  # HYPOTHESIS_PROFILE=search: hunt for more
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Images for containers set it; then each process, xdist's workers too, compiles anew what it imports: litellm's 2,800
# modules alone in 4 s
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell without job control has what it starts in the background ignore Ctrl-C, and all that is started by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FOREIGN_SETTINGS = ("GRADER_", "OPENAI_")


class NetworkRefused(Exception):
    """A test tried to leave the machine. No OSError: code that treats those as a lost connection must not hide it."""


def is_local(host: Any) -> bool:
    """Whether a host as sockets take it (name, address, bytes, None) is this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost", "localhost.localdomain", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse_foreign(host: Any) -> None:
    if not is_local(host):
        raise NetworkRefused(
            f"This test tried to reach {host!r}. Only loopback is allowed: use a fake or tests/servers."
        )


def guard_address(real: Callable[..., Any], position: int) -> Callable[..., Any]:
    """A socket method that checks its address, which stands at `position` (-1 for the last)."""

    def guarded(sock: socket.socket, *arguments: Any, **options: Any) -> Any:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(arguments[position], tuple):
            refuse_foreign(arguments[position][0])
        return real(sock, *arguments, **options)

    return guarded


def guard_name(real: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: Any, *arguments: Any, **options: Any) -> Any:
        refuse_foreign(host)
        return real(host, *arguments, **options)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Sockets reach this machine only; asyncio, httpx and aiohttp all end in these functions."""
    with pytest.MonkeyPatch.context() as patch:
        for name, position in (("connect", 0), ("connect_ex", 0), ("sendto", -1), ("sendmsg", -1)):
            patch.setattr(socket.socket, name, guard_address(getattr(socket.socket, name), position))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            patch.setattr(socket, name, guard_name(getattr(socket, name)))
        yield


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """Rubrics, prompts, vectors and the command tree, which never change, are made once."""
    with keep_what_is_read():
        yield


@pytest.fixture(autouse=True)
def no_foreign_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test starts without the developer's variables and `.env`, and with live calls switched off."""
    for name in list(os.environ):
        if name.upper().startswith(FOREIGN_SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GRADER_LIVE_CALLS", "false")
    monkeypatch.chdir(tmp_path)
