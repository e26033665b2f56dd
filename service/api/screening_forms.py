"""Forms that a page sends: who may have sent them, and what stands in them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from service.api.sessions import Session, Sessions
from service.errors import AccessError

MEDIA_TYPE = "application/x-www-form-urlencoded"
TOKEN = "csrf"  # noqa: S105 - the field's name
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 - of requests that a script makes
MAX_FIELDS = 2_000
STALE = "This page is older than your sign-in, or than the server. Load it again, then send the form again."


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form. Absent and empty are the same: a browser sends every text field."""

    fields: Mapping[str, Sequence[str]]

    def get(self, name: str, default: str = "") -> str:
        """The first value, without the blanks around it."""
        return next((one.strip() for one in self.fields.get(name, ())), "") or default

    def list(self, name: str) -> tuple[str, ...]:
        """All values that are not empty."""
        return tuple(one for one in self.fields.get(name, ()) if one.strip())


def get_token(request: Request) -> str:
    """What the forms of this visitor's pages must carry."""
    session: Session | None = getattr(request.state, "session", None)
    sessions: Sessions = request.app.state.runtime.sessions
    return session.csrf if session is not None else sessions.open_csrf


async def read_form(request: Request) -> Form:
    """The form of a POST that came from one of our pages. Raises AccessError for one that did not."""
    check_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        text = (await request.body()).decode("ascii")
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    form = Form(fields)
    check_token(request, form.get(TOKEN))
    return form


def check_token(request: Request, token: str) -> None:
    """Raises AccessError when the token is not that of this visitor's pages."""
    if not hmac.compare_digest(token.encode("utf-8", "replace"), get_token(request).encode()):
        raise AccessError(STALE)


def check_origin(request: Request) -> None:
    """Raises AccessError for a request that a browser says another site made.

    Browsers send Sec-Fetch-Site over https and to this machine, Origin also elsewhere. What sends neither is no
    browser, or a very old one; then the token decides.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        is_ours = site == "same-origin"
    else:
        is_ours = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not is_ours:
        raise AccessError("Another site sent this form. Open the page here, and send it from there.")


async def check_script(request: Request) -> None:
    """For requests of our scripts: the same checks, with the token in a header."""
    check_origin(request)
    check_token(request, request.headers.get(TOKEN_HEADER, ""))


WithForm = Annotated[Form, Depends(read_form)]
