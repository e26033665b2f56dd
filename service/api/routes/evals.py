"""Eval sets, and runs over them: what there is, how far it is, and one more."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from service.api import eval_catalogue as catalogue
from service.api.access import require
from service.api.eval_events import stream_run
from service.api.eval_runs import build_evaluation
from service.api.eval_schemas import (
    MAX_RUN_ID,
    RUN_ID,
    EvalForecast,
    EvalRunFilter,
    EvalRunPage,
    EvalRunRequest,
    EvalRunView,
    EvalSetList,
    EvalSetView,
)
from service.api.events import MEDIA_TYPE as EVENTS
from service.api.responses import SCOPE_STATUSES, document, link_next
from service.api.routes.grades import require_json
from service.api.runtime import Runtime, WithRuntime, WithServices
from service.domain.base import Slug
from service.store.keys import Scope
from service.wiring_evals import Evaluation, PreparedRun

router = APIRouter(prefix="/v1/evals", tags=["evals"])
may_read = Depends(require(Scope.EVALS_READ))
SetId = Annotated[Slug, Path(description="The set's id, such as `behavioural-interview`")]
RunId = Annotated[
    str,
    Path(
        pattern=RUN_ID, max_length=MAX_RUN_ID, description="The run's id, such as `my-set.grade-v1.embedded.0f3a9c21`"
    ),
]


@router.get("/sets", operation_id="list_eval_sets", responses=document(*SCOPE_STATUSES, 500), dependencies=[may_read])
async def list_sets(services: WithServices) -> EvalSetList:
    """The eval sets of this server, without their cases; and those that cannot be used, with what is wrong.

    Needs the scope `evals:read`.
    """
    return await asyncio.to_thread(catalogue.list_sets, services)


@router.get(
    "/sets/{set_id}",
    operation_id="get_eval_set",
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[may_read],
)
async def get_set(set_id: SetId, services: WithServices) -> EvalSetView:
    """One eval set without its cases, and which run was accepted as its baseline. Needs the scope `evals:read`."""
    return await asyncio.to_thread(catalogue.view_set, services, set_id)


@router.get(
    "/runs",
    operation_id="list_eval_runs",
    response_model=EvalRunPage,
    responses=document(*SCOPE_STATUSES, 400, 422, 500),
    dependencies=[may_read],
)
async def list_runs(request: Request, runtime: WithRuntime, wanted: Annotated[EvalRunFilter, Query()]) -> Response:
    """Eval runs, newest first, a page at a time. Needs the scope `evals:read`.

    Ask with `cursor` set to `next_cursor` for the next page, or follow the `Link` header. Runs of the command line in
    the same folder are listed too; `running` is said only of a run that this server works on.
    """
    page = await asyncio.to_thread(catalogue.list_page, runtime.services, runtime.eval_runs, wanted)
    headers = link_next(request, page.next_cursor)
    return Response(page.model_dump_json(), headers=headers, media_type="application/json")


@router.post(
    "/runs",
    operation_id="create_eval_run",
    status_code=202,
    response_model=EvalRunView,
    responses={
        200: {"model": EvalRunView | EvalForecast, "description": "It is finished already; or the forecast"},
        **document(*SCOPE_STATUSES, 400, 409, 413, 415, 422, 500, 502, 507),
    },
    dependencies=[Depends(require_json), Depends(require(Scope.EVALS_RUN))],
)
async def create_run(body: EvalRunRequest, runtime: WithRuntime) -> Response:
    """Grades a set, in the background of this server. Needs the scope `evals:run`; each call of a model may cost.

    202 with the run and its address: it goes on whether or not anybody waits. 200 when the very same run is finished
    already (`again` makes another), and with `dry_run` a forecast: what it would take, and nothing is asked.

    The run's id is derived from everything that defines it, so asking twice is asking once: the same request joins the
    run that is going on, and continues one that was stopped, after a restart too. No reply that was received is asked
    for again. An `Idempotency-Key` is allowed and not needed.

    One run at a time: while one is going on, another is refused (409, `run-busy`, with `Retry-After`). A run takes at
    most a quarter of the calls in flight that the server allows, so that live gradings do not wait for it. When the
    server stops, the run stops in order.
    """
    services = runtime.services
    services.models.get_caller(body.model)  # set up here: in a thread, two requests could set it up twice
    evaluation = build_evaluation(services, body.model)
    prepared = await asyncio.to_thread(prepare_run, evaluation, body, runtime)
    if body.dry_run:
        forecast = await asyncio.to_thread(evaluation.forecast, prepared)
        return _send(EvalForecast.build(prepared.plan.id, forecast), 200)
    headers = {"Location": f"/v1/evals/runs/{prepared.plan.id}"}
    if await asyncio.to_thread(evaluation.find_finished, prepared) is not None:
        return _send(await _view(prepared.plan.id, runtime), 200, headers)
    await runtime.eval_runs.start(evaluation, prepared).wait_for_start()
    return _send(await _view(prepared.plan.id, runtime), 202, headers)


def prepare_run(evaluation: Evaluation, body: EvalRunRequest, runtime: Runtime) -> PreparedRun:
    """Raises an InputError that names what is unknown or unusable."""
    folder = catalogue.find_set(runtime.services, body.set)
    return evaluation.prepare(body.build_order(str(folder)))


@router.get(
    "/runs/{run_id}",
    operation_id="get_eval_run",
    response_model=EvalRunView,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
    dependencies=[may_read],
)
async def get_run(run_id: RunId, runtime: WithRuntime) -> Response:
    """One run: what it is made with, how far it is, and why it stopped if it did. Needs the scope `evals:read`."""
    return _send(await _view(run_id, runtime), 200)


@router.get(
    "/runs/{run_id}/events",
    operation_id="follow_eval_run",
    response_class=Response,
    responses={
        200: {"content": {EVENTS: {"schema": {"type": "string"}}}, "description": "The stream, until the run ends"},
        **document(*SCOPE_STATUSES, 404, 422, 500),
    },
    dependencies=[may_read],
)
async def follow_run(request: Request, run_id: RunId, runtime: WithRuntime) -> Response:
    """How far a run is, as server-sent events. Needs the scope `evals:read`.

    `progress` comes at once and then at most four times a second; at the end comes `finished` with the run, or
    `problem` with a problem document. Whoever leaves does not stop the run. 422 for an unfinished run that this server
    does not work on.
    """
    folder = await asyncio.to_thread(catalogue.find_run, runtime.services, run_id)
    attempt = runtime.eval_runs.find(run_id)
    return await stream_run(request, folder, attempt, runtime.settings.shutdown_seconds)


async def _view(run_id: str, runtime: Runtime) -> EvalRunView:
    folder = await asyncio.to_thread(catalogue.find_run, runtime.services, run_id)
    return await asyncio.to_thread(catalogue.view_run, folder, runtime.eval_runs.find(run_id))


def _send(shown: EvalRunView | EvalForecast, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(shown.model_dump_json(), status, headers, "application/json")
