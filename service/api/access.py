"""Who may do what.

On a loopback address and until the first API key is made everything is open, to this machine. As soon as a key was
made, or the address is another, every request under /v1, /evals, /screening and /practice needs a key with the
scope of what it does; with GRADER_PRACTICE=open /practice needs none. A browser shows its key once, at /sign-in, and
has a session after that: for pages only. Under /v1 a cookie is never looked at, since what a browser sends by itself,
it also sends when another site makes it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from service.api.problems import respond
from service.api.runtime import Runtime
from service.api.sessions import COOKIE, Session
from service.config import Settings
from service.errors import ConfigInvalid, GraderError, KeyRequired, ScopeRequired
from service.store.keys import ApiKey, Scope

PAGES = "/evals"
SCREENING = "/screening"
PRACTICE = "/practice"
SIGN_IN = "/sign-in"
BROWSED = (PAGES, SCREENING, PRACTICE)
PROTECTED = ("/v1/", *BROWSED)
# What a reverse proxy adds: behind one, everybody's requests seem to come from this machine.
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
PAGE_HINT = (
    " In a browser, sign in with it at /sign-in; or fetch the page: "
    "curl -H 'Authorization: Bearer <key>' -o page.html ADDRESS."
)
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
MISDIRECTED = 421


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `id` is the API key's, empty where no key is needed; `name` what its maker called it."""

    id: str
    scopes: frozenset[Scope]
    name: str = "local"

    @property
    def actor(self) -> str:
        """How the audit trail calls them: two keys may have the same name."""
        return f"{self.name} ({self.id[:8]})" if self.id else self.name


ANYONE_HERE = Visitor(id="", scopes=frozenset(Scope))
ANY_LEARNER = Visitor(id="", scopes=frozenset({Scope.GRADES_WRITE}), name="learner")  # sees only what is their own


def check_bind(settings: Settings, has_keys: bool) -> None:
    """Raises ConfigInvalid when the address could be reached from elsewhere and nobody would need a key."""
    if not has_keys and not is_loopback(settings.host):
        raise ConfigInvalid(
            f"GRADER_HOST is {settings.host}, which other machines can reach, and there is no API key. "
            "Make one with 'interview-grader keys create', or listen on 127.0.0.1."
        )


def is_loopback(host: str) -> bool:
    """Whether the address can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name
        return host.lower() == "localhost"


class AccessMiddleware:
    """Identifies the visitor before anything of the request is read; what they may do is the routes' question."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app, self._runtime = app, runtime

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PROTECTED):
            headers = Headers(scope=scope)
            try:
                scope["state"]["visitor"] = await self._identify(headers, scope)
            except (GraderError, HTTPException) as error:
                answer = respond(Request(scope), error)
                if isinstance(error, KeyRequired) and _can_sign_in(headers, scope):
                    answer = RedirectResponse(f"{SIGN_IN}?next={quote(_name_target(scope), safe='')}", 303)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _identify(self, headers: Headers, scope: Connection) -> Visitor:
        if self._runtime.settings.practice == "open" and _is_below(scope["path"], PRACTICE):
            return ANY_LEARNER
        keys = self._runtime.services.stores.keys
        secret = find_secret(headers)
        if secret is not None:
            return _admit(await keys.find(secret))
        is_page = scope["path"].startswith(BROWSED)
        if is_page and (session := self._find_session(headers)) is not None:
            scope["state"]["session"] = session
            return _admit(await keys.find_by_id(session.key_id))
        if await keys.has_any() or not is_loopback(self._runtime.settings.host):
            raise KeyRequired(
                "Send an API key as 'Authorization: Bearer <key>'. Whoever runs this service makes one with "
                "'interview-grader keys create NAME'." + (PAGE_HINT if is_page else "")
            )
        if any(name in headers for name in PROXY_HEADERS):
            raise KeyRequired(
                "This request came through a proxy, so it needs an API key: 'interview-grader keys create'."
            )
        check_host(headers.get("host", ""))
        return ANYONE_HERE

    def _find_session(self, headers: Headers) -> Session | None:
        token = read_cookies(headers).get(COOKIE)
        return self._runtime.sessions.find(token) if token else None


def _is_below(path: str, page: str) -> bool:
    return path == page or path.startswith(f"{page}/")


def read_cookies(headers: Headers) -> dict[str, str]:
    """The cookies of a request; none when they cannot be read."""
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _can_sign_in(headers: Headers, scope: Connection) -> bool:
    """Whether a person waits for a page, and not a program for an answer."""
    is_read = scope["method"] in ("GET", "HEAD")
    return is_read and scope["path"].startswith(BROWSED) and "text/html" in headers.get("accept", "")


def _name_target(scope: Connection) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])


def find_secret(headers: Headers) -> str | None:
    """The API key of a request; an Authorization of another kind is no key, and is refused as one."""
    authorization = headers.get("authorization")
    if authorization is None:
        return headers.get("x-api-key")
    kind, _, secret = authorization.partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def check_host(host: str) -> None:
    """Refuses names that only look local: a web page can point its own name at 127.0.0.1 (DNS rebinding)."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in LOCAL_NAMES:
        raise HTTPException(MISDIRECTED)


def require(scope: Scope | None, *others: Scope) -> Callable[[Request], Awaitable[Visitor]]:
    """The dependency of a route that needs the scope, or one of the others; None: any valid key will do."""
    wanted = (scope, *others) if scope is not None else ()

    async def get_visitor(request: Request) -> Visitor:
        visitor: Visitor = request.state.visitor  # a route outside PROTECTED fails here, closed
        if wanted and visitor.scopes.isdisjoint(wanted):
            named = " or ".join(one.value for one in wanted)
            raise ScopeRequired(f"This API key lacks the scope {named}. Ask for a key that has it.")
        return visitor

    return get_visitor


def whose(visitor: Visitor) -> str | None:
    """Whose transcriptions a visitor may see: everybody's (None) with `grades:read`, as with grades; else their own."""
    return None if Scope.GRADES_READ in visitor.scopes else visitor.id


def _admit(key: ApiKey) -> Visitor:
    return Visitor(id=key.id, scopes=key.scopes, name=key.name)
