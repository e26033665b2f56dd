"""Where a webhook may go: never, unless the operator allows it, to a machine that only this one can reach.

An address that a user names and a server calls is a way into the server's own network (server-side request forgery):
to a cloud's metadata service, a database's port, a router's page. So every address that a name stands for is checked,
and the connection goes to a checked address, not to the name again, which could stand for another one by then.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from service.errors import BatchInvalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

ALLOW = "The operator can allow addresses in the own network with GRADER_WEBHOOK_PRIVATE=true."
LONGEST = 2_000  # characters
_GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # all that is given out; fec0::/10 is called global by Python
# Not for use (RFC 6890, RFC 7526), and public to Python 3.11.7.
_OUT_OF_USE = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
# What the C library takes for an IPv4 address: 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1.
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+)){0,3}\.?", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's URL in parts. `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    def point_at(self, address: str) -> str:
        """The URL with an address in place of the name."""
        return f"{self.scheme}://{f'[{address}]' if ':' in address else address}:{self.port}{self.path}"


def read_target(url: str, *, allow_private: bool) -> Target:
    """The parts of a URL that may be called; raises BatchInvalid that says what is wrong with it.

    What a name stands for is not looked up here; see `find_addresses`.
    """
    parts, host, port = _split(url)
    if parts.scheme == "http" and not allow_private:
        raise BatchInvalid(f"The webhook's address has no https, so anybody could read the messages. {ALLOW}")
    if parts.username is not None or parts.password is not None:
        raise BatchInvalid("The webhook's address holds a user or a password. Leave them out; messages are signed.")
    literal = read_literal(host)
    if literal is not None and not allow_private and not is_public(literal):
        raise _refuse()
    if literal is None and (not re.search("[a-z]", host, re.IGNORECASE) or "%" in host):
        raise BatchInvalid("The webhook's address names no host. Write it like https://example.org/hook.")
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return Target(parts.scheme, host, port, path)


def _split(url: str) -> tuple[SplitResult, str, int]:
    """The parts, the host as DNS spells it, and the port."""
    parts, host, port = SplitResult("", "", "", "", ""), "", 0
    with suppress(ValueError):  # brackets without an address, a port that is no number, a label of 70 letters
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    if not port or not host or parts.scheme not in {"http", "https"} or _UNPRINTABLE.search(url) or len(url) > LONGEST:
        raise BatchInvalid(
            f"The webhook's address is none. Write it like https://example.org/hook, at most {LONGEST:,} characters."
        )
    return parts, host, port


def read_literal(host: str) -> Address | None:
    """The address that a host written in digits stands for, in any form that a C library reads; None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if not _NUMERIC.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None


def is_public(address: Address) -> bool:
    """Whether the whole internet reaches the address: none that is private, loopback, link-local, multicast, reserved.

    An IPv6 address that carries an IPv4 one inside counts as that one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        is_refused = address.is_multicast or address.is_reserved or any(address in one for one in _OUT_OF_USE)
        return address.is_global and not is_refused
    inside = address.ipv4_mapped or address.sixtofour
    if inside is not None:
        return is_public(inside)
    return address in _GLOBAL_IPV6 and address.is_global and not address.is_multicast and not address.is_reserved


async def find_addresses(target: Target, *, allow_private: bool, resolve: Resolve) -> Sequence[str]:
    """The addresses of the target, each of them checked.

    Raises BatchInvalid when one of them may not be called, OSError when the name is not known.
    """
    literal = read_literal(target.host)
    found = [str(literal)] if literal is not None else await resolve(target.host, target.port)
    addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
    if not addresses:
        raise OSError("the name has no address")
    if not allow_private and not all(map(is_public, addresses)):
        raise _refuse()
    return [str(address) for address in addresses]


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says; raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _refuse() -> BatchInvalid:
    return BatchInvalid(
        f"The webhook's address is a private, local or reserved one, which this server does not call. {ALLOW}"
    )
