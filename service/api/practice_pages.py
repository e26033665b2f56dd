"""How the pages of practising are made: templates, what stands on each, and what an error looks like there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.api.practice_access import Visit, keep_cookie
from service.api.practice_words import FILTERS
from service.api.problems import Problem
from service.api.runtime import Runtime
from service.api.screening_pages import SAFETY as SCREENING_SAFETY
from service.api.screening_pages import PageRoute

SAFETY = {
    **SCREENING_SAFETY,
    # A recording is played back from the browser's own memory before it is sent.
    "Content-Security-Policy": SCREENING_SAFETY["Content-Security-Policy"] + "; media-src 'self' blob:",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}


class PracticeRoute(PageRoute):
    """A route whose failures are pages for learners."""

    def show_problem(self, request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
        return show_problem(request, problem, headers)


def show_problem(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None, answer: str = ""
) -> Response:
    """The page of a failure; `answer` is what was written and has no page to go back to."""
    request.state.problem = problem.code
    context = {"problem": problem, "answer": answer}
    return render_page(request, "problem.html", context, problem.status, **(headers or {}))


def render_page(
    request: Request, template: str, context: Mapping[str, Any], status: int = HTTPStatus.OK, **headers: str
) -> Response:
    """The page, with the learner's cookie where they have none yet; everything in it is escaped."""
    response = HTMLResponse(render(request, template, context), int(status), {**SAFETY, **headers})
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is not None and visit.is_new:
        keep_cookie(request, response, visit, request.app.state.runtime)
    return response


def render(request: Request, template: str, context: Mapping[str, Any]) -> str:
    """The HTML of a template, with what every page has."""
    visit: Visit | None = getattr(request.state, "visit", None)
    runtime: Runtime = request.app.state.runtime
    shared = {
        "csrf": visit.csrf if visit is not None else "",
        "path": request.scope["path"],
        "is_signed_in": getattr(request.state, "session", None) is not None,
        "can_speak": runtime.opened is not None and runtime.speech.is_available,
    }
    return _open_templates().get_template(f"practice/{template}").render(shared | dict(context))


@cache
def _open_templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
