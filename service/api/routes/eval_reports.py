"""Reports on finished runs, and comparisons of two, in four forms."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.responses import Response

from service.api.access import require
from service.api.eval_reports import MEDIA_TYPES, Form, PartName, Subject, build_report_policy, choose_form
from service.api.eval_schemas import MAX_RUN_ID, RUN_ID
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.evals import RunId
from service.api.runtime import Runtime, WithRuntime
from service.store.keys import Scope

router = APIRouter(prefix="/v1/evals", tags=["evals"], dependencies=[Depends(require(Scope.EVALS_READ))])

Part = Annotated[
    PartName,
    Query(description="Only questions that the grader was tuned on, or only those held out; the set names them"),
]
Common = Annotated[bool, Query(description="Compare only the cases that both have; else both must have the same")]
WantedForm = Annotated[
    Form | None, Query(alias="format", description="Else what the Accept header asks for, else JSON")
]
Accept = Annotated[str, Header(include_in_schema=False)]
FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report",
        "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()},
    }
}


def describe_name(which: str) -> Any:
    """The parameter that names one side of a comparison."""
    return Query(
        pattern=RUN_ID, max_length=MAX_RUN_ID, description=f"{which}: a run's id, or a set's for its accepted baseline"
    )


First = Annotated[str, describe_name("What was before")]
Second = Annotated[str, describe_name("What is new")]


@router.get(
    "/runs/{run_id}/report",
    operation_id="get_eval_report",
    response_class=Response,
    responses={**FORMS, **document(*SCOPE_STATUSES, 404, 422, 500)},
)
async def get_report(
    run_id: RunId, runtime: WithRuntime, part: Part = "all", form: WantedForm = None, accept: Accept = ""
) -> Response:
    """A finished run against the raters' levels: agreement, coverage, groups, robustness, cost. Needs `evals:read`.

    It lays some cases open, so it holds answers; no cache may keep it. 422 for a run that is unfinished. The first
    report takes seconds.
    """
    return await send_report(runtime, Subject((run_id,), part), form or choose_form(accept))


@router.get(
    "/comparisons",
    operation_id="compare_eval_runs",
    response_class=Response,
    responses={**FORMS, **document(*SCOPE_STATUSES, 404, 422, 500)},
)
async def compare_runs(
    first: First,
    second: Second,
    runtime: WithRuntime,
    part: Part = "all",
    common: Common = False,
    form: WantedForm = None,
    accept: Accept = "",
) -> Response:
    """Two finished runs over the same cases: better, no worse, worse, or not enough evidence. Needs `evals:read`.

    With the numbers behind the verdict, what changed in the prompt, who would cross a cut-off, and both runs' own
    reports. It holds answers; no cache may keep it. 422 when the two cannot be compared.
    """
    return await send_report(runtime, Subject((first, second), part, common), form or choose_form(accept))


async def send_report(runtime: Runtime, subject: Subject, form: Form) -> Response:
    """The report as an answer; raises as `EvalReports.render`."""
    text = await runtime.eval_reports.render(runtime.services, subject, form)
    headers = {"Vary": "Accept"}
    if form == "html":
        headers |= {"Content-Security-Policy": build_report_policy(), "X-Robots-Tag": "noindex"}
    return Response(text, headers=headers, media_type=MEDIA_TYPES[form])
