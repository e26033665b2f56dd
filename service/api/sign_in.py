"""Signing in with a browser where API keys are needed: the key is shown once, a cookie stands for it after that."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api.access import BROWSED, SIGN_IN, check_host, is_loopback
from service.api.runtime import Runtime, WithRuntime
from service.api.screening_forms import TOKEN, WithForm, check_origin
from service.api.screening_pages import SEE_OTHER, PageRoute, render_page
from service.api.sessions import COOKIE, KEPT_SECONDS
from service.errors import KeyRequired

router = APIRouter(include_in_schema=False, route_class=PageRoute)
HOME = "/screening"
MAX_SECRET = 500


@router.get(SIGN_IN)
async def show_sign_in(request: Request, runtime: WithRuntime, next: str = HOME) -> Response:  # noqa: A002 - as in the address
    """The form, or on to the page where no key is needed."""
    if not await _needs_key(runtime):
        check_host(request.headers.get("host", ""))
        return RedirectResponse(read_target(next), SEE_OTHER)
    return _show_form(request, read_target(next))


@router.post(SIGN_IN)
async def sign_in(request: Request, runtime: WithRuntime, form: WithForm) -> Response:
    """A session for the key, and on to the page that was asked for."""
    target = read_target(form.get("next"))
    try:
        key = await runtime.services.stores.keys.find(form.get("key")[:MAX_SECRET])
    except KeyRequired as error:
        return _show_form(request, target, str(error), HTTPStatus.UNAUTHORIZED)
    response = RedirectResponse(target, SEE_OTHER)
    response.set_cookie(
        COOKIE, runtime.sessions.open(key.id), max_age=KEPT_SECONDS, path="/", secure=is_encrypted(request),
        httponly=True, samesite="strict",
    )  # fmt: skip
    return response


@router.post("/sign-out")
async def sign_out(request: Request, runtime: WithRuntime) -> Response:
    """Ends the session, whatever it was. Without a token: all that another site could do is sign somebody out."""
    check_origin(request)
    runtime.sessions.close(request.cookies.get(COOKIE, ""))
    response = RedirectResponse(SIGN_IN, SEE_OTHER)
    response.delete_cookie(COOKIE, path="/")
    return response


def read_target(target: str) -> str:
    """Where to go on: a page of this server, never an address that somebody put into a link."""
    path = target.partition("?")[0]
    is_ours = any(path == page or path.startswith(f"{page}/") for page in BROWSED)
    return target if is_ours and "\\" not in target and target.isprintable() else HOME


async def _needs_key(runtime: Runtime) -> bool:
    return await runtime.services.stores.keys.has_any() or not is_loopback(runtime.settings.host)


def is_encrypted(request: Request) -> bool:
    """Whether the browser came over https, be it to a proxy before this server."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))


def _show_form(request: Request, target: str, problem: str = "", status: int = HTTPStatus.OK) -> Response:
    context = {"target": target, "problem": problem, "token": TOKEN}
    return render_page(request, "sign_in.html", context, status)
