"""The switch that makes live model calls impossible: with it off, only this machine is asked."""

from __future__ import annotations

from service.domain.servers import describe_host, is_loopback
from service.errors import LiveCallRefused


def require_loopback(url: str) -> None:
    """Raises LiveCallRefused unless the URL's host is 127.0.0.0/8, ::1 or localhost."""
    if not is_loopback(url):
        raise LiveCallRefused(
            f"Live model calls are switched off, and {describe_host(url)} is not this machine. "
            "Switch them on, or use replay/<folder> or a server on localhost."
        )
