"""Who practises: a learner known by a random cookie, the token of their forms, and how much they may ask for.

The cookie is drawn when a page with a form is first looked at; nothing is stored before something is handed in.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import require
from service.api.runtime import Runtime, WithRuntime
from service.api.screening_forms import MAX_FIELDS, MEDIA_TYPE, TOKEN, TOKEN_HEADER, Form, check_origin
from service.api.sign_in import is_encrypted
from service.domain.practice import Learner
from service.errors import AccessError
from service.store.keys import Scope

COOKIE = "ig_learner"
MAX_TOKEN = 200
DAY_SECONDS = 24 * 3600
LONGEST_COOKIE_DAYS = 400  # what browsers keep at most
STALE = "This page was opened before your browser knew you, or cookies are switched off. Send it once more."

may_practise = Depends(require(Scope.GRADES_WRITE))


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a learner. `token` is their cookie's; `is_new` when they get it with this response.

    `csrf` is what their forms carry: made from the cookie, which no other site can read, so that a page outlives a
    restart of the server.
    """

    learner: Learner
    token: str
    is_new: bool

    @property
    def csrf(self) -> str:
        return hashlib.sha256(f"csrf {self.token}".encode()).hexdigest()


async def get_visit(request: Request, runtime: WithRuntime) -> Visit:
    """Whose cookie came with the request; a new learner's where none did."""
    sent = request.cookies.get(COOKIE, "")[:MAX_TOKEN]
    token = sent or runtime.practice.draw_token()
    visit = Visit(runtime.practice.recognise(token), token, not sent)
    request.state.visit = visit  # what pages are rendered with
    return visit


WithVisit = Annotated[Visit, Depends(get_visit)]


async def read_form(request: Request) -> Form:
    """The form of a POST from one of our pages. Raises AccessError for one that another site sent.

    Whether the token is right is looked at by `is_theirs`, since an answer must not be lost for that.
    """
    check_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        text = (await request.body()).decode("ascii")
        return Form(parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None


async def read_own_form(visit: WithVisit, form: Annotated[Form, Depends(read_form)]) -> Form:
    """The same, with the token that the learner's pages carry; raises AccessError without."""
    check_theirs(visit, form.get(TOKEN))
    return form


async def check_script(request: Request, visit: WithVisit) -> None:
    """For requests of our scripts: the same, with the token in a header."""
    check_origin(request)
    check_theirs(visit, request.headers.get(TOKEN_HEADER, ""))


def check_theirs(visit: Visit, token: str) -> None:
    """Raises AccessError for a token that stood on no page of this learner."""
    if not is_theirs(visit, token):
        raise AccessError(STALE)


def is_theirs(visit: Visit, token: str) -> bool:
    """Whether the token stood on a page of this learner."""
    return not visit.is_new and hmac.compare_digest(token.encode("utf-8", "replace"), visit.csrf.encode())


def keep_cookie(request: Request, response: Response, visit: Visit, runtime: Runtime) -> None:
    """Sets the learner's cookie, for as long as their attempts are kept."""
    days = min(runtime.settings.practice_days or LONGEST_COOKIE_DAYS, LONGEST_COOKIE_DAYS)
    response.set_cookie(
        COOKIE, visit.token, max_age=round(days * DAY_SECONDS), path="/", secure=is_encrypted(request),
        httponly=True, samesite="lax",
    )  # fmt: skip


WithAnyForm = Annotated[Form, Depends(read_form)]
WithOwnForm = Annotated[Form, Depends(read_own_form)]
from_own_page = Depends(read_own_form)  # of forms that are nothing but a button
