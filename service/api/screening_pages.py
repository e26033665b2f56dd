"""How the pages below /screening are made: templates, what stands on each of them, and what an error looks like."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.api import screening_words as words
from service.api.access import Visitor
from service.api.handlers import report_error
from service.api.problems import Problem, build_headers, describe_error, describe_refusal, describe_validation
from service.api.screening_forms import get_token
from service.errors import GraderError, UnknownBatch
from service.store.keys import Scope

REVIEWER_COOKIE = "ig_reviewer"
MAX_REVIEWER = 80
NO_BATCH = "There is no batch at this address. It may have been deleted, or the address was cut off."
SEE_OTHER = 303  # after a form: reloading the page it leads to sends nothing again
SAFETY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser hides where a form comes from, also from us
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


class PageRoute(APIRoute):
    """A route of pages: whoever looks at one gets a page when it fails, too."""

    def show_problem(self, request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
        return _show_problem(request, problem, headers)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                return await handle(request)
            except GraderError as error:
                report_error(error)
                return self.show_problem(request, describe_error(request, error), build_headers(error))
            except HTTPException as error:
                return self.show_problem(request, describe_refusal(request, error.status_code))
            except RequestValidationError as error:
                if any(one["loc"][:2] == ("path", "batch_id") for one in error.errors()):
                    return self.show_problem(request, describe_error(request, UnknownBatch(NO_BATCH)))
                return self.show_problem(request, describe_validation(request, error))

        return handle_page


def render_page(
    request: Request, template: str, context: Mapping[str, Any], status: int = HTTPStatus.OK, **headers: str
) -> Response:
    """The page; everything in it is escaped."""
    return HTMLResponse(render(request, template, context), int(status), {**SAFETY, **headers})


def render(request: Request, template: str, context: Mapping[str, Any]) -> str:
    """The HTML of a template, with what every page has."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    shared = {
        "csrf": get_token(request),
        "path": request.scope["path"],
        "visitor": visitor,
        "is_signed_in": getattr(request.state, "session", None) is not None,
        "reviewer": name_reviewer(request),
        "may_run": visitor is not None and Scope.BATCHES_RUN in visitor.scopes,
        "may_review": visitor is not None and Scope.REVIEWS_WRITE in visitor.scopes,
    }
    return _open_templates().get_template(f"screening/{template}").render(shared | dict(context))


def name_reviewer(request: Request) -> str:
    """Who reviews: whose API key it is, or the name that somebody gave where no key is needed; else empty."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is not None and visitor.id:
        return visitor.actor
    return words.decode_name(request.cookies.get(REVIEWER_COOKIE, ""))[:MAX_REVIEWER]


def name_actor(request: Request) -> str:
    """How the audit trail calls whoever sent the request."""
    visitor: Visitor = request.state.visitor
    return visitor.actor if visitor.id else name_reviewer(request) or visitor.actor


def _show_problem(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    request.state.problem = problem.code
    return render_page(request, "problem.html", {"problem": problem}, problem.status, **(headers or {}))


@cache
def _open_templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= words.FILTERS
    return environment
