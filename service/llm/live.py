"""The switch that makes live model calls impossible: with it off, only this machine is asked."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from service.errors import LiveCallRefused
from service.llm.failures import describe_host


def require_loopback(url: str) -> None:
    """Raises LiveCallRefused unless the URL's host is 127.0.0.0/8, ::1 or localhost."""
    if not is_loopback(url):
        raise LiveCallRefused(
            f"Live model calls are switched off, and {describe_host(url)} is not this machine. "
            "Switch them on, or use replay/<folder> or a server on localhost."
        )


@lru_cache(maxsize=64)  # asked before every call
def is_loopback(url: str) -> bool:
    """Names are not resolved: a name that happens to point here today is refused."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False
