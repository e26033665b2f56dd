"""Pages to read in a browser: what evals there are, and their reports. They change nothing and need no script.

Like everything under /v1 they need the scope `evals:read`. Without API keys they just open; with keys, which a browser
cannot send, they are for `curl -o`.
"""

from __future__ import annotations

import asyncio
from functools import cache

from fastapi import APIRouter, Depends
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from starlette.responses import HTMLResponse, Response

from service.api.access import PAGES, require
from service.api.eval_catalogue import list_page, list_set_names, view_set
from service.api.eval_reports import Subject
from service.api.eval_schemas import BrokenSet, EvalRunFilter, EvalRunSummary, EvalSetView
from service.api.routes.eval_reports import Common, First, Part, Second, send_report
from service.api.routes.evals import RunId
from service.api.runtime import Runtime, WithRuntime
from service.api.schemas import MAX_PAGE
from service.errors import InputError
from service.store.keys import Scope

router = APIRouter(include_in_schema=False, prefix=PAGES, dependencies=[Depends(require(Scope.EVALS_READ))])
# As every page here, and besides: the form that compares two runs may be sent to this server.
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


@router.get("")
async def show_evals(runtime: WithRuntime) -> Response:
    """Sets, the newest runs with links to their reports, and a form that compares two."""
    page = await asyncio.to_thread(render_evals, runtime)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "X-Robots-Tag": "noindex"})


@router.get("/runs/{run_id}")
async def show_report(run_id: RunId, runtime: WithRuntime, part: Part = "all") -> Response:
    """The report on one finished run."""
    return await send_report(runtime, Subject((run_id,), part), "html")


@router.get("/comparisons")
async def show_comparison(
    first: First, second: Second, runtime: WithRuntime, part: Part = "all", common: Common = False
) -> Response:
    """Two finished runs, or a set's baseline and a run."""
    return await send_report(runtime, Subject((first, second), part, common), "html")


def render_evals(runtime: Runtime) -> str:
    """The page's HTML; everything in it is escaped."""
    sets, broken = _view_sets(runtime)
    runs = list_page(runtime.services, runtime.eval_runs, EvalRunFilter(limit=MAX_PAGE)).items
    finished = [run for run in runs if run.status == "finished"]
    return _open_template().render(
        sets=sets,
        broken=broken,
        runs=runs,
        most=MAX_PAGE,
        afters=_list_runs(finished),
        befores=_list_befores(sets, finished),
        before=_choose_before(sets, finished),
    )


def _view_sets(runtime: Runtime) -> tuple[list[EvalSetView], list[BrokenSet]]:
    sets, broken = [], []
    for name in list_set_names(runtime.services):
        try:
            sets.append(view_set(runtime.services, name))
        except InputError as error:
            broken.append(BrokenSet(id=name, problem=str(error)))
    return sets, broken


def _list_befores(sets: list[EvalSetView], finished: list[EvalRunSummary]) -> list[tuple[str, str]]:
    """What a run can be compared with, as (name, words): baselines first, since those are what a change must face."""
    baselines = [(one.id, f"baseline of {one.id}") for one in sets if one.baseline is not None]
    return [*baselines, *_list_runs(finished)]


def _list_runs(finished: list[EvalRunSummary]) -> list[tuple[str, str]]:
    """As (name, words): the time comes first, since ids differ only at their ends, which a narrow screen cuts off."""
    return [(run.id, f"{run.started_at:%Y-%m-%d %H:%M} {run.prompt} on {run.model}: {run.id}") for run in finished]


def _choose_before(sets: list[EvalSetView], finished: list[EvalRunSummary]) -> str:
    """What the newest run is most likely to be compared with; empty when there is nothing over the same set."""
    if not finished:
        return ""
    newest, *others = finished
    baselines = (one.id for one in sets if one.baseline is not None and one.id == newest.set)
    return next(iter((*baselines, *(run.id for run in others if run.set == newest.set))), "")


@cache
def _open_template() -> Template:
    environment = Environment(loader=PackageLoader("service.api"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("evals.html")
