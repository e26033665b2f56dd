"""Who is signed in with a browser: a random id in a cookie, and here, in memory, which API key it stands for.

A restart signs everybody out. The API key itself is kept nowhere; revoking it ends its sessions at the next request.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

COOKIE = "ig_session"
KEPT_SECONDS = 8 * 3600  # a working day
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf` must come with every form: another site cannot read it off a page. `ends_at` is monotonic."""

    key_id: str
    csrf: str
    ends_at: float


class Sessions:
    """The sessions of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        # Without API keys nobody signs in; a page still has something in it that another site cannot know.
        self.open_csrf = secrets.token_urlsafe(TOKEN_BYTES)

    def open(self, key_id: str) -> str:
        """The content of the cookie of a new session."""
        now = self._clock()
        self._sessions = {name: one for name, one in self._sessions.items() if one.ends_at > now}
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._sessions[_hash(token)] = Session(key_id, secrets.token_urlsafe(TOKEN_BYTES), now + KEPT_SECONDS)
        return token

    def find(self, token: str) -> Session | None:
        """The session, None for one that is over or never was."""
        session = self._sessions.get(_hash(token))
        return session if session is not None and session.ends_at > self._clock() else None

    def close(self, token: str) -> None:
        """Signs out; what is no session is none afterwards either."""
        self._sessions.pop(_hash(token), None)


def _hash(token: str) -> str:
    """Looked up by its hash, so that the time of a lookup tells nothing about a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
